// The built-in catalogue, and what normalising does to one in a file.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runUnits } from '../../src/domain/metering/run-units.js';
import { rulesFor } from '../../src/domain/plans/catalogue.js';
import { priceFor } from '../../src/domain/pricing/price.js';
import { exampleCatalogue } from '../../src/seed/example.js';
import { compiled, termsOf, unitPriceOf } from '../support/compiled.js';
import { catalogueYaml, configOf } from './given.js';

const EXAMPLE = new URL('../../deploy/examples/catalogue.yaml', import.meta.url);
const documentOf = (yaml: string) => configOf({ yaml }).catalogue;

test('the built-in catalogue is the one in deploy/examples, byte for byte', () => {
  const written = documentOf(readFileSync(EXAMPLE, 'utf8'));
  expect(JSON.stringify(written)).toBe(JSON.stringify(exampleCatalogue()));
});

test('the built-in catalogue compiles, with the limits of the four plans', () => {
  const document = exampleCatalogue();
  const catalogue = compiled(document);
  expect(catalogue.defaultPlan.id).toBe('free');
  const limits = document.plans.map(({ id, quotas }) => [
    id,
    Object.fromEntries(quotas.map(({ key, limit }) => [key, limit])),
  ]);
  expect(limits).toEqual([
    ['free', { run_units: '100', users: '3', agents: '10', executions: '10000' }],
    ['team', { run_units: '5000' }],
    ['pro', { run_units: null, users: null, agents: '100', executions: '100000' }],
    ['enterprise', { run_units: null, users: null, agents: null, executions: null }],
  ]);
  const rules = rulesFor(catalogue, termsOf(catalogue, 'anyone'), 0);
  expect(rules.get('run_units')?.[0]).toMatchObject({ limit: 1_000_000n, mode: 'HARD' });
  expect(rules.get('users')?.[0]).toMatchObject({ limit: 3n, window: 'LIFETIME' });
});

test('the built-in run units cost what the table of the rules says', () => {
  const { runUnits: table } = compiled(exampleCatalogue());
  const cost = (cpuSeconds: number, tier: string, tool: string) => {
    const run = { cpuSeconds, gpuSeconds: undefined, latencyMs: undefined };
    return runUnits(run, new Map(Object.entries({ tier, tool })), table).quanta;
  };
  expect(cost(1.5, 'heavy', 'sandbox_execute')).toBe(24_500n);
  expect(cost(1, 'ultra', '')).toBe(31_000n);
  expect(cost(0.03125, 'standard', 'build_module')).toBe(5312n);
});

test.each([
  ['marketplace', 'wpk_upload', '0.10'],
  ['marketplace', 'wpk_review', '0.05'],
  ['analytics', 'query', '0.01'],
  ['analytics', 'report', '0.25'],
  ['storage', 'gb_hour', '0.02'],
  ['compute', 'cpu_hour', '0.50'],
  ['compute', 'memory_gb_hour', '0.10'],
])('%s.%s costs %s in every plan', (service, usageType, amount) => {
  const catalogue = compiled(exampleCatalogue());
  const prices = catalogue.defaultPlan.prices.get('service_usage') ?? [];
  const labels = new Map(Object.entries({ service, usage_type: usageType }));
  const unitPrice = unitPriceOf(priceFor(prices, labels, 0)?.versions[0]);
  expect(Number(unitPrice.units) / 10 ** unitPrice.scale).toBe(Number(amount));
});

test('service usage that no price matches meets its default, other usage is free', () => {
  const { meters } = compiled(exampleCatalogue());
  const amount = { units: 1n, scale: 2 };
  expect(meters.get('service_usage')?.unpriced).toEqual({ kind: 'default', amount });
  expect(meters.get('executions')?.unpriced).toEqual({ kind: 'zero' });
});

test('the order of keys and the writing of numbers leave no trace in the document', () => {
  const one = documentOf(`catalogue:
  default_plan: free
  meters:
    - { key: m, unit: u, scale: 2, aggregation: SUM, rollup_keys: [a, b], unpriced: default(0.010) }
  plans:
    - id: free
      quotas:
        - { key: q, meter: m, limit: 0100.50, match: { x: 1, y: 2 }, scope: [s, r] }
      prices:
        - meter: m
          unit_price: 0.50
          match: { a: 1, b: 2 }
          effective_from: 2026-01-01T01:00:00+01:00
`);
  const other = documentOf(`catalogue:
  run_units: {}
  organizations:
  plans:
    - prices:
        - effective_from: 2026-01-01T00:00:00.000Z
          included: "0.00"
          match: { b: "2", a: "1" }
          kind: per_unit
          unit_price: "0.5"
          meter: m
      quotas:
        - thresholds: [95, 80]
          scope: [r, s]
          match: { y: 2, x: 1 }
          limit: "100.5"
          meter: m
          key: q
      currency: USD
      name: free
      id: free
  meters:
    - unpriced: { default: 0.01 }
      rollup_keys: [a, b]
      aggregation: SUM
      scale: 2
      unit: u
      key: m
  unknown_org: accept
  default_plan: free
`);
  expect(JSON.stringify(other)).toBe(JSON.stringify(one));
  expect(one.plans[0]?.quotas[0]).toEqual({
    key: 'q',
    meter: 'm',
    match: { x: '1', y: '2' },
    limit: '100.5',
    window: 'CALENDAR_MONTH',
    window_length_ms: 0,
    mode: 'HARD',
    scope: ['r', 's'],
    thresholds: [80, 95],
  });
});

test.each(['', 'null', '~', 'unlimited'])('a limit written as %j is no limit', (limit) => {
  const plans = `[{id: free, quotas: [{key: q, meter: tokens, limit: ${limit}}]}]`;
  expect(documentOf(catalogueYaml({ plans })).plans[0]?.quotas[0]?.limit).toBe(null);
});

test.each([
  ['3600s', 3_600_000],
  ['90m', 5_400_000],
  ['5h', 18_000_000],
  ['30d', 2_592_000_000],
])('a window of %s is %d ms', (length, ms) => {
  const window = `window: FIXED_FROM_FIRST_USE, window_length: ${length}`;
  const plans = `[{id: free, quotas: [{key: q, meter: tokens, ${window}}]}]`;
  expect(documentOf(catalogueYaml({ plans })).plans[0]?.quotas[0]?.window_length_ms).toBe(ms);
});

test('an organisation without a plan has the default one, and its overrides compile', () => {
  const override = '{key: o, meter: tokens, limit: 0, expires: 2027-01-01T00:00:00Z}';
  const organizations = `[{id: acme, suspended: true, quota_overrides: [${override}]}]`;
  const document = documentOf(catalogueYaml({ organizations }));
  expect(document.organizations[0]?.plan).toBe('free');
  const { suspended, overrides } = termsOf(compiled(document), 'acme');
  expect(suspended).toBe(true);
  expect(overrides[0]).toMatchObject({
    rule: { limit: 0n, source: 'OVERRIDE' },
    replaces: '',
    expiresMs: Date.parse('2027-01-01T00:00:00Z'),
  });
});

test('an anchor saves writing a rule twice', () => {
  const document = documentOf(`catalogue:
  default_plan: free
  meters: [{key: m, unit: u, scale: 0, aggregation: SUM}]
  plans:
    - { id: free, quotas: &common [{key: q, meter: m, limit: 5}] }
    - { id: team, quotas: *common }
`);
  expect(document.plans[1]?.quotas).toEqual(document.plans[0]?.quotas);
});

test('prices that differ in time only are versions, not a tie', () => {
  const version = (time: string) => `{meter: tokens, unit_price: 1, effective_from: ${time}}`;
  const both = `${version('2026-02-01T00:00:00Z')}, ${version('2026-01-01T00:00:00Z')}`;
  const document = documentOf(catalogueYaml({ plans: `[{id: free, prices: [${both}]}]` }));
  const prices = compiled(document).defaultPlan.prices.get('tokens');
  expect(prices?.map(({ versions }) => versions.length)).toEqual([2]);
});
