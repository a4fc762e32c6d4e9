// What the hot path remembers of an organisation so that it need not build keys: pointers into the
// tables, each checked by `live` before use. Nothing here is state: it may be dropped at any time.

import type { EpochMs, Quanta } from '../base/units.js';
import type { Cell } from '../domain/metering/cell.js';
import type { Counter, LabelSet, Levels, Organisation, Page, Series } from './values.js';

export interface Account {
  readonly organisation: Organisation;
  readonly meters: Map<string, MeterAccount>;
}

export interface MeterAccount {
  series: Series;
  /** Counters without scope values, each at the place of its combination: few, so no map. */
  readonly combinations: string[];
  readonly counters: Counter[];
  readonly labelSets: Map<string, LabelSet>;
  day: CellPointer | undefined;
  quarter: CellPointer | undefined;
  levels: Levels | undefined;
  /** Counts what was applied to the meter's totals since this was remembered. */
  changes: number;
  /** For estimates. */
  positions: Positions | undefined;
}

/** Where a usage period stands under the prices of a plan, as of `changes`. */
export interface Positions {
  readonly plan: object;
  readonly startMs: EpochMs;
  changes: number;
  /** By price, or by what stands for one. */
  readonly places: Map<object | string, Position>;
}

export interface Position {
  quanta: Quanta;
  events: number;
  /** UNIQUE: the values that are in. */
  readonly values: Set<string>;
}

/** The cell of a label set in the bucket that was changed last. */
export interface CellPointer {
  /** Of the bucket, counted from the epoch. */
  readonly bucket: number;
  readonly labelSet: number;
  readonly page: Page;
  readonly cell: Cell;
}

/** Label sets remembered by text; beyond it they are looked up in their table. */
export const LABEL_SETS_REMEMBERED = 256;
export const ACCOUNTS_REMEMBERED = 50_000;
