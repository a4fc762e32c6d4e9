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
import { cellValue, emptyCell, mergeCell } from '../domain/metering/cell.js';
import type { Dimensions } from '../domain/metering/dimensions.js';
import type { Meter } from '../domain/metering/meter.js';
import type { Plan } from '../domain/plans/catalogue.js';
import { type Price, type PriceVersion, priceFor, versionAt } from '../domain/pricing/price.js';
import { AMOUNT_SCALE, isLinear, rateDue, type UsageSoFar } from '../domain/pricing/rate.js';
import type { RecordEntry } from '../journal/entry.js';
import type { Account } from '../state/account.js';
import { labelsOf, readCells, readLevels } from '../state/totals.js';
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
  let positions: Map<Price | string, Position> | undefined;
  let levels: Map<string, KnownLevel> | undefined;
  let sum: Fraction = NOTHING;
  for (const each of intended) {
    const { meter } = each;
    const prices = plan.prices.get(meter.key) ?? NO_PRICES;
    // What has no parts in time is priced once, by the version at its period's end.
    const pricedMs = addsUp(meter) ? atMs : core.monthAt(atMs).endMs - 1;
    let steps: readonly Step[] = [each];
    if (meter.aggregation === 'LAST') {
      levels ??= new Map();
      steps = moveLevel(core, account, each, levels);
    }
    for (const { dimensions, ...step } of steps) {
      const price = priceFor(prices, dimensions, pricedMs);
      const rate = rateOf(meter, price && versionAt(price, pricedMs));
      if (rate === undefined) continue;
      if (rate.isLinear) {
        sum = addFractions(sum, rate.amountOf({ quanta: step.quanta, events: 1 }));
        continue;
      }
      const place = price ?? unpricedPlace(meter, dimensions);
      positions ??= new Map();
      const position =
        positions.get(place) ?? usedUnder(core, account, meter, place, { prices, pricedMs });
      positions.set(place, position);
      const before = rate.amountOf(position);
      move(position, meter, step);
      const after = rate.amountOf(position);
      sum = addFractions(sum, subtractFractions(after, before));
    }
  }
  return fractionToDecimal(sum, AMOUNT_SCALE);
}

/**
 * What a month costs less without one of its events, 0 or negative. SUM and COUNT only: what others
 * come to depends on all events of the month.
 */
export function estimateRemoval(
  core: Core,
  account: Account,
  plan: Plan,
  meter: Meter,
  event: RecordEntry,
): Decimal | undefined {
  const { quanta, rollup, eventTimeMs: pricedMs } = event;
  if (!addsUp(meter)) return undefined;
  const prices = plan.prices.get(meter.key) ?? NO_PRICES;
  const dimensions = new Map(rollup);
  const price = priceFor(prices, dimensions, pricedMs);
  const rate = rateOf(meter, price && versionAt(price, pricedMs));
  if (rate === undefined) return undefined;
  const place = price ?? unpricedPlace(meter, dimensions);
  const { quanta: used, events } = usedUnder(core, account, meter, place, { prices, pricedMs });
  const before = rate.amountOf({ quanta: used, events });
  const after = rate.amountOf({ quanta: used - quanta, events: events - 1 });
  return fractionToDecimal(subtractFractions(after, before), AMOUNT_SCALE);
}

/** The invoice shows unpriced usage by label set. */
function unpricedPlace(meter: Meter, dimensions: Dimensions): string {
  const labels = meter.rollupKeys.map((key) => [key, dimensions.get(key) ?? '']);
  return `${meter.key}\u0003${JSON.stringify(labels)}`;
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
  const known = levels.get(place) ?? (account && levelIn(core, account, meter, subject, timeMs));
  if (known !== undefined && timeMs < known.timeMs) return [];
  const before = known?.quanta ?? 0n;
  const level = isDelta ? before + quanta : quanta;
  levels.set(place, { quanta: level, timeMs, dimensions });
  const arrival = { dimensions, quanta: level, subject };
  if (known === undefined) return [arrival];
  return [{ dimensions: known.dimensions, quanta: -before, subject }, arrival];
}

/** A source's level at the end of the month of `timeMs`: a later month has one of its own. */
function levelIn(
  core: Core,
  account: Account,
  meter: Meter,
  subject: string,
  timeMs: EpochMs,
): KnownLevel | undefined {
  const latest = core.fold.levels(account, meter.key)?.sources.get(subject);
  const { endMs } = core.monthAt(Math.min(timeMs, core.clock.wallMs()));
  if (latest === undefined || latest.timeMs < endMs) {
    return latest && { ...latest, dimensions: new Map(latest.labels) };
  }
  const level = readLevels(core.fold, account, meter.key, endMs).get(subject);
  if (level === undefined) return undefined;
  return {
    ...level,
    dimensions: new Map(labelsOf(core.fold, account, meter.key, level.labelSet)),
  };
}

interface Rate {
  readonly amountOf: (usage: UsageSoFar) => Fraction;
  /** The amount of more usage does not depend on what was used before. */
  readonly isLinear: boolean;
}

/** Undefined where usage that no price covers costs nothing. */
function rateOf(meter: Meter, version: PriceVersion | undefined): Rate | undefined {
  const { unpriced, scale } = meter;
  if (version !== undefined) {
    return {
      amountOf: (usage) => rateDue(version, usage, scale),
      isLinear: addsUp(meter) && isLinear(version),
    };
  }
  if (unpriced.kind !== 'default') return undefined;
  const { amount } = unpriced;
  return {
    amountOf: ({ quanta: units }) => fractionOf(multiply(amount, { units, scale })),
    isLinear: addsUp(meter),
  };
}

function addsUp({ aggregation }: Meter): boolean {
  return aggregation === 'SUM' || aggregation === 'COUNT';
}

/** Where a month stands under one price. */
interface Position extends UsageSoFar {
  quanta: Quanta;
  events: number;
  readonly values: Set<string>;
}

function move(
  position: Position,
  { aggregation }: Meter,
  { quanta, subject }: Omit<Step, 'dimensions'>,
): void {
  position.events++;
  switch (aggregation) {
    case 'SUM':
    case 'COUNT':
    case 'LAST':
      position.quanta += quanta;
      return;
    case 'MAX':
      position.quanta = maxQuanta(position.quanta, quanta);
      return;
    case 'UNIQUE':
      if (!position.values.has(subject)) position.quanta += 1n;
      position.values.add(subject);
  }
}

interface Priced {
  readonly prices: readonly Price[];
  readonly pricedMs: EpochMs;
}

function usedUnder(
  core: Core,
  account: Account | undefined,
  meter: Meter,
  place: Price | string,
  { prices, pricedMs }: Priced,
): Position {
  const position = { quanta: 0n, events: 0, values: new Set<string>() };
  if (account === undefined) return position;
  const covers = (labels: Dimensions) =>
    (priceFor(prices, labels, pricedMs) ?? unpricedPlace(meter, labels)) === place;
  const { startMs, endMs } = core.monthAt(pricedMs);
  if (meter.aggregation === 'LAST') {
    for (const { labelSet, quanta } of readLevels(core.fold, account, meter.key, endMs).values()) {
      const labels = labelsOf(core.fold, account, meter.key, labelSet);
      if (covers(new Map(labels))) position.quanta += quanta;
    }
    return position;
  }
  const sum = emptyCell();
  const cells = readCells(core.fold, account, meter.key, meter.aggregation, startMs, endMs);
  for (const [id, cell] of cells) {
    const labels = labelsOf(core.fold, account, meter.key, id);
    if (covers(new Map(labels))) mergeCell(sum, cell, meter.aggregation);
  }
  for (const value of sum.values?.keys() ?? []) position.values.add(value);
  position.quanta = cellValue(sum, meter.aggregation);
  position.events = sum.count;
  return position;
}
