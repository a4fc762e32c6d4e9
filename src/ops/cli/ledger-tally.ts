// The ledger as the journal's entries give it: its records, and whether the chain of the audit
// holds from the first entry to the last.

import type { Sequence } from '../../base/units.js';
import type { CorrectionRecord } from '../../domain/metering/correction.js';
import type { CatalogueDocument } from '../../domain/plans/document.js';
import type { Entry, LedgerWrite } from '../../journal/entry.js';
import { CHAIN_START, chainOf } from '../../journal/ledger-codec.js';
import { importWrites, organisationWrites } from '../../state/import-writes.js';
import { openRecords, type Records } from '../../state/records.js';
import { openStore } from '../../state/store.js';
import { openTables } from '../../state/tables.js';

export interface LedgerTally {
  readonly records: Records;
  /** The events that the entry takes back. */
  readonly add: (entry: Entry, sequence: Sequence) => readonly CorrectionRecord[];
}

const NOTHING: readonly CorrectionRecord[] = [];

export function openLedgerTally(problems: string[]): LedgerTally {
  const records = openRecords(openTables(openStore({ get: () => undefined, range: () => [] })));
  let chain = CHAIN_START;
  let isBroken = false;

  function put(writes: readonly LedgerWrite[], sequence: Sequence): readonly CorrectionRecord[] {
    for (const write of writes) records.put(write, sequence);
    const taken = writes.filter(({ kind }) => kind === 'correction');
    return taken.map(({ value }) => JSON.parse(value) as CorrectionRecord);
  }

  return {
    records,
    add(entry, sequence) {
      if (entry.kind === 'catalogue') {
        return put(importWrites(records, documentOf(entry.document), entry.atMs), sequence);
      }
      if (entry.kind === 'organisation') {
        return put(organisationWrites(records, entry.orgId, entry.atMs), sequence);
      }
      if (entry.kind !== 'ledger') return NOTHING;
      if (chainOf(entry, chain) !== entry.chain && !isBroken) {
        isBroken = true;
        problems.push(`sequence ${sequence}: the audit trail is broken here`);
      }
      chain = entry.chain;
      return put(entry.writes, sequence);
    },
  };
}

function documentOf(text: string): CatalogueDocument {
  return JSON.parse(text) as CatalogueDocument;
}
