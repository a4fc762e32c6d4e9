// Pages of ledger lists: the contract's sizes and tokens, made of the ledger's places.

import type { Ledger, Page, Query } from '../ledger/ledger.js';
import type { RecordKind } from '../ledger/records.js';
import { decodePageToken, encodePageToken, pageSizeOf } from './page.js';
import type { Faults } from './parse.js';

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface Paging {
  readonly limit: number;
  readonly after?: string;
}

/** `list` names the list and the filters that it was asked with. */
export function pagingOf(request: PageRequest, list: string, faults: Faults): Paging {
  const limit = pageSizeOf(request.pageSize);
  const place = decodePageToken(request.pageToken, list, faults);
  return place === undefined ? { limit } : { limit, after: String(place[0]) };
}

export function nextToken(list: string, page: { readonly next: string | undefined }): string {
  return page.next === undefined ? '' : encodePageToken(list, [page.next]);
}

/** Every record of a list that is known to be short. */
export async function listAll<K extends RecordKind>(
  ledger: Ledger,
  query: Omit<Query<K>, 'limit' | 'after' | 'order'>,
): Promise<Page<K>['records']> {
  const records: Page<K>['records'][number][] = [];
  for (let after: string | undefined; ; ) {
    const at = after === undefined ? {} : { after };
    const page = await ledger.list<K>({
      ...query,
      order: 'oldest',
      limit: 1000,
      ...at,
    } as Query<K>);
    records.push(...page.records);
    if (page.next === undefined) return records;
    after = page.next;
  }
}
