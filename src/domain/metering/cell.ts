// A cell holds what happened to one label set in one bucket of time, for any aggregation, and the
// proof of it: event count, first and last sequence, and an order-free hash (the sum, in two 32-bit
// lanes, of a hash per entry), so that an invoice line can be proved without reading the events.

import { unreachable } from '../../base/assert.js';
import type { EpochMs, Quanta, Sequence } from '../../base/units.js';
import { maxQuanta } from '../../base/units.js';
import type { Aggregation } from './meter.js';

/** The last level that a source reported. */
export interface Level {
  readonly timeMs: EpochMs;
  readonly sequence: Sequence;
  readonly quanta: Quanta;
}

export interface Cell {
  /** SUM, COUNT: the sum. MAX: the greatest. LAST, UNIQUE: unused. */
  quanta: Quanta;
  count: number;
  firstSequence: Sequence;
  lastSequence: Sequence;
  /** Lanes are signed 32-bit integers here, which need no object of their own; shown unsigned. */
  hashLow: number;
  hashHigh: number;
  /** LAST: by source. */
  levels: Map<string, Level> | undefined;
  /** UNIQUE: events by value. */
  values: Map<string, number> | undefined;
}

/** What an event adds to a cell. */
export interface CellEvent {
  readonly aggregation: Aggregation;
  readonly quanta: Quanta;
  /** LAST: the source; UNIQUE: the value. */
  readonly subject: string;
  readonly eventTimeMs: EpochMs;
}

export function emptyCell(): Cell {
  return {
    quanta: 0n,
    count: 0,
    firstSequence: 0,
    lastSequence: 0,
    hashLow: 0,
    hashHigh: 0,
    levels: undefined,
    values: undefined,
  };
}

export function addEvent(
  cell: Cell,
  event: CellEvent,
  sequence: Sequence,
  hashLow: number,
  hashHigh: number,
): void {
  cell.count++;
  if (cell.count === 1 || sequence < cell.firstSequence) cell.firstSequence = sequence;
  if (sequence > cell.lastSequence) cell.lastSequence = sequence;
  cell.hashLow = (cell.hashLow + hashLow) | 0;
  cell.hashHigh = (cell.hashHigh + hashHigh) | 0;
  switch (event.aggregation) {
    case 'SUM':
    case 'COUNT':
      cell.quanta += event.quanta;
      return;
    case 'MAX':
      cell.quanta = cell.count === 1 ? event.quanta : maxQuanta(cell.quanta, event.quanta);
      return;
    case 'LAST':
      cell.levels ??= new Map();
      setLevel(cell.levels, event.subject, {
        timeMs: event.eventTimeMs,
        sequence,
        quanta: event.quanta,
      });
      return;
    case 'UNIQUE':
      cell.values ??= new Map();
      cell.values.set(event.subject, (cell.values.get(event.subject) ?? 0) + 1);
      return;
    default:
      unreachable(event.aggregation);
  }
}

/** Adds `other` into `cell`; in any order the result is the same. */
export function mergeCell(cell: Cell, other: Cell, aggregation: Aggregation): void {
  if (other.count === 0) return;
  const empty = cell.count === 0;
  cell.count += other.count;
  cell.firstSequence = empty
    ? other.firstSequence
    : Math.min(cell.firstSequence, other.firstSequence);
  cell.lastSequence = Math.max(cell.lastSequence, other.lastSequence);
  cell.hashLow = (cell.hashLow + other.hashLow) | 0;
  cell.hashHigh = (cell.hashHigh + other.hashHigh) | 0;
  if (aggregation !== 'MAX') cell.quanta += other.quanta;
  else cell.quanta = empty ? other.quanta : maxQuanta(cell.quanta, other.quanta);
  for (const [source, level] of other.levels ?? []) {
    cell.levels ??= new Map();
    setLevel(cell.levels, source, level);
  }
  for (const [value, count] of other.values ?? []) {
    cell.values ??= new Map();
    cell.values.set(value, (cell.values.get(value) ?? 0) + count);
  }
}

/** The value of the aggregation over what the cell has seen. */
export function cellValue(cell: Cell, aggregation: Aggregation): Quanta {
  switch (aggregation) {
    case 'SUM':
    case 'COUNT':
    case 'MAX':
      return cell.quanta;
    case 'UNIQUE':
      return BigInt(cell.values?.size ?? 0);
    case 'LAST':
      return sumLevels(cell.levels);
    default:
      return unreachable(aggregation);
  }
}

export function sumLevels(levels: ReadonlyMap<string, Level> | undefined): Quanta {
  let sum = 0n;
  if (levels !== undefined) for (const { quanta } of levels.values()) sum += quanta;
  return sum;
}

/** The greatest (event time, sequence) wins. */
export function isLater(a: Level, b: Level | undefined): boolean {
  if (b === undefined) return true;
  return a.timeMs > b.timeMs || (a.timeMs === b.timeMs && a.sequence > b.sequence);
}

function setLevel(levels: Map<string, Level>, source: string, level: Level): void {
  if (isLater(level, levels.get(source))) levels.set(source, level);
}
