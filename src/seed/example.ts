// The built-in catalogue of a server without one of its own, already normalised. The same in YAML,
// with comments, is deploy/examples/catalogue.yaml; a test holds the two together.

import type {
  CatalogueDocument,
  MeterDocument,
  PriceDocument,
  QuotaDocument,
  RunUnitsDocument,
} from '../domain/plans/document.js';
import type { WindowKind } from '../domain/quota/rule.js';
import { limits } from '../limits.js';

export const RUN_UNITS: RunUnitsDocument = {
  tiers: { heavy: '1.5', standard: '1', ultra: '3' },
  overheads: {
    build_module: '0.5',
    default: '0.1',
    install_module: '0.2',
    sandbox_execute: '0.2',
    validate_module: '0.3',
    write_module_code: '0.3',
  },
  floor: '0.01',
};

export function exampleCatalogue(): CatalogueDocument {
  return {
    default_plan: 'free',
    unknown_org: 'accept',
    meters: exampleMeters(),
    price_lists: [{ id: 'default', currency: 'USD', prices: examplePrices() }],
    plans: [
      plan('free', 'Free', [
        quota('run_units', '100', 'CALENDAR_MONTH'),
        quota('users', '3', 'LIFETIME'),
        quota('agents', '10', 'LIFETIME'),
        quota('executions', '10000', 'CALENDAR_MONTH'),
      ]),
      plan('team', 'Team', [quota('run_units', '5000', 'CALENDAR_MONTH')]),
      plan('pro', 'Pro', [
        quota('run_units', null, 'CALENDAR_MONTH'),
        quota('users', null, 'LIFETIME'),
        quota('agents', '100', 'LIFETIME'),
        quota('executions', '100000', 'CALENDAR_MONTH'),
      ]),
      plan('enterprise', 'Enterprise', [
        quota('run_units', null, 'CALENDAR_MONTH'),
        quota('users', null, 'LIFETIME'),
        quota('agents', null, 'LIFETIME'),
        quota('executions', null, 'CALENDAR_MONTH'),
      ]),
    ],
    default_quotas: [],
    organizations: [],
    run_units: RUN_UNITS,
  };
}

function exampleMeters(): readonly MeterDocument[] {
  const runUnits = sum('run_units', 'run_unit', 4, ['tool', 'tier']);
  const services = sum('service_usage', 'unit', 6, ['service', 'usage_type']);
  return [
    { ...runUnits, formula: 'run_units' },
    sum('input_tokens', 'token', 0, ['model']),
    sum('output_tokens', 'token', 0, ['model']),
    sum('executions', 'execution', 0, ['tool']),
    // An unknown pair of service and usage type is recorded all the same, at this price.
    { ...services, unpriced: { default: '0.01' } },
    level('users', 'user', 0),
    level('agents', 'agent', 0),
    level('gateways', 'gateway', 0),
    level('storage_gb', 'GB', 6),
  ];
}

function examplePrices(): readonly PriceDocument[] {
  return [
    price('marketplace', 'wpk_upload', '0.1'),
    price('marketplace', 'wpk_review', '0.05'),
    price('analytics', 'query', '0.01'),
    price('analytics', 'report', '0.25'),
    price('storage', 'gb_hour', '0.02'),
    price('compute', 'cpu_hour', '0.5'),
    price('compute', 'memory_gb_hour', '0.1'),
  ];
}

function sum(key: string, unit: string, scale: number, rollup: readonly string[]): MeterDocument {
  return meter({ key, unit, scale, aggregation: 'SUM', rollup_keys: rollup });
}

function level(key: string, unit: string, scale: number): MeterDocument {
  return meter({ key, unit, scale, aggregation: 'LAST', rollup_keys: [] });
}

function meter(
  given: Pick<MeterDocument, 'key' | 'unit' | 'scale' | 'aggregation' | 'rollup_keys'>,
): MeterDocument {
  return {
    key: given.key,
    unit: given.unit,
    scale: given.scale,
    aggregation: given.aggregation,
    dimension: '',
    source_keys: [],
    formula: 'identity',
    rollup_keys: given.rollup_keys,
    label_sets_max: limits.labelSetsPerMonth,
    late_policy: 'NEXT_INVOICE',
    unpriced: 'zero',
  };
}

function plan(id: string, name: string, quotas: readonly QuotaDocument[]) {
  return { id, name, currency: 'USD', quotas, prices: [] };
}

/** The rule has the name of its meter. */
function quota(meter: string, limit: string | null, window: WindowKind): QuotaDocument {
  return {
    key: meter,
    meter,
    match: {},
    limit,
    window,
    window_length_ms: 0,
    mode: 'HARD',
    scope: [],
    thresholds: [80, 95],
  };
}

function price(service: string, usageType: string, unitPrice: string): PriceDocument {
  return {
    meter: 'service_usage',
    match: { service, usage_type: usageType },
    kind: 'per_unit',
    unit_price: unitPrice,
    per: '1',
    included: '0',
    effective_from: '1970-01-01T00:00:00Z',
  };
}
