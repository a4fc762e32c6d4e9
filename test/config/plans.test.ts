// What a plan may say beside rules and prices, and who sells: one bad one per rule, word for word;
// and what becomes of good ones.

import { expect, test } from 'vitest';
import { describe as describeConfig } from '../../src/config.js';
import { catalogueYaml, configOf, problemsOf, type Row, rowProblem } from './given.js';

const DECIMAL = 'must be a decimal such as 0.002: no sign, no exponent, no separators';
const INTERVAL = 'must be one of MONTH, QUARTER, YEAR';

const plan = (fields: string) => ({ plans: `[{id: free, ${fields}}]` });
const seller = (fields: string) => ({ seller: `{legal_name: Acme, ${fields}}` });
const at = (field: string) => `plans[0].${field}`;

const rows: readonly Row[] = [
  ['an unknown interval', plan('base_interval: WEEK'), at('base_interval'), 'WEEK', INTERVAL],
  [
    'an unknown usage interval',
    plan('usage_interval: month'),
    at('usage_interval'),
    'month',
    INTERVAL,
  ],
  ['a negative price', plan('base_price: -1'), at('base_price'), '-1', DECIMAL],
  ['a seat price in words', plan('seat_price: free'), at('seat_price'), 'free', DECIMAL],
  [
    'too many seats',
    plan('included_seats: 1000001'),
    at('included_seats'),
    '1000001',
    'must be a whole number from 0 to 1000000',
  ],
  [
    'a trial of years',
    plan('trial_days: 731'),
    at('trial_days'),
    '731',
    'must be a whole number from 0 to 730',
  ],
  [
    'a feature that is neither',
    plan('features: {sso: yes}'),
    at('features.sso'),
    'yes',
    'must be true or false',
  ],
  [
    'a feature with a space',
    plan('features: {s o: true}'),
    at('features["s o"]'),
    'true',
    'must be 1 to 64 characters of a-z 0-9 _ . -',
  ],
  [
    'a tax above 100',
    plan('tax_rates: [{name: VAT, percent: 120}]'),
    at('tax_rates[0].percent'),
    '120',
    'must be at most 100',
  ],
  [
    'a tax of 7 decimals',
    plan('tax_rates: [{name: VAT, percent: 1.0000001}]'),
    at('tax_rates[0].percent'),
    '1.0000001',
    'has more than 6 decimals',
  ],
  [
    'a tax without a name',
    plan('tax_rates: [{percent: 1}]'),
    at('tax_rates[0].name'),
    undefined,
    'is required',
  ],
  ['an unknown field', plan('trial: 5'), at('trial'), '5', 'unknown key'],
  [
    'a default plan for one organisation',
    plan('org_id: acme'),
    'default_plan',
    'free',
    'is a plan for the organisation acme alone',
  ],
  [
    'another organisation’s plan',
    {
      plans: '[{id: free}, {id: own, org_id: acme}]',
      organizations: '[{id: bolt, plan: own}]',
    },
    'organizations[0].plan',
    'own',
    'is a plan for the organisation acme alone',
  ],
  [
    'more rules than may be',
    plan(`quotas: [${Array.from({ length: 101 }, (_, i) => `{key: q${i}, meter: tokens}`)}]`),
    at('quotas'),
    undefined,
    'must have at most 100 items',
  ],
  [
    'a match on 17 labels',
    plan(
      `quotas: [{key: q, meter: tokens, match: {${Array.from({ length: 17 }, (_, i) => `k${i}: v`)}}}]`,
    ),
    at('quotas[0].match'),
    undefined,
    'must have at most 16 entries',
  ],
  [
    'a seller without a name',
    { seller: '{tax_id: DE1}' },
    'seller.legal_name',
    undefined,
    'is required',
  ],
  [
    'a mail address that is none',
    seller('email: acme'),
    'seller.email',
    'acme',
    'must be a mail address',
  ],
];

test.each(rows)('%s', (_, sections, place, value, rule) => {
  const problem = rowProblem(place, value, rule);
  expect(problemsOf({ yaml: catalogueYaml(sections) })).toEqual([problem]);
});

const FULL = `[{id: free, name: Free, currency: EUR, base_interval: QUARTER, usage_interval: YEAR,
    base_price: 99.50, seat_price: "10.0", included_seats: 3, trial_days: 14,
    features: {sso: true, audit: false}, self_serve: true,
    tax_rates: [{name: VAT, percent: 8.8750}], requires_payment_method: true}]`;
const SELLER = '{legal_name: Acme GmbH, address: "Weg 1\\nBerlin\\n", email: a@b.de}';

test('a plan has what it says, in one form', () => {
  const { catalogue } = configOf({ yaml: catalogueYaml({ plans: FULL, seller: SELLER }) });
  expect(catalogue.plans).toEqual([
    {
      id: 'free',
      name: 'Free',
      currency: 'EUR',
      quotas: [],
      prices: [],
      base_interval: 'QUARTER',
      usage_interval: 'YEAR',
      base_price: '99.5',
      seat_price: '10',
      included_seats: 3,
      trial_days: 14,
      features: { audit: false, sso: true },
      self_serve: true,
      tax_rates: [{ name: 'VAT', percent: '8.875' }],
      requires_payment_method: true,
    },
  ]);
  expect(catalogue.seller).toEqual({
    legal_name: 'Acme GmbH',
    address: 'Weg 1\nBerlin',
    tax_id: '',
    email: 'a@b.de',
  });
});

test('what says nothing leaves no trace: the document is that of a file without it', () => {
  const silent = `[{id: free, base_interval: MONTH, base_price: 0, seat_price: "0.00", trial_days: 0,
    features: {}, self_serve: false, tax_rates: [], requires_payment_method: false, org_id: ""}]`;
  const document = (plans: string, more = {}) =>
    JSON.stringify(configOf({ yaml: catalogueYaml({ plans, ...more }) }).catalogue);
  expect(document(silent, { seller: '' })).toBe(document('[{id: free}]'));
});

test('what check-config prints of it means the same', () => {
  const yaml = catalogueYaml({
    plans: FULL.replace(
      'name: Free',
      'name: Free, quotas: [{key: q, meter: tokens, window: FIXED_FROM_FIRST_USE, window_length: 1500ms}]',
    ),
    seller: SELLER,
  });
  const config = configOf({ yaml });
  expect(config.catalogue.plans[0]?.quotas[0]?.window_length_ms).toBe(1500);
  const printed = describeConfig({ ...config, settings: [] });
  expect(configOf({ yaml: printed }).catalogue).toEqual(config.catalogue);
});
