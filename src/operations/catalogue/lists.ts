// Lists of the catalogue, oldest first, by filters that the ledger does not know; and scans of
// records that may be many.

import type { Head } from '../../domain/plans/document.js';
import type { Page, Query, Stored } from '../../ledger/ledger.js';
import type { RecordKind } from '../../ledger/records.js';
import { limits } from '../../limits.js';
import { openPace } from '../../state/index/pace.js';
import type { Core } from '../core.js';
import type { Paging } from '../paging.js';

interface HeadPage<T> {
  readonly records: readonly T[];
  readonly next: string | undefined;
}

/** Clients take a message of 4 MiB: what is read of it is larger as JSON than on the wire. */
const PAGE_BYTES_MAX = limits.messageBytes / 2;

/** `read`: a page of the ledger's. Every page but the last is full, or as large as it may be. */
export async function listHeads<T extends { readonly value: Head<unknown> }>(
  read: (paging: Paging) => Promise<HeadPage<T>>,
  paging: Paging,
  keep: (record: T) => boolean,
): Promise<HeadPage<T>> {
  const records: T[] = [];
  let place: Partial<Paging> = paging;
  let bytes = 0;
  for (;;) {
    const limit = paging.limit - records.length;
    let page = await read({ ...place, limit });
    const tooMany = page.records.findIndex((record) => {
      if (!keep(record)) return false;
      const before = bytes;
      bytes += bytesOf(record.value.document);
      return before > 0 && bytes > PAGE_BYTES_MAX;
    });
    if (tooMany === 0) return { records, next: place.after };
    if (tooMany > 0) page = await read({ ...place, limit: tooMany });
    records.push(...page.records.filter(keep));
    const { next } = page;
    const isFull = tooMany > 0 || records.length === paging.limit;
    if (next === undefined || isFull) return { records, next };
    place = { after: next };
  }
}

export function fitsPage(bytes: number): boolean {
  return bytes <= PAGE_BYTES_MAX;
}

export function bytesOf(document: unknown): number {
  return Buffer.byteLength(JSON.stringify(document));
}

const SCAN_PAGE = 200;

/** All that meet the query, in slices: between two pages the event loop turns. */
export async function* scan<K extends RecordKind>(
  core: Core,
  query: Pick<Query<K>, 'kind' | 'where'>,
): AsyncGenerator<Stored<K>> {
  const pace = openPace(core.clock, () => limits.sliceMs);
  for (let after: string | undefined; ; ) {
    const place = after === undefined ? {} : { after };
    const page: Page<K> = await core.ledger.list<K>({
      ...query,
      order: 'oldest',
      limit: SCAN_PAGE,
      ...place,
    });
    yield* page.records;
    if (page.next === undefined) return;
    after = page.next;
    if (pace.due()) await pace.turn();
  }
}
