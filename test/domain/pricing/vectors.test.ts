// Amounts that four public systems expect, as facts: each row written as a price in YAML, read,
// compiled and billed.

import { describe, expect, test } from 'vitest';
import { formatDecimal, formatUnits } from '../../../src/base/decimal.js';
import { type Fraction, ratioOf, roundFraction } from '../../../src/base/fraction.js';
import { overPart } from '../../../src/domain/pricing/part-period.js';
import { rateDue } from '../../../src/domain/pricing/rate.js';
import { roundText } from '../../base/naive.js';
import { sharedFile } from '../../support/shared-files.js';
import { decimal, utc } from '../given.js';
import {
  bill,
  CURRENCIES,
  cost,
  DIGITS,
  FROM_CHANGE,
  halves,
  linesOf,
  shown,
  sumOf,
  termsOf,
  total,
  used,
  versionOf,
  whole,
} from './given.js';

type Texts = Readonly<Record<string, string>>;

interface Params {
  readonly tiers?: readonly Texts[];
  readonly unit?: string;
  readonly package_size?: string;
  readonly package_price?: string;
  readonly rate_pct?: string;
  readonly fixed_per_event?: string;
  readonly events?: number;
  readonly free_units?: string;
  readonly free_events_used?: number;
  readonly multiplier?: string;
  readonly round_places?: number;
  readonly minimum?: string;
  readonly maximum?: string;
  readonly discount_pct?: string;
  readonly already_used?: string;
  readonly already_billed?: string;
  readonly last_in_period?: boolean;
}

interface Row {
  readonly id: string;
  readonly model: string;
  readonly params: Params;
  readonly usage: string;
  readonly expect_amount: string;
}

interface Vectors {
  readonly amounts: readonly Row[];
  readonly unit_conversion: readonly (Texts & { readonly precision: number })[];
  readonly free_units: readonly Texts[];
  readonly proration_ratio: readonly (Texts & { readonly places: number })[];
}

const vectors = sharedFile('pricing-vectors/pricing_vectors.json');
const { note } = vectors;
const read = () => vectors.read<Vectors>();
const needed = test.skipIf(vectors.absent);

/** Our kind for each of their models, and how many rows it has. */
const MODELS: readonly (readonly [model: string, kind: string, rows: number])[] = [
  ['per_unit', 'per_unit', 7],
  ['graduated', 'graduated', 11],
  ['volume', 'volume', 19],
  ['package', 'package', 7],
  ['percentage', 'percentage', 3],
  ['graduated_percentage', 'graduated_percentage', 4],
  ['multiplier', 'multiplier', 1],
  ['blocks_all_tiers', 'graduated', 5],
  ['blocks_top_tier', 'volume', 6],
];
const DELTAS: readonly (readonly [model: string, kind: string, rows: number])[] = [
  ['per_unit_delta', 'per_unit', 2],
  ['graduated_delta', 'graduated', 3],
  ['package_delta', 'package', 2],
  ['multiplier_delta', 'multiplier', 1],
];
/** A minimum and maximum for each event, which no kind of ours has. */
const OUT_OF_SCOPE = ['percentage_per_event', 'none', 2] as const;

/** The finest quantity of a row has 3 decimals; a finer meter must not change an amount. */
const SCALES = [3, 9];

/** JSON is YAML. */
function fieldsOf(kind: string, params: Params): string {
  const { tiers, package_size: size, package_price: packagePrice } = params;
  const fields = {
    kind,
    unit_price: params.unit ?? packagePrice,
    per: size,
    tiers: tiers && (tiers[0]?.['block_size'] === undefined ? plain(tiers) : inBlocks(tiers)),
    percent: params.rate_pct,
    fixed_fee: params.fixed_per_event,
    free_events: params.free_events_used,
    factor: params.multiplier,
    included: params.free_units,
    minimum: params.minimum,
    maximum: params.maximum,
    discount_percent: params.discount_pct,
  };
  return JSON.stringify(fields).slice(1, -1);
}

function plain(tiers: readonly Texts[]) {
  return tiers.map(({ up_to, unit, flat, rate_pct }) => {
    return { up_to, unit_price: unit, flat_fee: flat, percent: rate_pct };
  });
}

/** A tier's end is the sum of the blocks up to it; our last tier has none. */
function inBlocks(tiers: readonly Texts[]) {
  let end = 0;
  return tiers.map(({ block_size, max_blocks, block_price }, i) => {
    end += Number(block_size) * Number(max_blocks);
    const bound = i === tiers.length - 1 ? {} : { up_to: String(end) };
    return { ...bound, unit_price: block_price, block_size };
  });
}

function rowsOf(model: string): readonly Row[] {
  return read().amounts.filter((row) => row.model === model);
}

needed(`every row is run but the two with bounds per event${note}`, () => {
  const rows = [...MODELS, ...DELTAS, OUT_OF_SCOPE].map(([model, , count]) => [model, count]);
  const counts = new Map<string, number>();
  for (const { model } of read().amounts) counts.set(model, (counts.get(model) ?? 0) + 1);
  expect(Object.fromEntries(counts)).toEqual(Object.fromEntries(rows));
  expect([...MODELS, ...DELTAS].reduce((sum, [, , count]) => sum + count, 0)).toBe(71);
  expect(read().amounts.length).toBe(73);
});

describe('a whole period costs what other systems ask', () => {
  needed.each(MODELS)(`%s, as our %s: %i rows${note}`, (model, kind, count) => {
    const rows = rowsOf(model);
    expect(rows.length).toBe(count);
    for (const scale of SCALES) {
      const given = rows.map(({ id, params, usage }) => {
        const fields = fieldsOf(kind, params);
        const exact = cost(fields, usage, { scale, events: params.events ?? 1 });
        return [id, params.round_places === undefined ? exact : rounded(exact, 'USD')];
      });
      expect(given).toEqual(rows.map(({ id, expect_amount }) => [id, formatted(expect_amount)]));
    }
  });

  needed.each(MODELS)(
    `%s, as the lines of an invoice, in three currencies: %s, %i rows${note}`,
    (model, kind) => {
      for (const currency of CURRENCIES) {
        const given = rowsOf(model).map(({ id, params, usage }) => {
          const terms = termsOf(fieldsOf(kind, params), { scale: 3, currency });
          const parts = Number(usage) === 0 ? [] : [used(terms, usage, params.events)];
          return [id, total(linesOf(terms, whole(...parts)), terms)];
        });
        const expected = rowsOf(model).map(({ id, params, usage, expect_amount }) => {
          // A row that rounds to cents itself says nothing of other currencies.
          const own =
            params.round_places === undefined ? expect_amount : cost(fieldsOf(kind, params), usage);
          return [id, roundText(own, DIGITS[currency] ?? 2, 'away')];
        });
        expect(given).toEqual(expected);
      }
    },
  );

  needed(`and a minimum is a line of its own: 100 and 50${note}`, () => {
    const rows = rowsOf('volume').filter(({ params }) => params.minimum !== undefined);
    const lines = rows.map(({ params, usage }) => {
      return bill(fieldsOf('volume', params), usage, { events: Number(usage) });
    });
    expect(lines).toEqual([
      ['USAGE 0 100.00', 'MINIMUM 0 50.00'],
      ['USAGE 5 100.00', 'MINIMUM 0 50.00'],
    ]);
  });
});

/** What the rows' notes say of the later part: what it asks, and what is taken off. */
const LATER_LINES: Readonly<Record<string, readonly string[]>> = {
  'om-graduated-split-12-to-22': ['USAGE 10 22.00'],
  'om-graduated-max170-split': ['USAGE 10 22.00', 'MAXIMUM 0 -12.00'],
  'om-graduated-min1000-mid': [],
  'om-package-max100-split': ['USAGE 50 75.00', 'MAXIMUM 0 -65.00'],
  'om-package-split-17+5': ['USAGE 5 15.00'],
  'om-unit-max100-split': ['USAGE 5 50.00', 'MAXIMUM 0 -20.00'],
  'om-unit-50pct+max100-split': ['USAGE 20 200.00', 'DISCOUNT 0 -100.00', 'MAXIMUM 0 -35.00'],
  'om-dynamic-max100-split': ['USAGE 50 66.67', 'MAXIMUM 0 -60.00'],
};

describe('a later part of a period costs what other systems ask', () => {
  const usedBefore = (params: Params) => params.already_used ?? '0';
  const share = ratioOf(1n, 1n);

  needed.each(DELTAS)(
    `%s, as our %s: all so far less what was billed, %i rows${note}`,
    (model, kind, count) => {
      const rows = rowsOf(model);
      expect(rows.length).toBe(count);
      for (const { id, params, usage, expect_amount } of rows) {
        const terms = termsOf(fieldsOf(kind, params));
        const first = used(terms, usedBefore(params));
        const more = Number(usage) === 0 ? [] : [used(terms, usage)];
        const isLast = params.last_in_period ?? true;
        const billed = sumOf(linesOf(terms, whole(first), { isLast: false, share }));
        const soFar = sumOf(linesOf(terms, whole(first, ...more), { isLast, share }));
        expect([id, soFar - billed]).toEqual([id, minor(expect_amount)]);
        if (params.already_billed === undefined) continue;
        expect([id, billed]).toEqual([id, minor(params.already_billed)]);
      }
    },
  );

  needed.each(DELTAS)(
    `%s, as our %s: the lines of a version that changes nothing, %i rows${note}`,
    (model, kind) => {
      for (const { id, params, usage, expect_amount } of rowsOf(model)) {
        const fields = fieldsOf(kind, params);
        const terms = termsOf([fields, `${fields}, ${FROM_CHANGE}`]);
        const more = Number(usage) === 0 ? [] : [used(terms, usage)];
        const isLast = params.last_in_period ?? true;
        const lines = linesOf(terms, halves([used(terms, usedBefore(params))], more), {
          isLast,
          share,
        });
        const later = lines.filter(({ version }) => version?.effectiveFromMs !== 0);
        expect([id, shown(later, terms)]).toEqual([id, LATER_LINES[id]]);
        expect([id, sumOf(later)]).toEqual([id, minor(expect_amount)]);
      }
    },
  );
});

describe('units are converted as other systems do', () => {
  /** By a price of 1 for what they convert; `floor` is none of ours. */
  const PRICES: Readonly<Record<string, string>> = {
    mul: 'kind: multiplier, factor: 1.5',
    ceil: 'kind: package, unit_price: 1, per: 1000',
    'ceil-exact': 'kind: package, unit_price: 1, per: 1000',
    // Two decimals of a thousand are packages of ten.
    'ceil-p2': 'kind: package, unit_price: 0.01, per: 10',
  };
  /** Rounding that is not a kind's but the line's. */
  const ROUNDED = ['half_up-2500', 'half_up-p1-tie', 'half_up2500', 'half_up3500'];

  needed(
    `by a multiplier, by packages and by the rounding of a line; a floor by no price${note}`,
    () => {
      const ids = read().unit_conversion.map(({ id }) => id);
      expect([...ids].sort()).toEqual([...Object.keys(PRICES), ...ROUNDED, 'floor'].sort());
    },
  );

  needed(`a multiplier and packages give what is invoiced${note}`, () => {
    const rows = read().unit_conversion.filter(({ id }) => (id ?? '') in PRICES);
    const given = rows.map(({ id = '', raw = '' }) => {
      return [id, cost(PRICES[id] ?? '', raw, { scale: 1 })];
    });
    expect(given).toEqual(rows.map(({ id, invoiced }) => [id, invoiced]));
  });

  needed(`a price per 1000 gives what is converted, unrounded${note}`, () => {
    const rows = read().unit_conversion.filter((row) => isDivision(row) && row['raw'] !== '-2500');
    const given = rows.map(({ id, factor, raw = '' }) => [
      id,
      cost(`unit_price: 1, per: ${factor}`, raw),
    ]);
    expect(given).toEqual(rows.map(({ id, converted }) => [id, converted]));
    expect(rows.length).toBe(7);
  });

  needed(`a tie is rounded away from zero, below it too${note}`, () => {
    const rows = read().unit_conversion.filter(({ id }) => ROUNDED.includes(id ?? ''));
    const given = rows.map(({ id, raw = '0', factor = '1', precision }) => {
      const part = ratioOf(BigInt(raw), BigInt(factor));
      return [id, formatUnits(roundFraction(part, precision), precision)];
    });
    expect(given).toEqual(rows.map(({ id, invoiced }) => [id, invoiced]));
  });
});

needed(`free units are what a price includes, whatever was used before${note}`, () => {
  const rows = read().free_units;
  const given = rows.map(({ free_units, already_used = '0', usage = '0' }) => {
    const fields = `unit_price: 1, included: ${free_units}`;
    const terms = termsOf([fields, `${fields}, ${FROM_CHANGE}`]);
    const lines = linesOf(terms, halves([used(terms, already_used)], [used(terms, usage)]));
    const later = lines.filter(({ version }) => version?.effectiveFromMs !== 0);
    const free = later.find(({ kind }) => kind === 'INCLUDED')?.quanta ?? 0n;
    const units = [lines.filter((line) => !later.includes(line)), later].map(sumOf);
    return [...units.map((cents) => String(cents / 100n)), String(free)];
  });
  expect(given).toEqual(
    rows.map(({ already_billable, billable, discounted }) => [
      already_billable,
      billable,
      discounted,
    ]),
  );
  expect(rows.length).toBe(3);
});

needed(`a part of a month is its share of the days${note}`, () => {
  const version = versionOf(termsOf('kind: flat, amount: 1'));
  const rows = read().proration_ratio;
  const given = rows.map(({ id, from_date = '', to_date = '', days_in_period = '', places }) => {
    const periodMs = BigInt(days_in_period) * 86_400_000n;
    const share = ratioOf(BigInt(utc(to_date) - utc(from_date)), periodMs);
    const due = rateDue(overPart(version, share), { quanta: 0n, events: 0 }, 0);
    return [id, formatUnits(roundFraction(due, places), places)];
  });
  expect(given).toEqual(rows.map(({ id, expect_ratio }) => [id, expect_ratio]));
  expect(rows.length).toBe(3);
});

function isDivision({ operation }: Texts): boolean {
  return operation === 'divide';
}

function formatted(text: string): string {
  return formatDecimal(decimal(text));
}

function rounded(exact: string, currency: string): string {
  return roundText(exact, DIGITS[currency] ?? 2, 'away');
}

function minor(text: string): bigint {
  const { units, scale } = decimal(text);
  const amount: Fraction = { numerator: units, denominator: 10n ** BigInt(scale) };
  return roundFraction(amount, 2);
}
