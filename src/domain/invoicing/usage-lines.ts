// Usage lines of one meter: one per price and version in force, so that a line has one price, and
// beside it what the price's conditions add or take off.
//
// Rounding: half away from zero, once per line. What is due under one price is rounded as a whole
// after each version in force and a line is the difference to what stands before it, so the lines
// of a price add up to the rounded whole, however the period is cut.
// MAX, LAST and UNIQUE have no parts: they are priced once, by the version at the period's end.

import { type Decimal, multiply } from '../../base/decimal.js';
import {
  addFractions,
  compareFractions,
  type Fraction,
  fractionOf,
  NOTHING,
  subtractFractions,
  WHOLE,
} from '../../base/fraction.js';
import { type EpochMs, maxQuanta, type Quanta } from '../../base/units.js';
import { type Dimensions, type Match, matchText } from '../metering/dimensions.js';
import type { Meter } from '../metering/meter.js';
import { toMinor } from '../pricing/money.js';
import { overPart } from '../pricing/part-period.js';
import { type Price, type PriceVersion, priceFor, versionAt } from '../pricing/price.js';
import { atLeast, atMost, lessDiscount, rateGross } from '../pricing/rate.js';
import { joinProofs, NO_PROOF, type Proof } from './proof.js';

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

export type UsageLineKind = 'USAGE' | 'INCLUDED' | 'DISCOUNT' | 'MAXIMUM' | 'MINIMUM';

export interface UsageLine {
  readonly kind: UsageLineKind;
  /** What the line is in every rating of its period. */
  readonly key: string;
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

/** What is rated of a period. */
export interface RatedPart {
  /** Whether nothing of the period comes after: only then is its minimum due. */
  readonly isLast: boolean;
  /** The period's share of a whole one: less than 1 where it began late or ended early. */
  readonly share: Fraction;
  /** MAX, LAST, UNIQUE: priced as of this time; absent: of the segment's end. */
  readonly pricedMs?: EpochMs;
}

const WHOLE_PERIOD: RatedPart = { isLast: true, share: WHOLE };

/** Where prices of a meter change inside (startMs, endMs). */
export function changesWithin(
  prices: readonly Price[],
  meter: Meter,
  startMs: EpochMs,
  endMs: EpochMs,
): readonly EpochMs[] {
  if (!hasParts(meter)) return [];
  const changes = prices.flatMap(({ versions }) => versions.map((v) => v.effectiveFromMs));
  const inside = changes.filter((atMs) => atMs > startMs && atMs < endMs);
  return [...new Set(inside)].sort((a, b) => a - b);
}

/** `segments` are in order of time and have all usage that is rated. */
export function usageLines(
  meter: Meter,
  prices: readonly Price[],
  segments: readonly Segment[],
  currency: string,
  part: RatedPart = WHOLE_PERIOD,
): readonly UsageLine[] {
  const drafts = new Map<string, Draft>();
  const due = new Set(prices.filter(({ source }) => source === 'plan'));
  for (const segment of segments) {
    const atMs = pricedAt(meter, segment, part);
    for (const usage of segment.parts) {
      const price = priceFor(prices, usage.dimensions, atMs);
      const draft = draftFor(meter, drafts, price, usage.dimensions, segment, part);
      join(meter, draft, usage);
      draft.endMs = segment.endMs;
      draft.proof = joinProofs(draft.proof, usage.proof);
      if (price !== undefined) due.add(price);
    }
    addDue(meter, due, segment, drafts, part);
  }
  return rateAll(meter, [...drafts.values()], currency, part);
}

function hasParts({ aggregation }: Meter): boolean {
  return aggregation === 'SUM' || aggregation === 'COUNT';
}

function pricedAt(meter: Meter, { startMs, endMs }: Segment, { pricedMs }: RatedPart): EpochMs {
  return hasParts(meter) ? startMs : (pricedMs ?? endMs - 1);
}

interface Draft {
  readonly key: string;
  readonly price: Price | undefined;
  readonly version: PriceVersion | undefined;
  readonly match: Match;
  readonly startMs: EpochMs;
  endMs: EpochMs;
  quanta: Quanta;
  readonly values: Set<string>;
  proof: Proof;
}

/**
 * A price of the plan is due in every segment, used or not: its flat fee, its first tier's fee, its
 * minimum. One of a price list is due from its first usage on.
 */
function addDue(
  meter: Meter,
  due: ReadonlySet<Price>,
  segment: Segment,
  drafts: Map<string, Draft>,
  part: RatedPart,
): void {
  for (const price of due) {
    if (versionAt(price, pricedAt(meter, segment, part)) === undefined) continue;
    draftFor(meter, drafts, price, new Map(price.match), segment, part).endMs = segment.endMs;
  }
}

/** Unpriced usage with a default amount is shown by label set, else in one line per meter. */
function draftFor(
  meter: Meter,
  drafts: Map<string, Draft>,
  price: Price | undefined,
  dimensions: Dimensions,
  segment: Segment,
  part: RatedPart,
): Draft {
  const version = price && versionAt(price, pricedAt(meter, segment, part));
  const match = price?.match ?? (meter.unpriced.kind === 'default' ? [...dimensions] : []);
  const key = keyOf(meter, price, version, match);
  const known = drafts.get(key);
  if (known !== undefined) return known;
  const { startMs, endMs } = segment;
  const usage = { quanta: 0n, values: new Set<string>(), proof: NO_PROOF };
  const draft = { key, price, version, match, startMs, endMs, ...usage };
  drafts.set(key, draft);
  return draft;
}

function keyOf(
  meter: Meter,
  price: Price | undefined,
  version: PriceVersion | undefined,
  match: Match,
): string {
  const what = `${meter.key}\u0003${matchText(match)}`;
  return price === undefined
    ? what
    : `${what}\u0003${price.source}\u0003${version?.effectiveFromMs}`;
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
      draft.quanta =
        part.values === undefined
          ? maxQuanta(draft.quanta, part.quanta)
          : BigInt(draft.values.size);
  }
}

/** Where a period stands under one price: usage so far, and what its lines come to. */
interface Position {
  quanta: Quanta;
  events: number;
  gross: Fraction;
  /** Less discounts. */
  net: Fraction;
  /** Sums of the lines so far, by kind, in minor units. */
  readonly billed: Record<'USAGE' | 'DISCOUNT' | 'MAXIMUM', bigint>;
}

function openPosition(): Position {
  const billed = { USAGE: 0n, DISCOUNT: 0n, MAXIMUM: 0n };
  return { quanta: 0n, events: 0, gross: NOTHING, net: NOTHING, billed };
}

function rateAll(
  meter: Meter,
  drafts: readonly Draft[],
  currency: string,
  part: RatedPart,
): readonly UsageLine[] {
  const positions = new Map<Price, Position>();
  const lastOf = new Map(drafts.map((draft) => [draft.price, draft]));
  return drafts.flatMap((draft): readonly UsageLine[] => {
    const { price, version } = draft;
    if (price === undefined || version === undefined) return [unpricedLine(meter, draft, currency)];
    const position = positions.get(price) ?? openPosition();
    const isFirst = !positions.has(price);
    positions.set(price, position);
    const isLast = part.isLast && lastOf.get(price) === draft;
    const inForce = overPart(version, part.share);
    return rateDraft(meter, draft, inForce, position, { currency, isFirst, isLast });
  });
}

interface Place {
  readonly currency: string;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** `version` is the draft's, over its part of the period. */
function rateDraft(
  meter: Meter,
  draft: Draft,
  version: PriceVersion,
  position: Position,
  { currency, isFirst, isLast }: Place,
): readonly UsageLine[] {
  // Before the first part nothing is billed, also where a rate of no usage is not 0.
  const before = isFirst ? NOTHING : rateGross(version, position, meter.scale);
  const usedBefore = position.quanta;
  position.quanta += draft.quanta;
  position.events += draft.proof.events;
  const gross = subtractFractions(rateGross(version, position, meter.scale), before);
  position.gross = addFractions(position.gross, gross);
  position.net = addFractions(position.net, lessDiscount(gross, version));
  const most = atMost(position.net, version.maximum);
  const round = (amount: Fraction) => toMinor(amount, currency);
  const due = {
    USAGE: round(position.gross),
    DISCOUNT: round(position.net) - round(position.gross),
    MAXIMUM: round(most) - round(position.net),
  };
  const lines: UsageLine[] = [];
  const { billed } = position;
  const included = min(version.included, position.quanta) - min(version.included, usedBefore);
  const shown = lineOf(meter, draft, 'USAGE', draft.quanta, due.USAGE - billed.USAGE);
  const isOwed = shown.amountMinor !== 0n || draft.proof.events > 0 || draft.quanta > 0n;
  if (isOwed) lines.push(shown);
  if (included > 0n) lines.push(lineOf(meter, draft, 'INCLUDED', included, 0n));
  for (const kind of ['DISCOUNT', 'MAXIMUM'] as const) {
    const amount = due[kind] - billed[kind];
    if (amount !== 0n) lines.push(lineOf(meter, draft, kind, 0n, amount));
  }
  Object.assign(billed, due);
  if (!isLast || version.minimum === undefined) return lines;
  if (compareFractions(most, version.minimum) >= 0) return lines;
  const topUp = round(atLeast(most, version.minimum)) - round(most);
  if (topUp !== 0n) lines.push(lineOf(meter, draft, 'MINIMUM', 0n, topUp));
  return lines;
}

function unpricedLine(meter: Meter, draft: Draft, currency: string): UsageLine {
  const price = meter.unpriced.kind === 'default' ? meter.unpriced.amount : undefined;
  const amount =
    price === undefined
      ? NOTHING
      : fractionOf(multiply(price, { units: draft.quanta, scale: meter.scale }));
  const line = lineOf(meter, draft, 'USAGE', draft.quanta, toMinor(amount, currency));
  return { ...line, defaultPrice: price };
}

function lineOf(
  meter: Meter,
  draft: Draft,
  kind: UsageLineKind,
  quanta: Quanta,
  amountMinor: bigint,
): UsageLine {
  const { match, version, startMs, endMs, proof } = draft;
  const key = kind === 'USAGE' ? draft.key : `${draft.key}\u0003${kind}`;
  const rests = { startMs, endMs, proof, defaultPrice: undefined };
  return { kind, key, meter, quanta, match, version, amountMinor, ...rests };
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
