// What the hot path remembers of an organisation so that it need not build keys: pointers into the
// tables, each checked by `live` before use. Nothing here is state: it may be dropped at any time.

import type { EpochMs } from '../base/units.js';
import type { Counter, LabelSet, Levels, Organisation, Page, Series } from './values.js';

export interface Account {
  readonly organisation: Organisation;
  readonly meters: Map<string, MeterAccount>;
}

export interface MeterAccount {
  series: Series;
  /** Counters without scope values, by combination. */
  readonly counters: Map<string, Counter>;
  readonly labelSets: Map<string, LabelSet>;
  day: PagePointer | undefined;
  quarter: PagePointer | undefined;
  levels: Levels | undefined;
}

export interface PagePointer {
  readonly startMs: EpochMs;
  readonly number: number;
  readonly page: Page;
}

/** Label sets remembered by text; beyond it they are looked up in their table. */
export const LABEL_SETS_REMEMBERED = 256;
export const ACCOUNTS_REMEMBERED = 50_000;
