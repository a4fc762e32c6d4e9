import { describe, expect, test } from 'vitest';
import { formatDecimal, formatUnits } from '../../src/base/decimal.js';
import { type OrganisationTerms, rulesFor, rulesSpan } from '../../src/domain/plans/catalogue.js';
import type {
  CatalogueDocument,
  OverrideDocument,
  PriceDocument,
  QuotaDocument,
} from '../../src/domain/plans/document.js';
import { priceFor, versionAt } from '../../src/domain/pricing/price.js';
import { exampleCatalogue } from '../../src/seed/example.js';
import { compiled, termsOf, unitPriceOf } from '../support/compiled.js';
import { labels, utc } from './given.js';

const NOW = utc('2026-11-20');
const example = exampleCatalogue();

function compile(changes: Partial<CatalogueDocument> = {}) {
  return compiled({ ...example, ...changes }, 7);
}

function quota(given: Partial<QuotaDocument>): QuotaDocument {
  return {
    key: 'run_units',
    meter: 'run_units',
    match: {},
    limit: '100',
    window: 'CALENDAR_MONTH',
    window_length_ms: 0,
    mode: 'HARD',
    scope: [],
    thresholds: [80, 95],
    ...given,
  };
}

function override(given: Partial<OverrideDocument>): OverrideDocument {
  return { ...quota({ key: 'more' }), replaces: '', expires: null, reason: '', ...given };
}

function price(given: Partial<PriceDocument>): PriceDocument {
  return {
    meter: 'input_tokens',
    match: {},
    kind: 'per_unit',
    unit_price: '1',
    per: '1000',
    included: '0',
    effective_from: '1970-01-01T00:00:00Z',
    ...given,
  };
}

function organisation(quota_overrides: readonly OverrideDocument[], plan = 'free') {
  return [{ id: 'acme', plan, suspended: false, quota_overrides }];
}

/** `meter limit window` of every rule that holds. */
function rulesOf(changes: Partial<CatalogueDocument>, atMs = NOW, orgId = 'acme'): string[] {
  const catalogue = compile(changes);
  const rules = [...rulesFor(catalogue, termsOf(catalogue, orgId), atMs).values()].flat();
  return rules.map(({ key, meter, limit, window, source }) => {
    const scale = catalogue.meters.get(meter)?.scale ?? 0;
    const bound = limit === undefined ? 'unlimited' : formatUnits(limit, scale);
    return `${source} ${key} ${bound} ${window}`;
  });
}

describe('the example catalogue', () => {
  test.each<[plan: string, limits: Record<string, string>]>([
    ['free', { run_units: '100', users: '3', agents: '10', executions: '10000' }],
    ['team', { run_units: '5000' }],
    ['pro', { run_units: 'none', users: 'none', agents: '100', executions: '100000' }],
    ['enterprise', { run_units: 'none', users: 'none', agents: 'none', executions: 'none' }],
  ])('bounds the plan %s by %o', (plan, expected) => {
    const catalogue = compile({ organizations: organisation([], plan) });
    const rules = termsOf(catalogue, 'acme').plan.quotas;
    const limits = rules.map(({ meter, limit }) => {
      const scale = catalogue.meters.get(meter)?.scale ?? 0;
      return [meter, limit === undefined ? 'none' : formatUnits(limit, scale)];
    });
    expect(Object.fromEntries(limits)).toEqual(expected);
    expect(rules.every(({ mode, source }) => mode === 'HARD' && source === 'PLAN')).toBe(true);
  });

  test.each<[service: string, usageType: string, unitPrice: string]>([
    ['marketplace', 'wpk_upload', '0.1'],
    ['marketplace', 'wpk_review', '0.05'],
    ['analytics', 'query', '0.01'],
    ['analytics', 'report', '0.25'],
    ['storage', 'gb_hour', '0.02'],
    ['compute', 'cpu_hour', '0.5'],
    ['compute', 'memory_gb_hour', '0.1'],
  ])('prices %s %s at %s on every plan', (service, usage_type, unitPrice) => {
    const { defaultPlan } = compile();
    const prices = defaultPlan.prices.get('service_usage') ?? [];
    const found = priceFor(prices, labels({ service, usage_type }), NOW);
    const version = found && versionAt(found, NOW);
    expect(version && formatDecimal(unitPriceOf(version))).toBe(unitPrice);
    expect(found?.source).toBe('price_list');
  });

  test('leaves another service to the unpriced policy: 0.01, of all others nothing', () => {
    const { meters, defaultPlan } = compile();
    const prices = defaultPlan.prices.get('service_usage') ?? [];
    expect(priceFor(prices, labels({ service: 'new', usage_type: 'call' }), NOW)).toBeUndefined();
    const policies = [...meters.values()].map(({ key, unpriced }) => [
      key,
      unpriced.kind === 'default' ? formatDecimal(unpriced.amount) : unpriced.kind,
    ]);
    const defaults = policies.filter(([, policy]) => policy !== 'zero');
    expect(defaults).toEqual([['service_usage', '0.01']]);
  });

  test.each<[meter: string, aggregation: string, scale: number]>([
    ['run_units', 'SUM', 4],
    ['executions', 'SUM', 0],
    ['input_tokens', 'SUM', 0],
    ['output_tokens', 'SUM', 0],
    ['service_usage', 'SUM', 6],
    ['users', 'LAST', 0],
    ['agents', 'LAST', 0],
    ['gateways', 'LAST', 0],
    ['storage_gb', 'LAST', 6],
  ])('has the meter %s: %s at scale %i', (key, aggregation, scale) => {
    expect(compile().meters.get(key)).toMatchObject({ aggregation, scale });
  });

  test('knows which dimension keys a price needs', () => {
    const { pricedKeys } = compile();
    expect([...pricedKeys]).toEqual([['service_usage', new Set(['service', 'usage_type'])]]);
  });
});

describe('the terms of an organisation', () => {
  test('that the catalogue does not name are those of the default plan', () => {
    const catalogue = compile();
    expect(termsOf(catalogue, 'nobody')).toEqual({
      plan: catalogue.defaultPlan,
      suspended: false,
      overrides: [],
    });
    expect(catalogue.defaultPlan.id).toBe('free');
  });

  test.each(['', 'gone'])('on the plan "%s" are those of the default plan', (plan) => {
    const catalogue = compile({ organizations: organisation([], plan) });
    expect(termsOf(catalogue, 'acme').plan).toBe(catalogue.defaultPlan);
  });

  test('say that it is suspended', () => {
    const [acme] = organisation([]);
    const organizations = acme === undefined ? [] : [{ ...acme, suspended: true }];
    expect(termsOf(compile({ organizations }), 'acme').suspended).toBe(true);
  });
});

describe('the rules of an organisation', () => {
  const free = ['PLAN users 3 LIFETIME', 'PLAN agents 10 LIFETIME'];
  const executions = 'PLAN executions 10000 CALENDAR_MONTH';
  const planned = 'PLAN run_units 100 CALENDAR_MONTH';

  test.each<[what: string, overrides: readonly OverrideDocument[], rules: readonly string[]]>([
    ['those of the plan', [], [planned, ...free, executions]],
    [
      'an override in the place of an equal rule',
      [override({ limit: '250.5' })],
      ['OVERRIDE more 250.5 CALENDAR_MONTH', ...free, executions],
    ],
    [
      'an override without a limit',
      [override({ limit: null })],
      ['OVERRIDE more unlimited CALENDAR_MONTH', ...free, executions],
    ],
    [
      'an override of another window beside the rule of the plan',
      [override({ window: 'CALENDAR_DAY', limit: '5' })],
      ['OVERRIDE more 5 CALENDAR_DAY', planned, ...free, executions],
    ],
    [
      'an override of another window that replaces it',
      [override({ window: 'CALENDAR_DAY', limit: '5', replaces: 'run_units' })],
      ['OVERRIDE more 5 CALENDAR_DAY', ...free, executions],
    ],
  ])('are %s', (_, overrides, rules) => {
    expect(rulesOf({ organizations: organisation(overrides) })).toEqual(rules);
  });

  test('fall back to the defaults where plan and override say nothing', () => {
    const default_quotas = [
      quota({ key: 'base', limit: '1' }),
      quota({ key: 'gates', meter: 'gateways', limit: '2', window: 'LIFETIME' }),
    ];
    const rules = rulesOf({ default_quotas, organizations: organisation([], 'team') });
    expect(rules).toEqual(['PLAN run_units 5000 CALENDAR_MONTH', 'DEFAULT gates 2 LIFETIME']);
  });

  test('return to those of the plan in the moment when an override expires', () => {
    const overrides = [override({ limit: '999', expires: '2026-11-20T12:00:00Z' })];
    const organizations = organisation(overrides);
    const noon = utc('2026-11-20T12:00:00Z');
    const first = (atMs: number) => rulesOf({ organizations }, atMs)[0];
    expect(first(noon - 1)).toBe('OVERRIDE more 999 CALENDAR_MONTH');
    expect(first(noon)).toBe(planned);
  });

  test('keep what an expired override would have replaced', () => {
    const expired = {
      window: 'CALENDAR_DAY',
      replaces: 'run_units',
      expires: '2026-01-01T00:00:00Z',
    };
    const organizations = organisation([override(expired as Partial<OverrideDocument>)]);
    expect(rulesOf({ organizations })).toContain(planned);
  });

  test.each<[expires: readonly (string | null)[], next: number]>([
    [[], Number.POSITIVE_INFINITY],
    [[null], Number.POSITIVE_INFINITY],
    [['2026-11-19T00:00:00Z'], Number.POSITIVE_INFINITY],
    [['2026-11-20T00:00:00Z'], Number.POSITIVE_INFINITY],
    [['2026-12-24T00:00:00Z', '2026-11-21T00:00:00Z', null], utc('2026-11-21')],
  ])('with overrides that expire at %j next change at %d', (expires, next) => {
    const overrides = expires.map((each, i) => override({ key: `o${i}`, expires: each }));
    const catalogue = compile({ organizations: organisation(overrides) });
    const terms: OrganisationTerms = termsOf(catalogue, 'acme');
    expect(rulesSpan(terms, NOW).untilMs).toBe(next);
  });

  test('have their thresholds in ascending order', () => {
    const default_quotas = [quota({ meter: 'gateways', thresholds: [100, 50, 80] })];
    expect(compile({ default_quotas }).defaultQuotas[0]?.thresholds).toEqual([50, 80, 100]);
  });

  test('of all plans and the defaults are counted for everybody', () => {
    const default_quotas = [quota({ key: 'base' })];
    const { rulesByMeter } = compile({ default_quotas });
    expect(rulesByMeter.get('run_units')?.map(({ source }) => source)).toEqual([
      'PLAN',
      'PLAN',
      'PLAN',
      'PLAN',
      'DEFAULT',
    ]);
  });
});

describe('the prices of a plan', () => {
  test('of equal match are versions of one price, by the time they take effect', () => {
    const prices = [
      price({ unit_price: '2', effective_from: '2026-11-01T00:00:00Z' }),
      price({ unit_price: '1', match: { model: 'large' } }),
      price({ unit_price: '3' }),
    ];
    const [free, ...plans] = example.plans;
    const { defaultPlan } = compile({
      plans: free === undefined ? plans : [{ ...free, prices }, ...plans],
    });
    const compiled = defaultPlan.prices.get('input_tokens') ?? [];
    expect(
      compiled.map(({ match, versions }) => [
        match,
        versions.map((each) => formatDecimal(unitPriceOf(each))),
      ]),
    ).toEqual([
      [[['model', 'large']], ['1']],
      [[], ['3', '2']],
    ]);
  });

  test('take only lists of its own currency, after its own prices', () => {
    const [free] = example.plans;
    if (free === undefined) throw new Error('the example has no plan');
    const plans = [
      { ...free, currency: 'EUR', prices: [price({ unit_price: '4' })] },
      { ...free, id: 'dollars', prices: [] },
    ];
    const price_lists = [
      { id: 'usd', currency: 'USD', prices: [price({ unit_price: '5' })] },
      { id: 'eur', currency: 'EUR', prices: [price({ unit_price: '6' })] },
    ];
    const organizations = organisation([], 'dollars');
    const catalogue = compile({ plans, price_lists, organizations });
    const shown = (orgId: string) =>
      termsOf(catalogue, orgId)
        .plan.prices.get('input_tokens')
        ?.map(({ source, versions: [first] }) => `${source} ${unitPriceOf(first).units}`);
    expect(shown('nobody')).toEqual(['plan 4', 'price_list 6']);
    expect(shown('acme')).toEqual(['price_list 5']);
  });

  test('have what is included in quanta of the meter', () => {
    const prices = [price({ meter: 'run_units', included: '1.5', per: '0.25' })];
    const price_lists = [{ id: 'usd', currency: 'USD', prices }];
    const [compiled] = compile({ price_lists }).defaultPlan.prices.get('run_units') ?? [];
    expect(compiled?.versions[0]).toMatchObject({
      included: 15_000n,
      per: { units: 25n, scale: 2 },
    });
  });
});

test('the table of run units keeps the default overhead under the empty tool', () => {
  const run_units = { tiers: { standard: '2' }, overheads: { build: '1' }, floor: '0.5' };
  const table = compile({ run_units }).runUnits;
  const overheads = [...table.overheads].map(([tool, value]) => [tool, formatDecimal(value)]);
  expect(overheads).toEqual([
    ['build', '1'],
    ['', '0'],
  ]);
  expect(formatDecimal(table.floor)).toBe('0.5');
});
