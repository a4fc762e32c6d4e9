// The ledger against its hashes: each is that of the entry and of the hash before it, and the last
// one is the one that the next entry will continue. The audit trail is a part of the ledger: what
// the server only keeps books by is in the chain too.

import type { Sequence } from '../../base/units.js';
import type { Entry } from '../../journal/entry.js';
import { CHAIN_START, chainOf } from '../../journal/ledger-codec.js';
import type { Core } from '../core.js';
import type { Begun, Compared } from './verify.js';

export async function verifyAuditChain(core: Core): Promise<Begun> {
  const through = core.journal.lastSequence();
  const chain = openChain(through, core.fold.chain());
  return { through, visit: chain.add, finish: chain.finish };
}

export interface Chain {
  /** Every entry of the journal, in order. */
  readonly add: (entry: Entry, sequence: Sequence) => void;
  readonly finish: () => Compared;
}

/** Goes on from each entry's own hash: one that was changed is named once. */
export function openChain(through: Sequence, end: string): Chain {
  let last = CHAIN_START;
  let count = 0;
  const differences: string[] = [];
  return {
    add(entry, sequence) {
      if (entry.kind !== 'ledger' || sequence > through) return;
      const { chain, ...rest } = entry;
      if (chainOf(rest, last) !== chain) {
        differences.push(`sequence ${sequence}: its hash is not that of it and of what is before`);
      }
      last = chain;
      count++;
    },
    finish() {
      if (last !== end) differences.push('the last hash is not the one that will be continued');
      return { count, differences, skipped: '' };
    },
  };
}
