// What holds for any price, read from YAML, and any usage.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Fraction, WHOLE } from '../../../src/base/fraction.js';
import { toMinor } from '../../../src/domain/pricing/money.js';
import { PRICE_KINDS, type PriceKind } from '../../../src/domain/pricing/price.js';
import { rateGross } from '../../../src/domain/pricing/rate.js';
import { addFractions, type Fraction as Naive, roundFraction } from '../../base/naive.js';
import { CURRENCIES, costOf, linesOf, sumOf, termsOf, versionOf, whole } from './given.js';
import { type NaivePrice, type NaiveUsage, naiveCost, naiveGross } from './naive.js';
import { anyPrice, fieldsOf, plainPrice, QUANTA_MAX, scale, usage } from './random-price.js';
import { DAY_MS, dailyUsage, partOf, sumUsage } from './random-usage.js';

/** A version for each day, in force on that day only. */
function dailyVersions(prices: readonly NaivePrice[], scale: number): readonly string[] {
  return prices.map((price, day) => {
    const from = new Date(day * DAY_MS).toISOString();
    return `${fieldsOf(price, scale)}, effective_from: "${from}"`;
  });
}

function amountOf(price: NaivePrice, { quanta, events }: NaiveUsage, scale: number): Fraction {
  return costOf(termsOf(fieldsOf(price, scale), { scale }), BigInt(quanta), events);
}

/** As cents: below 0, 0 or above 0 where `a` is less than, equal to or more than `b`. */
function compare({ numerator, denominator }: Fraction, { over, under }: Naive): bigint {
  return numerator * 100n * under - over * denominator;
}

function toNaive({ numerator, denominator }: Fraction): Naive {
  return { over: numerator * 100n, under: denominator };
}

const kinds = fc.constantFrom<PriceKind>(...PRICE_KINDS);
const days = fc.array(usage, { minLength: 1, maxLength: 5 });

describe.each(PRICE_KINDS)('a price of the kind %s', (kind) => {
  test('asks what a walk from quantum to quantum adds up to', () => {
    fc.assert(
      fc.property(anyPrice(kind), usage, scale, (price, used, places) => {
        expect(compare(amountOf(price, used, places), naiveCost(price, used, places))).toBe(0n);
      }),
      { numRuns: 300 },
    );
  });

  test('asks the same however its period is cut by versions that change nothing', () => {
    fc.assert(
      fc.property(
        anyPrice(kind),
        days,
        scale,
        fc.constantFrom(...CURRENCIES),
        (price, used, places, currency) => {
          const segments = dailyUsage(used);
          const once = termsOf(fieldsOf(price, places), { scale: places, currency });
          const versions = dailyVersions(
            used.map(() => price),
            places,
          );
          const cut = termsOf(versions, { scale: places, currency });
          expect(cut.prices[0]?.versions.length).toBe(used.length);
          expect(sumOf(linesOf(cut, segments))).toBe(
            sumOf(linesOf(once, whole(...segments.flatMap(({ parts }) => parts)))),
          );
        },
      ),
    );
  });

  test('has lines that add up to what is due, rounded once', () => {
    fc.assert(
      fc.property(anyPrice(kind), usage, scale, (price, used, places) => {
        for (const currency of CURRENCIES) {
          const terms = termsOf(fieldsOf(price, places), { scale: places, currency });
          const due = costOf(terms, BigInt(used.quanta), used.events);
          expect(sumOf(linesOf(terms, whole(partOf(used))))).toBe(toMinor(due, currency));
        }
        const terms = termsOf(fieldsOf(price, places), { scale: places });
        const cents = roundFraction(naiveCost(price, used, places));
        expect(sumOf(linesOf(terms, whole(partOf(used))))).toBe(cents);
      }),
    );
  });

  test('is never below 0, nor is its rate', () => {
    fc.assert(
      fc.property(anyPrice(kind), usage, scale, (price, used, places) => {
        const terms = termsOf(fieldsOf(price, places), { scale: places });
        const gross = rateGross(versionOf(terms), { ...used, quanta: BigInt(used.quanta) }, places);
        expect(gross.numerator).toBeGreaterThanOrEqual(0n);
        expect(gross.denominator).toBeGreaterThan(0n);
        expect(amountOf(price, used, places).numerator).toBeGreaterThanOrEqual(0n);
      }),
    );
  });

  test('keeps within its bounds, and a discount within the rate', () => {
    fc.assert(
      fc.property(anyPrice(kind), usage, scale, (price, used, places) => {
        const { minimumCents = 0, maximumCents = Number.MAX_SAFE_INTEGER } = price;
        const due = amountOf(price, used, places);
        expect(compare(due, { over: BigInt(minimumCents), under: 1n })).toBeGreaterThanOrEqual(0n);
        expect(compare(due, { over: BigInt(maximumCents), under: 1n })).toBeLessThanOrEqual(0n);
        const open = { ...price, minimumCents: undefined, maximumCents: undefined };
        const full = toNaive(amountOf({ ...open, discountPercent: 0 }, used, places));
        expect(compare(amountOf(open, used, places), full)).toBeLessThanOrEqual(0n);
        expect(amountOf({ ...open, discountPercent: 100 }, used, places).numerator).toBe(0n);
      }),
    );
  });

  test('bills in parts what it bills at once: a part is the whole so far less what was billed', () => {
    fc.assert(
      fc.property(anyPrice(kind), days, scale, (price, used, places) => {
        const terms = termsOf(fieldsOf(price, places), { scale: places });
        const standings = used.map((_, day) => {
          const soFar = partOf(sumUsage(used.slice(0, day + 1)));
          return sumOf(
            linesOf(terms, whole(soFar), { isLast: day === used.length - 1, share: WHOLE }),
          );
        });
        const { maximumCents } = price;
        for (const standing of standings.slice(0, -1)) {
          if (maximumCents !== undefined)
            expect(standing).toBeLessThanOrEqual(BigInt(maximumCents));
        }
        const cents = roundFraction(naiveCost(price, sumUsage(used), places));
        expect(standings.at(-1)).toBe(cents);
      }),
    );
  });

  test('tops up to its minimum only with the last part', () => {
    fc.assert(
      fc.property(anyPrice(kind), usage, (price, used) => {
        const terms = termsOf(fieldsOf(price, 0));
        const lines = (isLast: boolean) =>
          linesOf(terms, whole(partOf(used)), { isLast, share: WHOLE });
        const toppedUp = lines(true).filter((line) => line.kind === 'MINIMUM');
        const others = lines(true).filter((line) => line.kind !== 'MINIMUM');
        expect(lines(false)).toEqual(others);
        for (const { amountMinor } of toppedUp) expect(amountMinor).toBeGreaterThan(0n);
      }),
    );
  });
});

test('versions of any kinds add up to Σ (rate of all so far − rate of all before), rounded once', () => {
  const version = kinds.chain(plainPrice);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(version, usage), { minLength: 1, maxLength: 4 }),
      scale,
      (list, places) => {
        const prices = list.map(([price]) => price);
        const used = list.map(([, each]) => each);
        const terms = termsOf(dailyVersions(prices, places), { scale: places });
        const lines = linesOf(terms, dailyUsage(used));
        let expected: Naive = { over: 0n, under: 1n };
        prices.forEach((price, day) => {
          const after = naiveGross(price, sumUsage(used.slice(0, day + 1)), places);
          const before = naiveGross(price, sumUsage(used.slice(0, day)), places);
          expected = addFractions(expected, after);
          if (day > 0)
            expected = addFractions(expected, { over: -before.over, under: before.under });
        });
        expect(sumOf(lines)).toBe(roundFraction(expected));
      },
    ),
    { numRuns: 300 },
  );
});

const MONOTONE = PRICE_KINDS.filter((kind) => kind !== 'volume');

test.each(MONOTONE)('a price of the kind %s never falls as usage grows', (kind) => {
  fc.assert(
    fc.property(anyPrice(kind), usage, usage, scale, (price, less, more, places) => {
      const before = amountOf(price, less, places);
      const after = amountOf(price, sumUsage([less, more]), places);
      expect(compare(after, toNaive(before))).toBeGreaterThanOrEqual(0n);
    }),
  );
});

test('a volume price never falls within a tier', () => {
  fc.assert(
    fc.property(plainPrice('volume'), fc.nat(QUANTA_MAX), fc.nat(QUANTA_MAX), (price, a, b) => {
      const tierOf = (quanta: number) => {
        const left = Math.max(0, quanta - price.included);
        return price.tiers.find(({ end }) => end === undefined || left <= end);
      };
      const [less, more] = a < b ? [a, b] : [b, a];
      fc.pre(tierOf(less) === tierOf(more));
      const before = amountOf(price, { quanta: less, events: 1 }, 0);
      const after = amountOf(price, { quanta: more, events: 1 }, 0);
      expect(compare(after, toNaive(before))).toBeGreaterThanOrEqual(0n);
    }),
  );
});
