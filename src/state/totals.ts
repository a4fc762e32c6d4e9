// Reading the totals: cells of a meter over a range, by label set. Whole UTC days come from day
// buckets, the rest from quarter hours; the range is on the 15-minute grid.

import { assert } from '../base/assert.js';
import { DAY_MS, type EpochMs } from '../base/units.js';
import { type Cell, emptyCell, isLater, type Level, mergeCell } from '../domain/metering/cell.js';
import type { Aggregation } from '../domain/metering/meter.js';
import type { Labels } from '../journal/entry.js';
import type { Account } from './account.js';
import type { Fold } from './fold.js';
import { QUARTER_MS } from './label-text.js';
import { type Bucket, keys, LABEL_SETS_PER_PAGE } from './tables.js';

export function onGrid(atMs: EpochMs): boolean {
  return atMs % QUARTER_MS === 0;
}

/** The last time on the grid that is not after `atMs`. */
export function onGridBefore(atMs: EpochMs): EpochMs {
  return atMs - (atMs % QUARTER_MS);
}

/** Cells of [startMs, endMs) by label set id. */
export function readCells(
  fold: Fold,
  account: Account,
  meter: string,
  aggregation: Aggregation,
  startMs: EpochMs,
  endMs: EpochMs,
): Map<number, Cell> {
  assert(onGrid(startMs) && onGrid(endMs), 'the totals answer on the 15-minute grid');
  const cells = new Map<number, Cell>();
  const { series } = fold.meterAccount(account, meter);
  const end = Math.min(endMs, series.lastMs + QUARTER_MS);
  const pages = Math.ceil(series.labelSets / LABEL_SETS_PER_PAGE);
  for (const [bucket, atMs] of bucketsOf(Math.max(startMs, series.firstMs), end)) {
    for (let number = 0; number < pages; number++) {
      const page = fold.page(account.organisation.number, meter, bucket, atMs, number);
      for (const [id, cell] of page?.cells ?? []) {
        const sum = cells.get(id) ?? emptyCell();
        mergeCell(sum, cell, aggregation);
        cells.set(id, sum);
      }
    }
  }
  return cells;
}

/** Day buckets where the range holds the whole day, quarter hours elsewhere. */
export function* bucketsOf(startMs: EpochMs, endMs: EpochMs): Generator<[Bucket, EpochMs]> {
  for (let atMs = startMs; atMs < endMs; ) {
    if (atMs % DAY_MS === 0 && atMs + DAY_MS <= endMs) {
      yield ['day', atMs];
      atMs += DAY_MS;
    } else {
      yield ['quarter', atMs];
      atMs += QUARTER_MS;
    }
  }
}

export interface SourceLevel extends Level {
  readonly labelSet: number;
}

/**
 * LAST: every source's level at `endMs`, by walking back until each known source is found. Levels
 * carry over the ends of windows.
 */
export function readLevels(
  fold: Fold,
  account: Account,
  meter: string,
  endMs: EpochMs,
): Map<string, SourceLevel> {
  assert(onGrid(endMs), 'the totals answer on the 15-minute grid');
  const found = new Map<string, SourceLevel>();
  const { series } = fold.meterAccount(account, meter);
  const sources = fold.levels(account, meter)?.sources.size ?? 0;
  const pages = Math.ceil(series.labelSets / LABEL_SETS_PER_PAGE);
  const end = Math.min(endMs, series.lastMs + QUARTER_MS);
  for (const [bucket, atMs] of bucketsBack(series.firstMs, end)) {
    if (found.size === sources) break;
    const inBucket = new Map<string, SourceLevel>();
    for (let number = 0; number < pages; number++) {
      const page = fold.page(account.organisation.number, meter, bucket, atMs, number);
      for (const [labelSet, { levels }] of page?.cells ?? []) {
        for (const [source, level] of levels ?? []) {
          if (!isLater(level, inBucket.get(source))) continue;
          inBucket.set(source, { ...level, labelSet });
        }
      }
    }
    for (const [source, level] of inBucket) if (!found.has(source)) found.set(source, level);
  }
  return found;
}

/** The same from the end to the start. */
export function* bucketsBack(startMs: EpochMs, endMs: EpochMs): Generator<[Bucket, EpochMs]> {
  for (let atMs = endMs; atMs > startMs; ) {
    if (atMs % DAY_MS === 0 && atMs - DAY_MS >= startMs) {
      atMs -= DAY_MS;
      yield ['day', atMs];
    } else {
      atMs -= QUARTER_MS;
      yield ['quarter', atMs];
    }
  }
}

export function labelsOf(fold: Fold, account: Account, meter: string, id: number): Labels {
  const key = keys.labelName(account.organisation.number, meter, id);
  return fold.tables.labelNames.get(key)?.labels ?? [];
}
