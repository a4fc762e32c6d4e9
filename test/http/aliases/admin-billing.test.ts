// `/admin/billing`: run units of the caller's own organisation.

import { describe, expect, test } from 'vitest';
import { createTestClock } from '../../support/clock.js';
import { cold } from '../../support/cold.js';
import { as, older } from '../../support/older.js';
import { ask, event } from '../../support/requests.js';
import { sharedService } from '../../support/shared-service.js';

const { now, org } = sharedService({ clock: createTestClock('2026-11-20T12:00:00Z') });
const { get } = older(now);

const USAGE = '/admin/billing/usage';
const HISTORY = '/admin/billing/usage/history';
const QUOTA = '/admin/billing/quota';

/** Events of run units: each is its quantity, or more about it. */
async function used(orgId: string, ...events: (string | object)[]): Promise<void> {
  const full = events.map((given, i) => ({
    orgId,
    meter: 'run_units',
    eventId: `e${i}`,
    at: '2026-11-20T11:00:00Z',
    ...(typeof given === 'string' ? { quantity: given } : given),
  }));
  const { results } = await ask(now(), 'recordBatch', { events: full.map(event) });
  expect(results.map(({ message }) => message)).toEqual(results.map(() => ''));
}

describe('usage', () => {
  test('is the total of a month, by tool and by tier', async () => {
    const acme = org();
    await used(
      acme,
      { quantity: '0.1', dimensions: { tool: 'build_module', tier: 'heavy' } },
      { quantity: '0.2', dimensions: { tool: 'build_module' } },
      { quantity: '1', dimensions: { tool: 'search', tier: 'heavy' } },
      '0.5',
      { quantity: '7', at: '2026-10-31T23:59:59.999Z' },
    );
    const { status, json } = await get(`${USAGE}?period=2026-11`, as(acme));
    expect(status).toBe(200);
    expect(json).toEqual({
      total_run_units: 1.8,
      record_count: 4,
      by_tool: { build_module: 0.3, default: 0.5, search: 1 },
      by_tier: { heavy: 1.1, standard: 0.7 },
      period: '2026-11',
    });
    expect((await get(USAGE, as(acme))).json).toEqual(json);
    expect((await get(`${USAGE}?period=2026-10`, as(acme))).json.total_run_units).toBe(7);
  });

  test('of an organisation without any is zeros and empty maps', async () => {
    expect((await get(`${USAGE}?period=2025-02`, as(org()))).json).toEqual({
      total_run_units: 0,
      record_count: 0,
      by_tool: {},
      by_tier: {},
      period: '2025-02',
    });
  });

  test('adds a thousand tenths to exactly 100', async () => {
    const acme = org();
    await used(acme, ...Array.from({ length: 1000 }, () => '0.1'));
    const { json } = await get(USAGE, as(acme));
    expect(json).toMatchObject({ total_run_units: 100, by_tool: { default: 100 } });
  });

  test('keeps a tool that is called like a property of every object', async () => {
    const acme = org();
    await used(acme, { quantity: '1', dimensions: { tool: '__proto__' } });
    const { bytes } = await get(USAGE, as(acme));
    expect(bytes.toString()).toContain('"by_tool":{"__proto__":1}');
  });

  test.each(['2026-13', '2026', '2026-1', 'x', '', '2026-11-01'])(
    'of the period %j is 400',
    async (period) => {
      const { status, json } = await get(`${USAGE}?period=${period}`, as(org()));
      expect(status).toBe(400);
      expect(json).toEqual({ detail: expect.stringContaining('period') });
    },
  );
});

describe('history', () => {
  test('has every field of a record, newest first', async () => {
    const acme = org();
    await used(
      acme,
      { at: '2026-11-19T08:00:00Z', run: { cpuSeconds: 0.5, gpuSeconds: 2, latencyMs: 700 } },
      {
        at: '2026-11-20T08:00:00.250Z',
        quantity: '2.5',
        dimensions: { tool: 'search', tier: 'ultra', user: 'u-1', thread: 't-1' },
      },
    );
    const { status, json } = await get(HISTORY, as(acme));
    expect(status).toBe(200);
    expect(json).toEqual({
      records: [
        {
          id: 'e1',
          org_id: acme,
          user_id: 'u-1',
          thread_id: 't-1',
          tool_name: 'search',
          run_units: 2.5,
          tier: 'ultra',
          cpu_seconds: null,
          gpu_seconds: null,
          latency_ms: null,
          created_at: '2026-11-20T08:00:00.250Z',
          period: '2026-11',
        },
        {
          id: 'e0',
          org_id: acme,
          user_id: null,
          thread_id: null,
          tool_name: 'default',
          run_units: 2.1,
          tier: 'standard',
          cpu_seconds: 0.5,
          gpu_seconds: 2,
          latency_ms: 700,
          created_at: '2026-11-19T08:00:00Z',
          period: '2026-11',
        },
      ],
      count: 2,
    });
  });

  test('leaves out what was taken back, as the totals do, and fills the page with others', async () => {
    const acme = org();
    await used(acme, '1', '2', '4');
    await cold(now(), 'Correction', 'VoidEvent', { org_id: acme, event_id: 'e2', reason: 'wrong' });
    const { json } = await get(`${HISTORY}?limit=2`, as(acme));
    expect(json.records.map(({ id }: { id: string }) => id)).toEqual(['e1', 'e0']);
    expect((await get(USAGE, as(acme))).json.total_run_units).toBe(3);
  });

  test.each([
    ['', 100],
    ['?limit=-5', 1],
    ['?limit=0', 1],
    ['?limit=1', 1],
    ['?limit=1000', 1000],
    ['?limit=1001', 1000],
  ])('%j gives %i records of 1,002', async (query, count) => {
    const many = 'many';
    if ((await get(HISTORY, as(many))).json.count === 0) {
      await used(many, ...Array.from({ length: 1000 }, () => '0.01'));
      await used(many, { eventId: 'x', quantity: '1' }, { eventId: 'y', quantity: '1' });
    }
    const { json } = await get(`${HISTORY}${query}`, as(many));
    expect(json.count).toBe(count);
    expect(json.records.length).toBe(count);
  });

  test.each([
    ['start_date=2026-11-19', ['c', 'b']],
    ['end_date=2026-11-18', ['a']],
    ['end_date=2026-11-19', ['b', 'a']],
    ['start_date=2026-11-19&end_date=2026-11-19', ['b']],
    ['start_date=2026-11-19T23:59:59Z', ['c', 'b']],
    ['start_date=2026-11-19T23:59:59%2B00:00', ['c', 'b']],
    ['start_date=2026-11-19T23:59:59+00:00', ['c', 'b']],
    ['start_date=2026-11-19T23:59:59', ['c', 'b']],
    ['start_date=2026-11-19%2023:59:59', ['c', 'b']],
    ['start_date=2026-11-20T00:59:59%2B01:00', ['c', 'b']],
    ['start_date=2026-11-20T01:00:00%2B01:00', ['c']],
    ['end_date=2026-11-19T23:59:59.001Z', ['b', 'a']],
    ['end_date=2026-11-19T23:59:59Z', ['a']],
    ['start_date=2026-11-21', []],
  ])('with %s has %j', async (query, ids) => {
    const dated = 'dated';
    await used(
      dated,
      { eventId: 'a', quantity: '1', at: '2026-11-18T23:59:59Z' },
      { eventId: 'b', quantity: '1', at: '2026-11-19T23:59:59Z' },
      { eventId: 'c', quantity: '1', at: '2026-11-20T00:00:00Z' },
    );
    const { json } = await get(`${HISTORY}?${query}`, as(dated));
    expect(json.records.map(({ id }: { id: string }) => id)).toEqual(ids);
  });

  test.each([
    'limit=ten',
    'limit=1.5',
    'limit=',
    'limit=1&limit=2',
    'start_date=2026-02-30',
    'start_date=yesterday',
    'start_date=',
    'end_date=2026-11-20T24:00:00Z',
    'end_date=2026-11-20T12:00:00%2B99:00',
  ])('with %s is 400', async (query) => {
    const { status, json } = await get(`${HISTORY}?${query}`, as(org()));
    expect(status).toBe(400);
    expect(json.detail).toContain(query.slice(0, query.indexOf('=')));
  });
});

describe('quota', () => {
  test.each([
    ['99', true, 1],
    ['99.9999', true, 0.0001],
    ['100', false, 0],
    ['120', false, 0],
  ])('of the free plan with %s used: allowed %s, %d left', async (quantity, allowed, remaining) => {
    const acme = org();
    await used(acme, quantity);
    expect((await get(QUOTA, as(acme))).json).toEqual({
      allowed,
      current_usage: Number(quantity),
      limit: 100,
      remaining,
      period: '2026-11',
      org_id: acme,
      plan: 'free',
    });
  });

  test('without a limit is -1, which JSON has', async () => {
    const acme = org();
    await cold(now(), 'Organization', 'CreateOrganization', {
      organization: { org_id: acme, plan: 'enterprise' },
    });
    await used(acme, '1000000');
    const { json, bytes } = await get(QUOTA, as(acme));
    expect(json).toMatchObject({ allowed: true, limit: -1, remaining: -1, plan: 'enterprise' });
    expect(json.current_usage).toBe(1_000_000);
    expect(bytes.toString()).not.toMatch(/Infinity|null/);
  });
});

test.each([USAGE, HISTORY, QUOTA])(
  '%s without authentication needs the organisation in a header',
  async (path) => {
    const { status, json } = await get(path);
    expect(status).toBe(400);
    expect(json).toEqual({ detail: expect.stringContaining('x-tollgate-org') });
  },
);
