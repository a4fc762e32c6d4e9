// The tables of the state and the keys of their values.

import type { EpochMs } from '../base/units.js';
import type { Store, Table } from './store.js';
import {
  type Counter,
  counterCodec,
  type HoldSlot,
  holdCodec,
  keyOf,
  type LabelName,
  type LabelSet,
  type LedgerRecord,
  type Levels,
  type ListPage,
  labelNameCodec,
  labelSetCodec,
  levelsCodec,
  listCodec,
  type Note,
  noteCodec,
  type Organisation,
  organisationCodec,
  type Page,
  pageCodec,
  recordCodec,
  type SeenValue,
  type Series,
  seenCodec,
  seriesCodec,
} from './values.js';

export interface Tables {
  readonly organisations: Table<Organisation>;
  readonly series: Table<Series>;
  readonly counters: Table<Counter>;
  readonly labelSets: Table<LabelSet>;
  readonly labelNames: Table<LabelName>;
  readonly pages: Table<Page>;
  readonly levels: Table<Levels>;
  readonly seen: Table<SeenValue>;
  readonly holds: Table<HoldSlot>;
  readonly notes: Table<Note>;
  readonly records: Table<LedgerRecord>;
  readonly lists: Table<ListPage>;
  readonly whenSwept: Store['whenSwept'];
}

export function openTables(store: Store): Tables {
  return {
    organisations: store.table(organisationCodec),
    series: store.table(seriesCodec),
    counters: store.table(counterCodec),
    labelSets: store.table(labelSetCodec),
    labelNames: store.table(labelNameCodec),
    pages: store.table(pageCodec),
    levels: store.table(levelsCodec),
    seen: store.table(seenCodec),
    holds: store.table(holdCodec),
    notes: store.table(noteCodec),
    records: store.table(recordCodec),
    lists: store.table(listCodec),
    whenSwept: store.whenSwept,
  };
}

/** Label sets of one bucket that share a value in the state. */
export const LABEL_SETS_PER_PAGE = 64;

export type Bucket = 'day' | 'quarter';
const BUCKET_CODE: Record<Bucket, string> = { day: 'D', quarter: 'Q' };

export const keys = {
  organisation: (orgId: string) => keyOf('o', orgId),
  series: (organisation: number, meter: string) => keyOf('s', organisation, meter),
  counter: (organisation: number, meter: string, combination: string, scopeValues: string) =>
    keyOf('c', organisation, meter, combination, scopeValues),
  labelSet: (organisation: number, meter: string, text: string) =>
    keyOf('l', organisation, meter, text),
  labelName: (organisation: number, meter: string, id: number) =>
    keyOf('n', organisation, meter, id),
  page: (
    organisation: number,
    meter: string,
    bucket: Bucket,
    startMs: EpochMs,
    pageNumber: number,
  ) => keyOf('p', organisation, meter, BUCKET_CODE[bucket], startMs, pageNumber),
  levels: (organisation: number, meter: string) => keyOf('v', organisation, meter),
  seen: (
    organisation: number,
    meter: string,
    combination: string,
    scopeValues: string,
    value: string,
  ) => keyOf('u', organisation, meter, combination, scopeValues, value),
  hold: (slot: number) => keyOf('h', slot),
  record: (kind: string, orgId: string, id: string) => keyOf('r', kind, orgId, id),
  list: (kind: string, orgId: string, page: number) => keyOf('i', kind, orgId, page),
  /** Combinations that only an organisation's overrides name. */
  combinationsOf: (orgId: string) => keyOf('m', 'combinations', orgId),
  chain: keyOf('m', 'chain'),
  catalogue: keyOf('m', 'catalogue'),
  organisations: keyOf('m', 'organisations'),
  combinations: keyOf('m', 'combinations'),
  meterKinds: keyOf('m', 'meter_kinds'),
} as const;
