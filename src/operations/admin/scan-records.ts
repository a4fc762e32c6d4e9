// All records of a kind, in slices.

import type { Query, Stored } from '../../ledger/ledger.js';
import type { RecordKind } from '../../ledger/records.js';
import type { Core } from '../core.js';
import type { Steps } from './steps.js';

/** Read at a time: some records are as long as an invoice of a thousand lines. */
const PAGE = 4;

export async function* scanRecords<K extends RecordKind>(
  core: Core,
  steps: Steps,
  kind: K,
  scope: Partial<Pick<Query<K>, 'orgId' | 'order'>> = {},
): AsyncGenerator<Stored<K>> {
  for (let after: string | undefined; ; ) {
    const place = after === undefined ? {} : { after };
    const query = { order: 'oldest' as const, ...scope, limit: PAGE, ...place };
    const page = await core.ledger.list<K>({ ...query, kind });
    yield* page.records;
    if (page.next === undefined) return;
    after = page.next;
    if (steps.due()) await steps.turn();
  }
}
