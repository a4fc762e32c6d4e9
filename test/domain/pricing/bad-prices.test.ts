// One bad price per rule of its shape: what is said names the field and the rule.

import { describe, expect, test } from 'vitest';
import { describe as describeConfig } from '../../../src/config.js';
import { PRICE_KINDS, type PriceKind } from '../../../src/domain/pricing/price.js';
import { catalogueYaml, configOf, problemsOf, rowProblem } from '../../config/given.js';

const DECIMAL = 'must be a decimal such as 0.002: no sign, no exponent, no separators';
const ABOVE_0 = 'must be greater than 0';

const METER = '{key: usage, unit: unit, scale: SCALE, aggregation: SUM, rollup_keys: [model]}';

/** A catalogue whose only price has these fields. */
function yamlOf(fields: string, scale = 9): string {
  return catalogueYaml({
    meters: `[${METER.replace('SCALE', String(scale))}]`,
    plans: `[{id: free, prices: [{meter: usage, ${fields}}]}]`,
  });
}

/** The text of a problem of that price. */
function problem(field: string, value: string | undefined, rule: string): string {
  return rowProblem(`plans[0].prices[0].${field}`, value, rule);
}

function problems(fields: string, scale?: number): readonly string[] {
  return problemsOf({ yaml: yamlOf(fields, scale) });
}

const VOLUME = 'kind: volume';
const SLICES = 'kind: graduated_percentage';

/** A sound price of each kind, with a place for more. */
const SOUND: Readonly<Record<PriceKind, string>> = {
  flat: 'kind: flat, amount: 1',
  per_unit: 'kind: per_unit, unit_price: 1',
  graduated: 'kind: graduated, tiers: [{unit_price: 1}]',
  volume: 'kind: volume, tiers: [{unit_price: 1}]',
  package: 'kind: package, unit_price: 1',
  percentage: 'kind: percentage, percent: 1',
  graduated_percentage: 'kind: graduated_percentage, tiers: [{percent: 1}]',
  multiplier: 'kind: multiplier, factor: 1',
};

/** The fields that only some kinds have, each with a value and the kinds that have it. */
const OWN: readonly (readonly [field: string, value: string, kinds: readonly PriceKind[]])[] = [
  ['amount', '1', ['flat']],
  ['unit_price', '1', ['per_unit', 'package']],
  ['per', '10', ['per_unit', 'package', 'graduated', 'volume']],
  ['tiers', '[{flat_fee: 1}]', ['graduated', 'volume', 'graduated_percentage']],
  ['percent', '1', ['percentage']],
  ['fixed_fee', '1', ['percentage']],
  ['free_events', '1', ['percentage']],
  ['factor', '1', ['multiplier']],
];

/** The field without which a kind is no price. */
const NEEDED: Readonly<Record<PriceKind, string>> = {
  flat: 'amount',
  per_unit: 'unit_price',
  graduated: 'tiers',
  volume: 'tiers',
  package: 'unit_price',
  percentage: 'percent',
  graduated_percentage: 'tiers',
  multiplier: 'factor',
};

describe.each(PRICE_KINDS)('a price of the kind %s', (kind) => {
  test('is read with what it needs', () => {
    expect(problems(SOUND[kind])).toEqual([]);
  });

  test(`needs ${NEEDED[kind]}`, () => {
    const rule = `is required for the kind ${kind}`;
    expect(problems(`kind: ${kind}`)).toEqual([problem(NEEDED[kind], undefined, rule)]);
  });

  const others = OWN.filter(([, , kinds]) => !kinds.includes(kind));
  test.each(others)('has no %s: %s', (field, value) => {
    const shown = field === 'tiers' ? undefined : value;
    const rule = `does not belong to the kind ${kind}`;
    expect(problems(`${SOUND[kind]}, ${field}: ${value}`)).toEqual([problem(field, shown, rule)]);
  });

  test('may have what else belongs to it', () => {
    const own = OWN.filter(([field, , kinds]) => kinds.includes(kind) && field !== NEEDED[kind]);
    const more = own.map(([field, value]) => `${field}: ${value}`);
    expect(problems([SOUND[kind], ...more].join(', '))).toEqual([]);
  });

  test('may have every condition', () => {
    const bounds = 'included: 0.5, minimum: 1, maximum: 2, discount_percent: 100';
    const more = 'match: {model: a}, prorate: false, effective_from: 2026-01-01T00:00:00Z';
    expect(problems(`${SOUND[kind]}, ${bounds}, ${more}`)).toEqual([]);
  });
});

/** Fields of money, with a sound price around them. */
const MONEY: readonly (readonly [field: string, around: string])[] = [
  ['amount', 'kind: flat'],
  ['unit_price', 'kind: per_unit'],
  ['unit_price', 'kind: package'],
  ['per', 'unit_price: 1'],
  ['percent', 'kind: percentage'],
  ['fixed_fee', SOUND.percentage],
  ['factor', 'kind: multiplier'],
  ['minimum', SOUND.flat],
  ['maximum', SOUND.flat],
  ['discount_percent', SOUND.flat],
];

describe.each(MONEY)('the field %s of %s', (field, around) => {
  test.each([
    ['-1', DECIMAL],
    ['1e-7', DECIMAL],
    ['1_000', DECIMAL],
    ['.5', DECIMAL],
    ['5.', DECIMAL],
    ['""', DECIMAL],
    ['free', DECIMAL],
    ['0.000000000000001', 'has more than 14 decimals'],
    ['1'.repeat(65), 'has too many digits'],
  ])('is not %s: %s', (value, rule) => {
    const text = value === '""' ? '' : value;
    expect(problems(`${around}, ${field}: ${value}`)).toEqual([problem(field, text, rule)]);
  });

  test('is one value', () => {
    expect(problems(`${around}, ${field}: [1]`)).toEqual([
      problem(field, undefined, 'must be a single value, not a list'),
    ]);
    expect(problems(`${around}, ${field}: {a: 1}`)).toEqual([
      problem(field, undefined, 'must be a single value, not a mapping'),
    ]);
  });
});

const TIER_MONEY = ['unit_price', 'flat_fee', 'percent'];
const TIER_QUANTITIES = ['up_to', 'block_size'];

describe('a tier', () => {
  test.each([...TIER_MONEY, ...TIER_QUANTITIES])('has a decimal for %s', (field) => {
    expect(problems(`${VOLUME}, tiers: [{${field}: -1}, {}]`)).toEqual([
      problem(`tiers[0].${field}`, '-1', DECIMAL),
    ]);
  });

  test.each(TIER_MONEY)('has at most 14 decimals of %s', (field) => {
    expect(problems(`${VOLUME}, tiers: [{${field}: 0.000000000000001}]`)).toEqual([
      problem(`tiers[0].${field}`, '0.000000000000001', 'has more than 14 decimals'),
    ]);
  });

  test.each(TIER_QUANTITIES)(
    'has at most 9 decimals of %s, and no more than its meter',
    (field) => {
      const tiers = (value: string) => `${VOLUME}, tiers: [{up_to: 10, ${field}: ${value}}, {}]`;
      const bare = (value: string) => tiers(value).replace(/up_to: 10, (?=up_to)/, '');
      expect(problems(bare('0.0000000001'))).toEqual([
        problem(`tiers[0].${field}`, '0.0000000001', 'has more than 9 decimals'),
      ]);
      expect(problems(bare('0.5'), 0)).toEqual([
        problem(`tiers[0].${field}`, '0.5', 'has more decimals than the meter usage keeps (0)'),
      ]);
    },
  );

  test.each<[tiers: string, field: string, value: string | undefined, rule: string]>([
    ['[{up_to: 0}, {}]', 'tiers[0].up_to', '0', ABOVE_0],
    ['[{up_to: 0.0}, {}]', 'tiers[0].up_to', '0.0', ABOVE_0],
    ['[{block_size: 0}]', 'tiers[0].block_size', '0', ABOVE_0],
    ['[{up_to: many}, {}]', 'tiers[0].up_to', 'many', DECIMAL],
    ['[]', 'tiers', undefined, 'must have at least one tier'],
    ['', 'tiers', '', 'must be a list'],
    ['5', 'tiers', '5', 'must be a list'],
    ['{up_to: 5}', 'tiers', undefined, 'must be a list'],
    ['[5]', 'tiers[0]', '5', 'must be a mapping'],
    ['[{up_to: 5}]', 'tiers[0].up_to', '5', 'must be absent on the last tier: it has no upper end'],
    [
      '[{up_to: 5}, {up_to: 6}]',
      'tiers[1].up_to',
      '6',
      'must be absent on the last tier: it has no upper end',
    ],
    ['[{}, {}]', 'tiers[0].up_to', undefined, 'is required but on the last'],
    ['[{up_to: null}, {}]', 'tiers[0].up_to', 'null', 'is required but on the last'],
    [
      '[{up_to: 5}, {up_to: 5}, {}]',
      'tiers[1].up_to',
      '5',
      'must be greater than that of the tier before',
    ],
    [
      '[{up_to: 10}, {up_to: 9.5}, {}]',
      'tiers[1].up_to',
      '9.5',
      'must be greater than that of the tier before',
    ],
    ['[{percent: 1}]', 'tiers[0].percent', '1', 'belongs to the kind graduated_percentage only'],
    ['[{up_too: 5}]', 'tiers[0].up_too', '5', 'unknown key'],
  ])('in %s is refused at %s', (tiers, field, value, rule) => {
    const said = problems(`${VOLUME}, tiers: ${tiers}`);
    expect(said).toEqual([expect.stringContaining(problem(field, value, rule))]);
  });

  test.each<[field: string]>([['unit_price'], ['block_size']])(
    'of graduated_percentage has no %s',
    (field) => {
      expect(problems(`${SLICES}, tiers: [{percent: 1, ${field}: 2}]`)).toEqual([
        problem(`tiers[0].${field}`, '2', 'does not belong to the kind graduated_percentage'),
      ]);
    },
  );

  test('is one of at most 100', () => {
    const tiers = (count: number) => {
      const bounded = Array.from({ length: count - 1 }, (_, i) => `{up_to: ${i + 1}}`);
      return `${VOLUME}, tiers: [${[...bounded, '{}'].join(', ')}]`;
    };
    expect(problems(tiers(100))).toEqual([]);
    expect(problems(tiers(101))).toEqual([
      problem('tiers', undefined, 'must have at most 100 tiers'),
    ]);
  });

  test.each(['null', '~', '""'])(
    'that is the last may say that it has no end: up_to %s',
    (text) => {
      expect(problems(`${VOLUME}, tiers: [{up_to: 5}, {up_to: ${text}}]`)).toEqual([]);
    },
  );

  test('is named by all that is wrong with it', () => {
    expect(problems(`${VOLUME}, tiers: [{percent: 1}, {up_to: 5, percent: 2}]`)).toEqual([
      problem('tiers[0].up_to', undefined, 'is required but on the last'),
      problem('tiers[0].percent', '1', 'belongs to the kind graduated_percentage only'),
      problem('tiers[1].up_to', '5', 'must be absent on the last tier: it has no upper end'),
      problem('tiers[1].percent', '2', 'belongs to the kind graduated_percentage only'),
    ]);
  });

  test.each([
    ['99999999.000000001', '99999999.000000002'],
    ['9007199254740992', '9007199254740993'],
  ])('may end at %s and the next one at %s', (first, second) => {
    expect(problems(`${VOLUME}, tiers: [{up_to: ${first}}, {up_to: ${second}}, {}]`)).toEqual([]);
  });

  test.each(['minimum', 'amount'])('is not told to have the key %s that it has', (key) => {
    expect(problems(`${VOLUME}, tiers: [{${key}: 5}]`)).toEqual([
      problem(`tiers[0].${key}`, '5', 'unknown key'),
    ]);
  });
});

describe('a condition', () => {
  const KIND_RULE = `must be one of ${PRICE_KINDS.join(', ')}`;
  const INSTANT = 'must be an RFC 3339 time such as 2026-01-01T00:00:00Z';
  const COUNT = 'must be a whole number from 0 to 1000000000';

  test.each<[fields: string, field: string, value: string | undefined, rule: string]>([
    ['kind: stairs', 'kind', 'stairs', KIND_RULE],
    ['unit_price: 1, per: 0', 'per', '0', ABOVE_0],
    ['unit_price: 1, per: 0.000', 'per', '0.000', ABOVE_0],
    ['kind: package, unit_price: 1, per: 0', 'per', '0', ABOVE_0],
    ['unit_price: 1, included: -1', 'included', '-1', DECIMAL],
    [
      'unit_price: 1, included: 0.0000000001',
      'included',
      '0.0000000001',
      'has more than 9 decimals',
    ],
    [
      'unit_price: 1, discount_percent: 100.01',
      'discount_percent',
      '100.01',
      'must be at most 100',
    ],
    [
      'unit_price: 1, discount_percent: 100.00000000000001',
      'discount_percent',
      '100.00000000000001',
      'must be at most 100',
    ],
    ['unit_price: 1, prorate: off', 'prorate', 'off', 'must be true or false'],
    ['unit_price: 1, prorate: yes', 'prorate', 'yes', 'must be true or false'],
    ['unit_price: 1, effective_from: 2026-01-01', 'effective_from', '2026-01-01', INSTANT],
    [
      'unit_price: 1, minimum: 2, maximum: 1.99',
      'minimum',
      '2',
      'must not be greater than the maximum',
    ],
    ['kind: percentage, percent: 1, free_events: -1', 'free_events', '-1', COUNT],
    ['kind: percentage, percent: 1, free_events: 1.5', 'free_events', '1.5', COUNT],
    ['kind: percentage, percent: 1, free_events: 1000000001', 'free_events', '1000000001', COUNT],
    [
      'unit_price: 1, match: {"": a}',
      'match[""]',
      'a',
      'must be 1 to 64 characters, none of them a control character',
    ],
    [
      'unit_price: 1, match: {model: ""}',
      'match.model',
      '',
      'must be 1 to 256 characters, none of them a control character',
    ],
    ['unit_price: 1, minimun: 5', 'minimun', '5', 'unknown key; did you mean "minimum"?'],
  ])('of %s is refused at %s', (fields, field, value, rule) => {
    expect(problems(fields)).toEqual([problem(field, value, rule)]);
  });

  test('is no finer than its meter', () => {
    expect(problems('unit_price: 1, included: 0.5', 0)).toEqual([
      problem('included', '0.5', 'has more decimals than the meter usage keeps (0)'),
    ]);
  });

  test.each(['minimum: 5, maximum: 5', 'minimum: 0, maximum: 0', 'discount_percent: 100'])(
    'may be %s',
    (fields) => {
      expect(problems(`unit_price: 1, ${fields}`)).toEqual([]);
    },
  );

  test('is refused where the minimum is the greater one by its last digit', () => {
    const [minimum, maximum] = ['100.00000000000002', '100.00000000000001'];
    expect(problems(`unit_price: 1, minimum: ${minimum}, maximum: ${maximum}`)).toEqual([
      problem('minimum', minimum, 'must not be greater than the maximum'),
    ]);
  });
});

test('a price has a meter', () => {
  const yaml = catalogueYaml({ plans: '[{id: free, prices: [{unit_price: 1}]}]' });
  expect(problemsOf({ yaml })).toEqual([problem('meter', undefined, 'is required')]);
});

describe('a price, described and read again, is the same', () => {
  const described = (fields: string) => {
    const config = configOf({ yaml: yamlOf(fields) });
    return { config, again: configOf({ yaml: describeConfig(config) }) };
  };

  test.each(['per_unit', 'package'] as const)('of the kind %s', (kind) => {
    const bounds = 'included: 1, minimum: 1, maximum: 2, discount_percent: 5, prorate: false';
    const { config, again } = described(`${SOUND[kind]}, ${bounds}`);
    expect(again.catalogue).toEqual(config.catalogue);
  });

  test.each([
    'flat',
    'percentage',
    'multiplier',
    'graduated',
    'volume',
    'graduated_percentage',
  ] as const)('of the kind %s', (kind) => {
    const { config, again } = described(SOUND[kind]);
    expect(again.catalogue).toEqual(config.catalogue);
  });
});
