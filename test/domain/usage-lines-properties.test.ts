import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Segment,
  type UsageLine,
  usageLines,
} from '../../src/domain/invoicing/usage-lines.js';
import { addFractions, type Fraction, fractionOf, roundFraction } from '../base/naive.js';
import { type GivenVersion, givenMeter, givenPart, givenPrice } from './given.js';

const DAY_MS = 86_400_000;
const MODELS = ['small', 'large', 'other'] as const;
const CENTS: Fraction = { over: 100n, under: 1n };

interface Version {
  readonly unit: string;
  readonly per: string;
  readonly included: bigint;
}

const used = fc.bigInt({ min: 0n, max: 5_000_000n });
const version: fc.Arbitrary<Version> = fc.record({
  unit: fc.constantFrom('0', '0.005', '0.002', '0.00000015', '1', '12.34', '0.00000000000001'),
  per: fc.constantFrom('1', '1000', '1000000', '0.5', '8', '3', '0.7', '1125899906842624'),
  included: fc.constantFrom(0n, 1n, 100n, 100_000n),
});
/** What each model used on each day; the price of day i is in force on day i only. */
const period = fc.integer({ min: 1, max: 4 }).chain((days) =>
  fc.record({
    versions: fc.array(version, { minLength: days, maxLength: days }),
    usage: fc.array(fc.tuple(used, used, used), { minLength: days, maxLength: days }),
    scale: fc.integer({ min: 0, max: 4 }),
  }),
);

function segmentsOf(usage: readonly (readonly bigint[])[]): readonly Segment[] {
  return usage.map((amounts, day) => ({
    startMs: day * DAY_MS,
    endMs: (day + 1) * DAY_MS,
    parts: amounts.map((amount, i) =>
      givenPart(amount, { model: MODELS[i] ?? '' }, day * 3 + i + 1),
    ),
  }));
}

function versionsOf(versions: readonly Version[]): readonly GivenVersion[] {
  return versions.map((version, day) => ({
    ...version,
    from: new Date(day * DAY_MS).toISOString(),
  }));
}

/** Σ over days of (rate of all so far − rate of all before), as one fraction. */
function exactCents(
  versions: readonly Version[],
  totals: readonly bigint[],
  scale: number,
): bigint {
  let sum: Fraction = { over: 0n, under: 1n };
  let before = 0n;
  versions.forEach(({ unit, per, included }, day) => {
    const after = before + (totals[day] ?? 0n);
    const billable = over(after, included) - over(before, included);
    const price = fractionOf(unit);
    const each = fractionOf(per);
    const part = {
      over: billable * price.over * each.under,
      under: 10n ** BigInt(scale) * price.under * each.over,
    };
    sum = addFractions(sum, part);
    before = after;
  });
  return roundFraction({ over: sum.over * CENTS.over, under: sum.under });
}

function over(quantity: bigint, included: bigint): bigint {
  return quantity > included ? quantity - included : 0n;
}

function sumOf(lines: readonly UsageLine[], of: (line: UsageLine) => bigint): bigint {
  return lines.reduce((sum, line) => sum + of(line), 0n);
}

function sum(list: readonly bigint[]): bigint {
  return list.reduce((total, each) => total + each, 0n);
}

describe('the lines of a price', () => {
  test('add up to the whole period rounded once, however often the price changes', () => {
    fc.assert(
      fc.property(period, ({ versions, usage, scale }) => {
        const price = givenPrice([], versionsOf(versions));
        const lines = usageLines(givenMeter({ scale }), [price], segmentsOf(usage), 'USD');
        const expected = exactCents(versions, usage.map(sum), scale);
        expect(sumOf(lines, ({ amountMinor }) => amountMinor)).toBe(expected);
      }),
    );
  });

  test('do so for each of several prices by itself', () => {
    fc.assert(
      fc.property(period, period, ({ versions, usage, scale }, { versions: others }) => {
        const small = givenPrice([['model', 'small']], versionsOf(versions));
        const rest = givenPrice([], versionsOf(others.slice(0, 1)));
        const lines = usageLines(givenMeter({ scale }), [small, rest], segmentsOf(usage), 'USD');
        const amounts = [true, false].map((matched) =>
          sumOf(
            lines.filter(({ match }) => match.length > 0 === matched),
            ({ amountMinor }) => amountMinor,
          ),
        );
        const own = usage.map(([first]) => first ?? 0n);
        const total = sum(usage.flatMap(([, ...others]) => others));
        expect(amounts).toEqual([
          exactCents(versions, own, scale),
          exactCents(others.slice(0, 1), [total], scale),
        ]);
      }),
    );
  });

  test('are never negative where prices are not', () => {
    fc.assert(
      fc.property(period, ({ versions, usage, scale }) => {
        const price = givenPrice([], versionsOf(versions));
        const lines = usageLines(givenMeter({ scale }), [price], segmentsOf(usage), 'USD');
        expect(lines.filter(({ amountMinor }) => amountMinor < 0n)).toEqual([]);
      }),
    );
  });

  test('show every quantum and every event once, priced or not', () => {
    fc.assert(
      fc.property(period, fc.boolean(), ({ versions, usage, scale }, priced) => {
        const prices = priced ? [givenPrice([['model', 'large']], versionsOf(versions))] : [];
        const segments = segmentsOf(usage);
        const lines = usageLines(givenMeter({ scale }), prices, segments, 'USD').filter(
          ({ kind }) => kind === 'USAGE',
        );
        expect(sumOf(lines, ({ quanta }) => quanta)).toBe(sum(usage.flat()));
        expect(sumOf(lines, ({ proof }) => BigInt(proof.events))).toBe(BigInt(usage.flat().length));
      }),
    );
  });

  test('include no more than is included, and no more than was used', () => {
    fc.assert(
      fc.property(period, version, ({ usage, scale }, version) => {
        const price = givenPrice([], versionsOf([version]));
        const lines = usageLines(givenMeter({ scale }), [price], segmentsOf(usage), 'USD');
        const included = lines.filter(({ kind }) => kind === 'INCLUDED');
        const total = sum(usage.flat());
        const expected = total < version.included ? total : version.included;
        expect(sumOf(included, ({ quanta }) => quanta)).toBe(expected);
        expect(sumOf(included, ({ amountMinor }) => amountMinor)).toBe(0n);
      }),
    );
  });
});
