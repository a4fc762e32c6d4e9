// What holds for any price, whatever the label sets of its usage, and whatever part of its period.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Fraction, ratioOf, WHOLE } from '../../../src/base/fraction.js';
import {
  type RatedPart,
  type UsageLine,
  usageLines,
} from '../../../src/domain/invoicing/usage-lines.js';
import { AGGREGATIONS } from '../../../src/domain/metering/meter.js';
import { PRICE_KINDS, type PriceKind } from '../../../src/domain/pricing/price.js';
import { addFractions, type Fraction as Naive, roundFraction } from '../../base/naive.js';
import { linesOf, sumOf, type Terms, termsOf, whole } from './given.js';
import { type NaivePrice, type NaiveUsage, naiveCost, naiveGross } from './naive.js';
import { anyPrice, fieldsOf, usage } from './random-price.js';
import { daily, partOf, sumUsage } from './random-usage.js';

const MODELS = ['small', 'large'] as const;
const REGIONS = ['eu', 'us'] as const;

const kinds = fc.constantFrom<PriceKind>(...PRICE_KINDS);

describe('label sets', () => {
  const models = fc.constantFrom(...MODELS);
  const regions = fc.constantFrom(...REGIONS);
  const parts = fc.array(fc.record({ usage, model: models, region: regions }), { maxLength: 8 });
  const four = fc.tuple(...[0, 1, 2, 3].map(() => kinds.chain(anyPrice)));

  /** A price for each rank: plan before list, the most labels first; two versions of one. */
  function ranked(
    prices: readonly NaivePrice[],
    aggregation: (typeof AGGREGATIONS)[number],
  ): Terms {
    const [a = '', b = '', c = '', d = ''] = prices.map((price) => fieldsOf(price, 0));
    const list = [`match: {region: eu}, ${c}`];
    return termsOf(
      [`match: {model: large}, ${a}`, b, `${d}, effective_from: "1970-01-02T00:00:00Z"`],
      {
        aggregation,
        list,
      },
    );
  }

  function figures(lines: readonly UsageLine[]): ReadonlyMap<string, unknown> {
    return new Map(
      lines.map(({ key, kind, quanta, amountMinor, proof }) => {
        return [`${kind} ${key}`, { quanta, amountMinor, proof }];
      }),
    );
  }

  test.each(AGGREGATIONS)('cost the same in any order: %s', (aggregation) => {
    fc.assert(
      fc.property(
        four,
        parts,
        parts,
        fc.infiniteStream(fc.nat()),
        (prices, first, second, keys) => {
          const terms = ranked(prices, aggregation);
          const days = [first, second].map((list) =>
            list.map(({ usage: each, model, region }, i) => {
              const part = partOf(each, i + 1, { model, region });
              if (aggregation !== 'UNIQUE') return part;
              const values = Array.from({ length: each.quanta % 7 }, (_, k) => `${model} ${k}`);
              return { ...part, quanta: BigInt(values.length), values };
            }),
          );
          const shuffled = days.map((list) => {
            const ranks = list.map((part) => ({ part, rank: keys.next().value as number }));
            return ranks.sort((a, b) => a.rank - b.rank).map(({ part }) => part);
          });
          const [lines, others] = [days, shuffled].map((each) => linesOf(terms, daily(each)));
          expect(figures(others ?? [])).toEqual(figures(lines ?? []));
          expect(others?.length).toBe(lines?.length);
        },
      ),
    );
  });

  test('cost what they cost together, where one price covers them', () => {
    fc.assert(
      fc.property(kinds.chain(anyPrice), parts, (price, list) => {
        const terms = termsOf(fieldsOf(price, 0));
        const many = list.map(({ usage: each, model, region }, i) =>
          partOf(each, i + 1, { model, region }),
        );
        const one = partOf(sumUsage(list.map(({ usage: each }) => each)));
        expect(sumOf(linesOf(terms, whole(...many)))).toBe(sumOf(linesOf(terms, whole(one))));
      }),
    );
  });
});

describe('a part of a period', () => {
  const share = fc
    .integer({ min: 0, max: 2_592_000 })
    .map((seconds) => ratioOf(BigInt(seconds), 2_592_000n));

  test('is the price with its fees, bounds and included quantities scaled and floored', () => {
    fc.assert(
      fc.property(kinds.chain(anyPrice), usage, share, (price, used, part) => {
        const terms = termsOf(fieldsOf(price, 0));
        const rated: RatedPart = { isLast: true, share: part };
        const cents = roundFraction(naivePart(price, used, part));
        expect(sumOf(linesOf(terms, whole(partOf(used)), rated))).toBe(cents);
      }),
      { numRuns: 500 },
    );
  });

  test('costs the whole where it is not prorated, and where it is the whole', () => {
    fc.assert(
      fc.property(kinds.chain(anyPrice), usage, share, (price, used, part) => {
        const fields = fieldsOf(price, 0);
        const lines = (text: string, by: Fraction) => {
          const { meter, prices, currency } = termsOf(text);
          return sumOf(
            usageLines(meter, prices, whole(partOf(used)), currency, { isLast: true, share: by }),
          );
        };
        const expected = roundFraction(naiveCost(price, used, 0));
        expect(lines(fields, WHOLE)).toBe(expected);
        expect(lines(`${fields}, prorate: false`, part)).toBe(expected);
      }),
    );
  });

  /** Fees are counted apart: the price without them, and the fees alone, times the share. */
  function naivePart(price: NaivePrice, used: NaiveUsage, share: Fraction): Naive {
    const floored = (count: number) => {
      return Number((BigInt(count) * share.numerator) / share.denominator);
    };
    const part = {
      ...price,
      included: floored(price.included),
      freeEvents: floored(price.freeEvents),
    };
    const bare = { ...part, tiers: part.tiers.map((tier) => ({ ...tier, feeCents: 0 })) };
    const isFlat = price.kind === 'flat';
    const rate = naiveGross(isFlat ? { ...bare, cents: 0 } : bare, used, 0);
    const all = naiveGross(part, used, 0);
    const fees = addFractions(all, { over: -rate.over, under: rate.under });
    const scaled = times(fees, { over: share.numerator, under: share.denominator });
    const off = { over: BigInt(100 - price.discountPercent), under: 100n };
    const net = times(addFractions(rate, scaled), off);
    const bound = (cents: number) => times({ over: BigInt(cents), under: 1n }, toShare(share));
    const { minimumCents, maximumCents } = price;
    if (minimumCents !== undefined && isLess(net, bound(minimumCents))) return bound(minimumCents);
    if (maximumCents !== undefined && isLess(bound(maximumCents), net)) return bound(maximumCents);
    return net;
  }

  function toShare({ numerator, denominator }: Fraction): Naive {
    return { over: numerator, under: denominator };
  }

  function times(a: Naive, b: Naive): Naive {
    return { over: a.over * b.over, under: a.under * b.under };
  }

  function isLess(a: Naive, b: Naive): boolean {
    return a.over * b.under < b.over * a.under;
  }
});
