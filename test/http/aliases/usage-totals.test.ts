// `/api/v1/billing/tenants/{tenant_id}/usage-totals`.

import { expect, test } from 'vitest';
import { createTestClock } from '../../support/clock.js';
import { older } from '../../support/older.js';
import { ask, event } from '../../support/requests.js';
import { sharedService } from '../../support/shared-service.js';

const { now } = sharedService({ clock: createTestClock('2026-11-20T12:00:00Z') });
const { get } = older(now);
const PATH = '/api/v1/billing/tenants/acme/usage-totals';
const OCTOBER = 'period_start=2026-10-01T00:00:00Z&period_end=2026-11-01T00:00:00Z';

async function used(): Promise<void> {
  const events = [
    ['executions', '2', '2026-10-31T23:59:59Z'],
    ['executions', '3', '2026-11-01T00:00:00Z'],
    ['run_units', '0.1', '2026-11-01T00:00:00Z'],
    ['run_units', '0.2', '2026-11-02T00:00:00Z'],
    ['agents', '4', '2026-10-20T00:00:00Z'],
  ].map(([meter = '', quantity = '', at = ''], i) => {
    return event({ orgId: 'acme', eventId: `e${i}`, meter, quantity, at });
  });
  await ask(now(), 'recordBatch', { events });
}

const NOVEMBER = { window_start: '2026-11-01T00:00:00Z', window_end: '2026-12-01T00:00:00Z' };
const executions = { feature_key: 'executions', unit: 'execution', quantity: 3, ...NOVEMBER };
const runUnits = { feature_key: 'run_units', unit: 'run_unit', quantity: 0.3, ...NOVEMBER };
/** A level of October that still stands. */
const agents = { feature_key: 'agents', unit: 'agent', quantity: 4, ...NOVEMBER };

test.each([
  ['', [agents, executions, runUnits]],
  ['?feature_keys=run_units&feature_keys=executions', [executions, runUnits]],
  ['?feature_keys=run_units,executions', [executions, runUnits]],
  ['?feature_keys=run_units,%20executions&feature_keys=run_units', [executions, runUnits]],
  ['?feature_keys=input_tokens', []],
  ['?feature_keys=no_such_feature,executions', [executions]],
])('%j has what was used of the features, each once', async (query, expected) => {
  await used();
  const { status, json } = await get(`${PATH}${query}`);
  expect(status).toBe(200);
  expect(json).toEqual(expected);
});

test('a period is half-open, and its window is answered in UTC', async () => {
  await used();
  const [total] = (await get(`${PATH}?feature_keys=executions&${OCTOBER}`)).json;
  expect(total).toMatchObject({
    quantity: 2,
    window_start: '2026-10-01T00:00:00Z',
    window_end: '2026-11-01T00:00:00Z',
  });
  for (const same of [
    'period_start=2026-10-01&period_end=2026-11-01',
    'period_start=2026-10-01T00:00:00%2B00:00&period_end=2026-11-01T00:00:00+00:00',
    'period_start=2026-10-01T02:00:00%2B02:00&period_end=2026-10-31T19:00:00-05:00',
  ]) {
    expect((await get(`${PATH}?feature_keys=executions&${same}`)).json).toEqual([total]);
  }
});

test.each([
  ['period_start=2026-10-01', 'period_end'],
  ['period_end=2026-10-01', 'period_start'],
  ['period_start=x&period_end=2026-10-01', 'period_start'],
  ['period_start=2026-11-01&period_end=2026-10-01', 'end_time'],
  ['feature_keys=Not%20One', 'meters'],
  [`feature_keys=${Array.from({ length: 101 }, (_, i) => `f${i}`)}`, 'feature_keys'],
])('%.40s is 400, and says why', async (query, why) => {
  const { status, json } = await get(`${PATH}?${query}`);
  expect(status).toBe(400);
  expect(json.detail).toContain(why);
});

test('a tenant without usage has no totals', async () => {
  const { json } = await get('/api/v1/billing/tenants/nobody/usage-totals');
  expect(json).toEqual([]);
});
