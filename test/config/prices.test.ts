// One bad catalogue per rule of a price, and what is said about it, word for word.

import { expect, test } from 'vitest';
import { catalogueYaml, problemsOf, type Row, rowProblem } from './given.js';

const DECIMAL = 'must be a decimal such as 0.002: no sign, no exponent, no separators';
const INSTANT = 'must be an RFC 3339 time such as 2026-01-01T00:00:00Z';

const price = (fields: string) => prices(`{meter: tokens, unit_price: 1, ${fields}}`);
const prices = (items: string) => ({ plans: `[{id: free, prices: [${items}]}]` });
const lists = (items: string) => ({ price_lists: `[${items}]` });

const matching = (match: string) => `{meter: tokens, unit_price: 1, match: ${match}}`;
const since = (time: string) => `{meter: tokens, unit_price: 1, effective_from: ${time}}`;

const rows: readonly Row[] = [
  [
    'an unknown meter',
    prices('{meter: m, unit_price: 1}'),
    'plans[0].prices[0].meter',
    'm',
    'no such meter',
  ],
  [
    'no price',
    prices('{meter: tokens}'),
    'plans[0].prices[0].unit_price',
    undefined,
    'is required for the kind per_unit',
  ],
  [
    'a negative price',
    prices('{meter: tokens, unit_price: -0.01}'),
    'plans[0].prices[0].unit_price',
    '-0.01',
    DECIMAL,
  ],
  [
    'a price with 15 decimals',
    prices('{meter: tokens, unit_price: 0.000000000000001}'),
    'plans[0].prices[0].unit_price',
    '0.000000000000001',
    'has more than 14 decimals',
  ],
  [
    'a kind without what it needs',
    prices('{meter: tokens, kind: graduated}'),
    'plans[0].prices[0].tiers',
    undefined,
    'is required for the kind graduated',
  ],
  [
    'a kind of no price',
    price('kind: stairs'),
    'plans[0].prices[0].kind',
    'stairs',
    'must be one of flat, per_unit, graduated, volume, package, percentage, graduated_percentage, multiplier',
  ],
  [
    'tiers of a kind that has none',
    price('tiers: [{unit_price: 5}]'),
    'plans[0].prices[0].tiers',
    undefined,
    'does not belong to the kind per_unit',
  ],
  ['a price per nothing', price('per: 0'), 'plans[0].prices[0].per', '0', 'must be greater than 0'],
  [
    'an included part finer than its meter',
    price('included: 0.5'),
    'plans[0].prices[0].included',
    '0.5',
    'has more decimals than the meter tokens keeps (0)',
  ],
  [
    'a date for a time',
    price('effective_from: 2026-01-01'),
    'plans[0].prices[0].effective_from',
    '2026-01-01',
    INSTANT,
  ],
  [
    'a time without a zone',
    price('effective_from: 2026-01-01T00:00:00'),
    'plans[0].prices[0].effective_from',
    '2026-01-01T00:00:00',
    INSTANT,
  ],
  [
    '30 February',
    price('effective_from: 2026-02-30T00:00:00Z'),
    'plans[0].prices[0].effective_from',
    '2026-02-30T00:00:00Z',
    INSTANT,
  ],
  [
    'a label outside the totals',
    price('match: {tool: x}'),
    'plans[0].prices[0].match.tool',
    'x',
    `"tool" must be one of the meter's rollup_keys, by which usage is priced`,
  ],
  [
    'two prices that tie',
    prices(`${matching('{model: a}')}, ${matching('{region: b}')}`),
    'plans[0].prices[1].match',
    undefined,
    'ties with catalogue.plans[0].prices[0]: one event could match both',
  ],
  [
    'a version twice',
    prices(`${since('1970-01-01T00:00:00Z')}, ${since('1970-01-01T01:00:00+01:00')}`),
    'plans[0].prices[1]',
    undefined,
    'is the same version of the same price as catalogue.plans[0].prices[0]',
  ],
  [
    'no currency',
    lists('{id: l, currency: usd}'),
    'price_lists[0].currency',
    'usd',
    'must be an ISO 4217 code such as USD',
  ],
  [
    'a list twice',
    lists('{id: l}, {id: l, currency: EUR}'),
    'price_lists[1].id',
    'l',
    'this id is already that of catalogue.price_lists[0]',
  ],
  [
    'two lists in one currency',
    lists('{id: a}, {id: b}'),
    'price_lists[1].currency',
    undefined,
    'one list per currency: this currency is already that of catalogue.price_lists[0]',
  ],
  [
    'a bad price in a list',
    lists('{id: a, prices: [{meter: tokens, unit_price: x}]}'),
    'price_lists[0].prices[0].unit_price',
    'x',
    DECIMAL,
  ],
];

test.each(rows)('a price: %s', (_, sections, at, value, rule) => {
  const problem = rowProblem(at, value, rule);
  expect(problemsOf({ yaml: catalogueYaml(sections) })).toEqual([problem]);
});
