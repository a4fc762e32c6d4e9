import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDecimal } from '../../src/base/decimal.js';
import {
  addFractions,
  type Fraction,
  fractionToDecimal,
  NOTHING,
  subtractFractions,
} from '../../src/base/fraction.js';
import { formatMinor, toMinor } from '../../src/domain/pricing/money.js';
import type { PriceVersion } from '../../src/domain/pricing/price.js';
import { AMOUNT_SCALE, rateGross } from '../../src/domain/pricing/rate.js';
import { sharedFile } from '../support/shared-files.js';
import { decimal, type GivenVersion, givenVersion, quanta } from './given.js';

const ratePerUnit = (version: PriceVersion, amount: bigint, scale: number) =>
  rateGross(version, { quanta: amount, events: 0 }, scale);

const SCALE = 9;

function rate(version: GivenVersion, quantity: string, scale = SCALE): string {
  return shown(ratePerUnit(givenVersion(version), quanta(quantity, scale), scale));
}

function shown(amount: Fraction): string {
  return formatDecimal(fractionToDecimal(amount, AMOUNT_SCALE));
}

describe('a price per unit', () => {
  test.each<[version: GivenVersion, quantity: string, amount: string]>([
    [{ unit: '0.002', per: '1000' }, '100000', '0.2'],
    [{ unit: '0.002', per: '1000' }, '1', '0.000002'],
    [{ unit: '5' }, '0', '0'],
    [{ unit: '0' }, '1000000', '0'],
    [{ unit: '0.10' }, '5', '0.5'],
    [{ unit: '10' }, '2.5', '25'],
    [{ unit: '1', per: '0.5' }, '3', '6'],
    [{ unit: '3', per: '4' }, '0.000000001', '0.00000000075'],
    [{ unit: '0.00000000000001' }, '0.000000001', '0.00000000000000000000001'],
    [{ unit: '0.02', per: '3' }, '3', '0.02'],
    [{ unit: '1', per: '1125899906842624' }, '1', '0.0000000000000008881784197001'],
    [{ unit: '1', per: '3' }, '1', `0.${'3'.repeat(28)}`],
    [{ unit: '2', per: '3' }, '1', `0.${'6'.repeat(27)}7`],
    [{ unit: '0.5' }, '9223372036.854775807', '4611686018.4273879035'],
  ])('%o for a quantity of %s is %s', (version, quantity, amount) => {
    expect(rate(version, quantity)).toBe(amount);
  });

  test.each<[quantity: string, amount: string]>([
    ['0', '0'],
    ['99.999999999', '0'],
    ['100', '0'],
    ['100.000000001', '0.000000002'],
    ['101', '2'],
    ['250', '300'],
  ])('of 2 with 100 included asks, for %s, %s', (quantity, amount) => {
    expect(rate({ unit: '2', included: quanta('100', SCALE) }, quantity)).toBe(amount);
  });

  test('is exact where its decimals never end', () => {
    const third = ratePerUnit(givenVersion({ unit: '1', per: '3' }), 1n, 0);
    const whole = [third, third, third].reduce(addFractions, NOTHING);
    expect(whole.numerator).toBe(whole.denominator);
  });

  test('does not depend on the scale of the meter', () => {
    for (const scale of [0, 1, 4, 9]) {
      expect(rate({ unit: '0.002', per: '1000' }, '12345', scale)).toBe('0.02469');
    }
  });

  test('is never negative and never falls as the quantity grows', () => {
    const amount = fc.bigInt({ min: 0n, max: 10n ** 20n });
    const unit = fc.bigInt({ min: 0n, max: 10n ** 16n });
    fc.assert(
      fc.property(
        amount,
        amount,
        amount,
        unit,
        fc.integer({ min: 1, max: 10_000 }),
        (a, b, ...p) => {
          const [included, units, per] = p;
          const version = {
            ...givenVersion({ unit: '0', per: String(per), included }),
            unitPrice: { units, scale: 14 },
          };
          const [less, more] = [ratePerUnit(version, a, 4), ratePerUnit(version, a + b, 4)];
          expect(less.numerator).toBeGreaterThanOrEqual(0n);
          expect(subtractFractions(more, less).numerator).toBeGreaterThanOrEqual(0n);
        },
      ),
    );
  });

  test('bills a real trace once per line, 3.35 + 2.45, where each request alone costs 0', () => {
    const lines = [
      ratePerUnit(givenVersion({ unit: '0.00000015' }), 22_361_870n, 0),
      ratePerUnit(givenVersion({ unit: '0.0000006' }), 4_088_665n, 0),
    ];
    expect(lines.map((line) => formatMinor(toMinor(line, 'USD'), 'USD'))).toEqual(['3.35', '2.45']);
    expect(shown(lines.reduce(addFractions, NOTHING))).toBe('5.8074795');
    const request = ratePerUnit(givenVersion({ unit: '0.0000006' }), 211n, 0);
    expect(toMinor(request, 'USD')).toBe(0n);
  });
});

interface Vectors {
  readonly amounts: readonly {
    readonly id: string;
    readonly model: string;
    readonly params: Readonly<Record<string, string>>;
    readonly usage: string;
    readonly expect_amount: string;
  }[];
  readonly free_units: readonly {
    readonly id: string;
    readonly free_units: string;
    readonly already_used: string;
    readonly usage: string;
    readonly billable: string;
    readonly already_billable: string;
  }[];
}

interface Traces {
  readonly traces: Readonly<
    Record<
      string,
      {
        readonly stats: { readonly input_tokens: number; readonly output_tokens: number };
        readonly cost: Readonly<
          Record<
            string,
            {
              readonly input: string;
              readonly output: string;
              readonly exact_usd: string;
              readonly invoice_usd: string;
            }
          >
        >;
      }
    >
  >;
}

const vectors = sharedFile('pricing-vectors/pricing_vectors.json');
const totals = sharedFile('pricing-vectors/trace_totals.json');

describe('the amounts of other systems', () => {
  test.skipIf(vectors.absent)(`per unit come out alike${vectors.note}`, () => {
    const { amounts } = vectors.read<Vectors>();
    const rows = amounts.filter(({ model, params }) => model === 'per_unit' && isPlain(params));
    expect(rows.length).toBe(6);
    expect(
      rows.map(({ id, params, usage }) => [id, rate({ unit: params['unit'] ?? '' }, usage)]),
    ).toEqual(rows.map(({ id, expect_amount }) => [id, expect_amount]));
  });

  test.skipIf(vectors.absent)(
    `per unit that are left out need a minimum, a maximum or a discount${vectors.note}`,
    () => {
      const { amounts } = vectors.read<Vectors>();
      const rows = amounts.filter(({ model }) => model.startsWith('per_unit'));
      const others = rows.filter(({ params }) => !isPlain(params));
      expect(others.map(({ id }) => id)).toEqual([
        'om-unit-min100-0',
        'om-unit-max100-split',
        'om-unit-50pct+max100-split',
      ]);
      for (const { params } of others) expect(params).toSatisfy(hasBound);
    },
  );

  test.skipIf(vectors.absent)(`with free units come out alike${vectors.note}`, () => {
    const rows = vectors.read<Vectors>().free_units;
    expect(rows.length).toBeGreaterThan(0);
    expect(
      rows.map(({ free_units, already_used, usage }) => {
        const version = givenVersion({ unit: '1', included: BigInt(free_units) });
        const before = ratePerUnit(version, BigInt(already_used), 0);
        const after = ratePerUnit(version, BigInt(already_used) + BigInt(usage), 0);
        return [shown(before), shown(subtractFractions(after, before))];
      }),
    ).toEqual(rows.map(({ already_billable, billable }) => [already_billable, billable]));
  });

  test.skipIf(totals.absent)(`for a whole trace are exact to the last digit${totals.note}`, () => {
    for (const { stats, cost } of Object.values(totals.read<Traces>().traces)) {
      const actual = Object.values(cost).map(({ input, output }) => {
        const lines = [
          ratePerUnit(givenVersion({ unit: input }), BigInt(stats.input_tokens), 0),
          ratePerUnit(givenVersion({ unit: output }), BigInt(stats.output_tokens), 0),
        ];
        const minor = lines.reduce((sum, line) => sum + toMinor(line, 'USD'), 0n);
        return [shown(lines.reduce(addFractions, NOTHING)), formatMinor(minor, 'USD')];
      });
      expect(actual).toEqual(
        Object.values(cost).map(({ exact_usd, invoice_usd }) => {
          return [formatDecimal(decimal(exact_usd)), invoice_usd];
        }),
      );
    }
  });
});

function isPlain(params: Readonly<Record<string, string>>): boolean {
  return Object.keys(params).every((name) => name === 'unit');
}

function hasBound(params: Readonly<Record<string, string>>): boolean {
  return ['minimum', 'maximum', 'discount_pct'].some((name) => name in params);
}
