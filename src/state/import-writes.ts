// A file's catalogue as ledger writes: against the records as they stand, or none.

import type { EpochMs } from '../base/units.js';
import { newOrganisation } from '../domain/organisations/document.js';
import type { CatalogueDocument } from '../domain/plans/document.js';
import { type Change, importCatalogue, type Known } from '../domain/plans/import-catalogue.js';
import type { LedgerWrite } from '../journal/entry.js';
import { type Records, recordsOf } from './records.js';

export function importWrites(
  records: Records,
  file: CatalogueDocument,
  atMs: EpochMs,
): readonly LedgerWrite[] {
  return importCatalogue(knownTo(records), file, atMs).changes.map((c) => toWrite(records, c));
}

export function knownTo(records: Records): Known {
  return {
    get: <T>(kind: string, orgId: string, id: string) => {
      const found = records.get(kind, orgId, id);
      return found === undefined ? undefined : (JSON.parse(found.value) as T);
    },
    list: (kind, orgId) => [...recordsOf<never>(records, kind, orgId)],
  };
}

export function toWrite(records: Records, { kind, orgId, id, value }: Change): LedgerWrite {
  return {
    kind,
    orgId,
    id,
    version: records.version(kind, orgId, id) + 1,
    previous: records.sequence(kind, orgId, id),
    value: value === undefined ? '' : JSON.stringify(value),
  };
}

/** An organisation that is first seen by its usage is in the ledger with it. */
export function organisationWrites(
  records: Records,
  orgId: string,
  atMs: EpochMs,
): readonly LedgerWrite[] {
  const kind = 'organization';
  if (records.version(kind, '', orgId) > 0) return [];
  return [toWrite(records, { kind, orgId: '', id: orgId, value: newOrganisation(orgId, atMs) })];
}
