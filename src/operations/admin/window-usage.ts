// Usage of one meter of one organisation in windows that follow one another, by the values of one
// label: each bucket of the totals is read once, and none stays in memory for it. Windows lie on
// the 15-minute grid.
//
// Cost: by days and label sets, for LAST also by the days back to where the sources reported last.

import { DAY_MS, type EpochMs, type Quanta } from '../../base/units.js';
import type { Interval } from '../../domain/metering/calendar.js';
import { type Cell, cellValue, emptyCell, isLater, mergeCell } from '../../domain/metering/cell.js';
import type { Meter } from '../../domain/metering/meter.js';
import { QUARTER_MS } from '../../state/label-text.js';
import { type Bucket, keys, LABEL_SETS_PER_PAGE } from '../../state/tables.js';
import { bucketsBack, bucketsOf, type SourceLevel } from '../../state/totals.js';
import type { Series } from '../../state/values.js';
import type { Core } from '../core.js';
import type { Steps } from './steps.js';

export interface Used {
  quanta: Quanta;
  events: number;
}

/** By value of the label; '' for events without it, and where nothing is grouped. */
export type ByValue = ReadonlyMap<string, Used>;

export interface Wanted {
  readonly meter: Meter;
  /** A rollup key of the meter, or ''. */
  readonly label: string;
  /** Ascending, without gaps. */
  readonly windows: readonly Interval[];
}

/** One for each window; nothing at all for an organisation that never used the meter. */
export async function windowUsage(
  core: Core,
  steps: Steps,
  organisation: number,
  wanted: Wanted,
): Promise<readonly ByValue[]> {
  const { meter } = wanted;
  const series = core.fold.tables.series.peek(keys.series(organisation, meter.key));
  if (series === undefined || series.lastMs === 0) return [];
  const reading = { core, steps, series, wanted, labelOf: valuesBySet(core, series, wanted) };
  return meter.aggregation === 'LAST' ? levels(reading) : sums(reading);
}

interface Reading {
  readonly core: Core;
  readonly steps: Steps;
  readonly series: Series;
  readonly wanted: Wanted;
  /** The label's value in a label set. */
  readonly labelOf: (labelSet: number) => string;
}

function valuesBySet(
  { fold: { tables } }: Core,
  { organisation, meter }: Series,
  { label }: Wanted,
): Reading['labelOf'] {
  const known = new Map<number, string>();
  return (id) => {
    if (label === '') return '';
    const before = known.get(id);
    if (before !== undefined) return before;
    const labels = tables.labelNames.peek(keys.labelName(organisation, meter, id))?.labels ?? [];
    const value = labels.find(([key]) => key === label)?.[1] ?? '';
    known.set(id, value);
    return value;
  };
}

async function sums(reading: Reading): Promise<readonly ByValue[]> {
  const { aggregation } = reading.wanted.meter;
  const all: ByValue[] = [];
  for (const window of reading.wanted.windows) {
    const cells = new Map<string, Cell>();
    await eachCell(reading, within(reading.series, window), (id, cell) => {
      const value = reading.labelOf(id);
      const sum = cells.get(value) ?? emptyCell();
      mergeCell(sum, cell, aggregation);
      cells.set(value, sum);
    });
    all.push(new Map([...cells].flatMap(([value, cell]) => usedOf(value, cell, reading))));
  }
  return all;
}

function usedOf(value: string, cell: Cell, { wanted }: Reading): [string, Used][] {
  if (cell.count === 0) return [];
  return [[value, { quanta: cellValue(cell, wanted.meter.aggregation), events: cell.count }]];
}

/** Levels hold until their source reports another one: also over the ends of windows. */
async function levels(reading: Reading): Promise<readonly ByValue[]> {
  const { windows } = reading.wanted;
  const latest = await levelsAt(reading, windows[0]?.startMs ?? 0);
  const all: ByValue[] = [];
  for (const window of windows) {
    const counts = new Map<string, number>();
    await eachCell(reading, within(reading.series, window), (id, cell) => {
      const value = reading.labelOf(id);
      counts.set(value, (counts.get(value) ?? 0) + cell.count);
      for (const [source, level] of cell.levels ?? []) {
        if (isLater(level, latest.get(source))) latest.set(source, { ...level, labelSet: id });
      }
    });
    all.push(standing(reading, latest, counts));
  }
  return all;
}

function standing(
  { labelOf }: Reading,
  latest: ReadonlyMap<string, SourceLevel>,
  counts: ReadonlyMap<string, number>,
): ByValue {
  const byValue = new Map<string, Used>();
  const at = (value: string) => {
    const used = byValue.get(value) ?? { quanta: 0n, events: 0 };
    byValue.set(value, used);
    return used;
  };
  for (const { quanta, labelSet } of latest.values()) at(labelOf(labelSet)).quanta += quanta;
  for (const [value, count] of counts) if (count > 0) at(value).events += count;
  return byValue;
}

/** Every source's level at `endMs`: back until each source that is known was met. */
async function levelsAt(reading: Reading, endMs: EpochMs): Promise<Map<string, SourceLevel>> {
  const { core, series } = reading;
  const found = new Map<string, SourceLevel>();
  const { organisation, meter, firstMs, lastMs } = series;
  const known = core.fold.tables.levels.peek(keys.levels(organisation, meter))?.sources.size ?? 0;
  for (const bucket of bucketsBack(dayOf(firstMs), Math.min(endMs, dayOf(lastMs) + DAY_MS))) {
    if (found.size === known) break;
    const inBucket = new Map<string, SourceLevel>();
    await eachCell(reading, [bucket], (labelSet, cell) => {
      for (const [source, level] of cell.levels ?? []) {
        if (isLater(level, inBucket.get(source))) inBucket.set(source, { ...level, labelSet });
      }
    });
    for (const [source, level] of inBucket) if (!found.has(source)) found.set(source, level);
  }
  return found;
}

type Place = readonly [Bucket, EpochMs];

async function eachCell(
  { core, steps, series }: Reading,
  places: Iterable<Place>,
  visit: (labelSet: number, cell: Cell) => void,
): Promise<void> {
  const { pages } = core.fold.tables;
  const { organisation, meter } = series;
  const count = Math.ceil(series.labelSets / LABEL_SETS_PER_PAGE);
  for (const [bucket, atMs] of places) {
    for (let number = 0; number < count; number++) {
      const page = pages.peek(keys.page(organisation, meter, bucket, atMs, number));
      for (const [id, cell] of page?.cells ?? []) visit(id, cell);
      if (steps.due()) await steps.turn();
    }
  }
}

/** Whole days where a window has them, also at the ends of what was used. */
function within(series: Pick<Series, 'firstMs' | 'lastMs'>, window: Interval): Iterable<Place> {
  const startMs = Math.max(window.startMs, dayOf(series.firstMs));
  return bucketsOf(startMs, Math.min(window.endMs, dayOf(series.lastMs) + DAY_MS));
}

function dayOf(atMs: EpochMs): EpochMs {
  return Math.floor(atMs / DAY_MS) * DAY_MS;
}

export function isOnGrid({ startMs, endMs }: Interval): boolean {
  return startMs % QUARTER_MS === 0 && endMs % QUARTER_MS === 0;
}
