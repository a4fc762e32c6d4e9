// The marginal amount of usage: what its usage period costs with it less what it costs without,
// unrounded. Flat fees, minima and shares of a part period are the invoice's.

import { type Decimal, multiply } from '../base/decimal.js';
import {
  addFractions,
  type Fraction,
  fractionOf,
  fractionToDecimal,
  NOTHING,
  subtractFractions,
} from '../base/fraction.js';
import type { EpochMs, Quanta } from '../base/units.js';
import type { Dimensions } from '../domain/metering/dimensions.js';
import type { Meter } from '../domain/metering/meter.js';
import { type Price, type PriceVersion, priceFor, versionAt } from '../domain/pricing/price.js';
import { AMOUNT_SCALE, isLinear, rateDue, type UsageSoFar } from '../domain/pricing/rate.js';
import type { RecordEntry } from '../journal/entry.js';
import type { Account } from '../state/account.js';
import { labelsOf, onGridBefore, readLevels } from '../state/totals.js';
import type { Core } from './core.js';
import type { Request } from './evaluate.js';
import {
  copyOf,
  keepPositions,
  type MovedPosition,
  move,
  type Place,
  placesOf,
  positionOf,
} from './positions.js';
import type { Terms } from './rules.js';

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
  /** Undefined: now. LAST: a level that is older than its source's changes nothing. */
  readonly timeMs: EpochMs | undefined;
}

export function intendedBy(request: Request): Intended {
  const { meter, dimensions, quanta, isDelta, subject, eventTimeMs: timeMs } = request;
  return { meter, dimensions, quanta, isDelta, subject, timeMs };
}

/** What several of them cost, one after the other: what is included is used up once. */
export interface Estimate {
  readonly core: Core;
  readonly account: Account | undefined;
  readonly terms: Terms;
  readonly nowMs: EpochMs;
  // Hot path: one event of a simple price needs neither.
  positions: Map<Place, MovedPosition> | undefined;
  levels: Map<string, KnownLevel> | undefined;
}

export function beginEstimate(
  core: Core,
  account: Account | undefined,
  terms: Terms,
  nowMs: EpochMs,
): Estimate {
  return { core, account, terms, nowMs, positions: undefined, levels: undefined };
}

/** What `intended` costs beyond all that went through the estimate before it. */
export function marginalAmount(estimate: Estimate, intended: Intended): Fraction {
  const { core, account, terms } = estimate;
  const { meter } = intended;
  const period = terms.periodAt(intended.timeMs ?? estimate.nowMs);
  if (period.trial) return NOTHING;
  const prices = period.plan.prices.get(meter.key) ?? NO_PRICES;
  // What has no parts in time is priced once, by the version at its period's end.
  const pricedMs = addsUp(meter) ? (intended.timeMs ?? estimate.nowMs) : period.endMs - 1;
  let sum: Fraction = NOTHING;
  for (const step of stepsOf(estimate, intended)) {
    const { dimensions, quanta, subject } = step;
    const price = priceFor(prices, dimensions, pricedMs);
    const rate = rateOf(meter, price && versionAt(price, pricedMs));
    if (rate === undefined) continue;
    if (rate.isLinear) {
      sum = addFractions(sum, rate.amountOf({ quanta, events: 1 }));
      continue;
    }
    const placeOf = placesOf(meter, prices, pricedMs);
    const place = price ?? placeOf(dimensions);
    estimate.positions ??= new Map();
    const position =
      estimate.positions.get(place) ??
      copyOf(positionOf(core, account, meter, period, place, placeOf));
    estimate.positions.set(place, position);
    const before = rate.amountOf(position);
    move(position, meter.aggregation, quanta, subject);
    sum = addFractions(sum, subtractFractions(rate.amountOf(position), before));
  }
  return sum;
}

/** The one event that went through the estimate was recorded. */
export function keepEstimate({ core, account, terms, positions }: Estimate, of: Request): void {
  if (account === undefined || of.eventTimeMs === undefined) return;
  keepPositions(core, account, of.meter, terms.periodAt(of.eventTimeMs), positions);
}

export function toAmount(fraction: Fraction): Decimal {
  return fractionToDecimal(fraction, AMOUNT_SCALE);
}

/**
 * What a period costs less without one of its events, 0 or negative. SUM and COUNT only: what
 * others come to depends on all events of the period.
 */
export function estimateRemoval(
  core: Core,
  account: Account,
  terms: Terms,
  meter: Meter,
  event: RecordEntry,
): Decimal | undefined {
  const { quanta, rollup, eventTimeMs: pricedMs } = event;
  const period = terms.periodAt(pricedMs);
  if (!addsUp(meter) || period.trial) return undefined;
  const prices = period.plan.prices.get(meter.key) ?? NO_PRICES;
  const dimensions = new Map(rollup);
  const price = priceFor(prices, dimensions, pricedMs);
  const rate = rateOf(meter, price && versionAt(price, pricedMs));
  if (rate === undefined) return undefined;
  const placeOf = placesOf(meter, prices, pricedMs);
  const place = placeOf(dimensions);
  const { quanta: used, events } = positionOf(core, account, meter, period, place, placeOf);
  const before = rate.amountOf({ quanta: used, events });
  const after = rate.amountOf({ quanta: used - quanta, events: events - 1 });
  return toAmount(subtractFractions(after, before));
}

/** A change of one position; of LAST, a part of a level's change. */
type Step = Pick<Intended, 'dimensions' | 'quanta' | 'subject'>;

interface KnownLevel {
  readonly quanta: Quanta;
  readonly timeMs: EpochMs;
  readonly dimensions: Dimensions;
}

/** A level leaves the price that it stands under and comes to its new one; a late one does not. */
function stepsOf(estimate: Estimate, intended: Intended): readonly Step[] {
  const { core, account, terms } = estimate;
  const { meter, dimensions, quanta, isDelta, subject } = intended;
  if (meter.aggregation !== 'LAST') return [intended];
  estimate.levels ??= new Map();
  const { levels } = estimate;
  const timeMs = intended.timeMs ?? Number.POSITIVE_INFINITY;
  const { endMs } = terms.periodAt(intended.timeMs ?? estimate.nowMs);
  const place = `${meter.key}\u0004${subject}`;
  const known = levels.get(place) ?? (account && levelBy(core, account, meter, subject, endMs));
  if (known !== undefined && timeMs < known.timeMs) return [];
  const before = known?.quanta ?? 0n;
  const level = isDelta ? before + quanta : quanta;
  levels.set(place, { quanta: level, timeMs, dimensions });
  const arrival = { dimensions, quanta: level, subject };
  if (known === undefined) return [arrival];
  return [{ dimensions: known.dimensions, quanta: -before, subject }, arrival];
}

/** A source's level at the end of a period: a later one has one of its own. */
function levelBy(
  core: Core,
  account: Account,
  meter: Meter,
  subject: string,
  endMs: EpochMs,
): KnownLevel | undefined {
  const latest = core.fold.levels(account, meter.key)?.sources.get(subject);
  if (latest === undefined || latest.timeMs < endMs) {
    return latest && { ...latest, dimensions: new Map(latest.labels) };
  }
  const level = readLevels(core.fold, account, meter.key, onGridBefore(endMs)).get(subject);
  if (level === undefined) return undefined;
  const labels = labelsOf(core.fold, account, meter.key, level.labelSet);
  return { ...level, dimensions: new Map(labels) };
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
