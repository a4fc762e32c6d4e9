// The marginal amount of usage: what the running month costs with it less what it costs without,
// unrounded.

import { type Decimal, multiply } from '../base/decimal.js';
import {
  addFractions,
  type Fraction,
  fractionOf,
  fractionToDecimal,
  NOTHING,
  subtractFractions,
} from '../base/fraction.js';
import { type EpochMs, maxQuanta, type Quanta } from '../base/units.js';
import { type Cell, cellValue, emptyCell, mergeCell } from '../domain/metering/cell.js';
import type { Dimensions } from '../domain/metering/dimensions.js';
import type { Meter } from '../domain/metering/meter.js';
import type { Plan } from '../domain/plans/catalogue.js';
import { AMOUNT_SCALE, ratePerUnit } from '../domain/pricing/per-unit.js';
import { type Price, type PriceVersion, priceFor, versionAt } from '../domain/pricing/price.js';
import type { Account } from '../state/account.js';
import { labelsOf, readCells } from '../state/totals.js';
import type { Core } from './core.js';

const NO_PRICES: readonly Price[] = [];

/** Usage that is not in the totals yet. */
export interface Intended {
  readonly meter: Meter;
  readonly dimensions: Dimensions;
  readonly quanta: Quanta;
  /** LAST: `quanta` changes the level. */
  readonly isDelta: boolean;
  /** UNIQUE: the value. LAST: the source. */
  readonly subject: string;
  /** LAST: a level that is older than its source's changes nothing. Undefined: now. */
  readonly timeMs?: EpochMs | undefined;
}

/** What several of them cost together: what is included is used up once. */
export function estimateAmount(
  core: Core,
  account: Account | undefined,
  plan: Plan,
  intended: readonly Intended[],
  atMs: EpochMs,
): Decimal {
  // Hot path: one event of a simple price needs neither.
  let positions: Map<Price | Meter, Position> | undefined;
  let levels: Map<string, KnownLevel> | undefined;
  let sum: Fraction = NOTHING;
  for (const each of intended) {
    const { meter } = each;
    const prices = plan.prices.get(meter.key) ?? NO_PRICES;
    let steps: readonly Step[] = [each];
    if (meter.aggregation === 'LAST') {
      levels ??= new Map();
      steps = moveLevel(core, account, each, levels);
    }
    for (const { dimensions, ...step } of steps) {
      const price = priceFor(prices, dimensions, atMs);
      const rate = rateOf(meter, price && versionAt(price, atMs));
      if (rate === undefined) continue;
      if (rate.addsUp) {
        sum = addFractions(sum, rate.amountOf(step.quanta));
        continue;
      }
      const place = price ?? meter;
      positions ??= new Map();
      const position = positions.get(place) ?? usedUnder(core, account, meter, price, prices, atMs);
      positions.set(place, position);
      const before = rate.amountOf(position.value);
      move(position, meter, step);
      const after = rate.amountOf(position.value);
      sum = addFractions(sum, subtractFractions(after, before));
    }
  }
  return fractionToDecimal(sum, AMOUNT_SCALE);
}

/** A change of one position; of LAST, a part of a level's change. */
type Step = Pick<Intended, 'dimensions' | 'quanta' | 'subject'>;

interface KnownLevel {
  readonly quanta: Quanta;
  readonly timeMs: EpochMs;
  readonly dimensions: Dimensions;
}

/** A level leaves the price that it stands under and comes to its new one; a late one does not. */
function moveLevel(
  core: Core,
  account: Account | undefined,
  { meter, dimensions, quanta, isDelta, subject, timeMs = Number.POSITIVE_INFINITY }: Intended,
  levels: Map<string, KnownLevel>,
): Step[] {
  const place = `${meter.key}\u0004${subject}`;
  const stored = account && core.fold.levels(account, meter.key)?.sources.get(subject);
  const known = levels.get(place) ?? (stored && { ...stored, dimensions: new Map(stored.labels) });
  if (known !== undefined && timeMs < known.timeMs) return [];
  const before = known?.quanta ?? 0n;
  const level = isDelta ? before + quanta : quanta;
  levels.set(place, { quanta: level, timeMs, dimensions });
  const arrival = { dimensions, quanta: level, subject };
  if (known === undefined) return [arrival];
  return [{ dimensions: known.dimensions, quanta: -before, subject }, arrival];
}

interface Rate {
  readonly amountOf: (quanta: Quanta) => Fraction;
  /** The amount of more usage does not depend on what was used before. */
  readonly addsUp: boolean;
}

/** Undefined where usage that no price covers costs nothing. */
function rateOf(meter: Meter, version: PriceVersion | undefined): Rate | undefined {
  const { unpriced, scale } = meter;
  if (version !== undefined) {
    return {
      amountOf: (quanta) => ratePerUnit(version, quanta, scale),
      addsUp: version.included === 0n && isSum(meter),
    };
  }
  if (unpriced.kind !== 'default') return undefined;
  const { amount } = unpriced;
  return {
    amountOf: (units) => fractionOf(multiply(amount, { units, scale })),
    addsUp: isSum(meter),
  };
}

function isSum({ aggregation }: Meter): boolean {
  return aggregation === 'SUM' || aggregation === 'COUNT';
}

/** Where a month stands under one price. */
interface Position {
  value: Quanta;
  readonly values: Set<string>;
}

function openPosition(): Position {
  return { value: 0n, values: new Set() };
}

function move(
  position: Position,
  { aggregation }: Meter,
  { quanta, subject }: Omit<Step, 'dimensions'>,
): void {
  switch (aggregation) {
    case 'SUM':
    case 'COUNT':
    case 'LAST':
      position.value += quanta;
      return;
    case 'MAX':
      position.value = maxQuanta(position.value, quanta);
      return;
    case 'UNIQUE':
      if (!position.values.has(subject)) position.value += 1n;
      position.values.add(subject);
  }
}

function usedUnder(
  core: Core,
  account: Account | undefined,
  meter: Meter,
  price: Price | undefined,
  prices: readonly Price[],
  atMs: EpochMs,
): Position {
  const position = openPosition();
  if (account === undefined) return position;
  const covers = (labels: Dimensions) => priceFor(prices, labels, atMs) === price;
  if (meter.aggregation === 'LAST') {
    for (const { labels, quanta } of core.fold.levels(account, meter.key)?.sources.values() ?? []) {
      if (covers(new Map(labels))) position.value += quanta;
    }
    return position;
  }
  const sum = monthUnder(core, account, meter, covers, atMs);
  for (const value of sum.values?.keys() ?? []) position.values.add(value);
  position.value = cellValue(sum, meter.aggregation);
  return position;
}

function monthUnder(
  core: Core,
  account: Account,
  meter: Meter,
  covers: (labels: Dimensions) => boolean,
  atMs: EpochMs,
): Cell {
  const { startMs, endMs } = core.monthAt(atMs);
  const sum = emptyCell();
  const cells = readCells(core.fold, account, meter.key, meter.aggregation, startMs, endMs);
  for (const [id, cell] of cells) {
    const labels = labelsOf(core.fold, account, meter.key, id);
    if (covers(new Map(labels))) mergeCell(sum, cell, meter.aggregation);
  }
  return sum;
}
