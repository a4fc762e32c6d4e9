// Usage lines of one meter: one per price and version in force, so that a line has one unit price.
//
// Rounding: half away from zero, once per line. Parts of one price are cumulative: a later part is
// round(rate of all so far) − what is billed already, so the parts add up to the rounded whole.
// MAX, LAST and UNIQUE have no parts: they are priced once, by the version at the period's end.

import { type Decimal, multiply } from '../../base/decimal.js';
import {
  addFractions,
  type Fraction,
  fractionOf,
  NOTHING,
  subtractFractions,
} from '../../base/fraction.js';
import { type EpochMs, maxQuanta, type Quanta } from '../../base/units.js';
import type { Dimensions, Match } from '../metering/dimensions.js';
import type { Meter } from '../metering/meter.js';
import { toMinor } from '../pricing/money.js';
import { ratePerUnit } from '../pricing/per-unit.js';
import { type Price, type PriceVersion, priceFor, versionAt } from '../pricing/price.js';

/** Usage of one label set within one segment of the period: no price changes inside it. */
export interface UsagePart {
  readonly dimensions: Dimensions;
  readonly quanta: Quanta;
  /** UNIQUE: the values, which label sets may share. */
  readonly values?: Iterable<string> | undefined;
  readonly proof: Proof;
}

export interface Segment {
  readonly startMs: EpochMs;
  readonly endMs: EpochMs;
  readonly parts: readonly UsagePart[];
}

/** What a line rests on, so that it can be recomputed from the journal. */
export interface Proof {
  readonly events: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly hashLow: number;
  readonly hashHigh: number;
}

export interface UsageLine {
  readonly kind: 'USAGE' | 'INCLUDED';
  readonly meter: Meter;
  readonly quanta: Quanta;
  readonly match: Match;
  readonly version: PriceVersion | undefined;
  /** Amount of a quantity of 1 where the unpriced policy sets one. */
  readonly defaultPrice: Decimal | undefined;
  readonly amountMinor: bigint;
  readonly startMs: EpochMs;
  readonly endMs: EpochMs;
  readonly proof: Proof;
}

/** Where prices of a meter change inside (startMs, endMs). */
export function changesWithin(
  prices: readonly Price[],
  meter: Meter,
  startMs: EpochMs,
  endMs: EpochMs,
): readonly EpochMs[] {
  if (meter.aggregation !== 'SUM' && meter.aggregation !== 'COUNT') return [];
  const changes = prices.flatMap(({ versions }) => versions.map((v) => v.effectiveFromMs));
  const inside = changes.filter((atMs) => atMs > startMs && atMs < endMs);
  return [...new Set(inside)].sort((a, b) => a - b);
}

export function usageLines(
  meter: Meter,
  prices: readonly Price[],
  segments: readonly Segment[],
  currency: string,
): readonly UsageLine[] {
  const wholePeriod = meter.aggregation !== 'SUM' && meter.aggregation !== 'COUNT';
  const drafts = new Map<string, Draft>();
  for (const segment of segments) {
    const atMs = wholePeriod ? segment.endMs - 1 : segment.startMs;
    for (const part of segment.parts) {
      const price = priceFor(prices, part.dimensions, atMs);
      const place = placeOf(meter, price, prices, part, atMs);
      addPart(meter, drafts, place, { price, atMs, segment, part });
    }
  }
  return rateAll(meter, [...drafts.values()], currency);
}

interface Draft {
  readonly price: Price | undefined;
  readonly version: PriceVersion | undefined;
  readonly match: Match;
  readonly startMs: EpochMs;
  endMs: EpochMs;
  quanta: Quanta;
  readonly values: Set<string>;
  proof: Proof;
}

interface Placed {
  readonly price: Price | undefined;
  readonly atMs: EpochMs;
  readonly segment: Segment;
  readonly part: UsagePart;
}

/** Unpriced usage with a default amount is shown by label set, else in one line per meter. */
function placeOf(
  meter: Meter,
  price: Price | undefined,
  prices: readonly Price[],
  part: UsagePart,
  atMs: EpochMs,
): string {
  if (price !== undefined) {
    const version = versionAt(price, atMs)?.effectiveFromMs;
    return `p${prices.indexOf(price)}:${version}`;
  }
  if (meter.unpriced.kind !== 'default') return 'u';
  return `u${JSON.stringify([...part.dimensions])}`;
}

function addPart(meter: Meter, drafts: Map<string, Draft>, place: string, placed: Placed): void {
  const { price, atMs, segment, part } = placed;
  const known = drafts.get(place);
  if (known !== undefined) {
    join(meter, known, part);
    known.endMs = segment.endMs;
    known.proof = joinProofs(known.proof, part.proof);
    return;
  }
  drafts.set(place, {
    price,
    version: price && versionAt(price, atMs),
    match: price?.match ?? [...part.dimensions],
    startMs: segment.startMs,
    endMs: segment.endMs,
    quanta: part.quanta,
    values: new Set(part.values ?? []),
    proof: part.proof,
  });
}

/** As the meter aggregates: label sets add up, but for a maximum and for values they share. */
function join(meter: Meter, draft: Draft, part: UsagePart): void {
  switch (meter.aggregation) {
    case 'SUM':
    case 'COUNT':
    case 'LAST':
      draft.quanta += part.quanta;
      return;
    case 'MAX':
      draft.quanta = maxQuanta(draft.quanta, part.quanta);
      return;
    case 'UNIQUE':
      for (const value of part.values ?? []) draft.values.add(value);
      draft.quanta = BigInt(draft.values.size);
  }
}

function joinProofs(a: Proof, b: Proof): Proof {
  if (a.events === 0) return b;
  if (b.events === 0) return a;
  return {
    events: a.events + b.events,
    firstSequence: Math.min(a.firstSequence, b.firstSequence),
    lastSequence: Math.max(a.lastSequence, b.lastSequence),
    hashLow: (a.hashLow + b.hashLow) >>> 0,
    hashHigh: (a.hashHigh + b.hashHigh) >>> 0,
  };
}

/** What was rated and billed so far under one price. */
interface Position {
  quanta: Quanta;
  amount: Fraction;
  billedMinor: bigint;
}

function rateAll(meter: Meter, drafts: readonly Draft[], currency: string): readonly UsageLine[] {
  const positions = new Map<Price, Position>();
  return drafts.flatMap((draft): UsageLine[] => {
    const { price, version } = draft;
    if (price === undefined || version === undefined) return [unpricedLine(meter, draft, currency)];
    const position = positions.get(price) ?? { quanta: 0n, amount: NOTHING, billedMinor: 0n };
    positions.set(price, position);
    const before = ratePerUnit(version, position.quanta, meter.scale);
    const usedBefore = position.quanta;
    position.quanta += draft.quanta;
    const after = ratePerUnit(version, position.quanta, meter.scale);
    position.amount = addFractions(position.amount, subtractFractions(after, before));
    const amountMinor = toMinor(position.amount, currency) - position.billedMinor;
    position.billedMinor += amountMinor;
    const line = lineOf(meter, draft, 'USAGE', draft.quanta, amountMinor);
    const included = min(version.included, position.quanta) - min(version.included, usedBefore);
    if (included <= 0n) return [line];
    return [line, lineOf(meter, draft, 'INCLUDED', included, 0n)];
  });
}

function unpricedLine(meter: Meter, draft: Draft, currency: string): UsageLine {
  const price = meter.unpriced.kind === 'default' ? meter.unpriced.amount : undefined;
  const amount =
    price === undefined
      ? NOTHING
      : fractionOf(multiply(price, { units: draft.quanta, scale: meter.scale }));
  const shown = price === undefined ? { ...draft, match: [] } : draft;
  const line = lineOf(meter, shown, 'USAGE', draft.quanta, toMinor(amount, currency));
  return { ...line, defaultPrice: price };
}

function lineOf(
  meter: Meter,
  draft: Draft,
  kind: UsageLine['kind'],
  quanta: Quanta,
  amountMinor: bigint,
): UsageLine {
  const { match, version, startMs, endMs, proof } = draft;
  const defaultPrice = undefined;
  return { kind, meter, quanta, match, version, defaultPrice, amountMinor, startMs, endMs, proof };
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
