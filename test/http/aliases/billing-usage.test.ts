// `/api/billing`: events and their sums by day.

import { describe, expect, test } from 'vitest';
import { createTestClock } from '../../support/clock.js';
import { cold } from '../../support/cold.js';
import { as, older } from '../../support/older.js';
import { sharedService } from '../../support/shared-service.js';

const { now, org, lastSequence } = sharedService({
  clock: createTestClock('2026-11-20T12:00:00Z'),
});
const { get, post } = older(now);

const INGEST = '/api/billing/usage:ingest';
const summary = (tenant: string, query = '') =>
  get(`/api/billing/tenants/${tenant}/usage/summary${query}`);

describe('an event', () => {
  test('is answered with 201, and its repeat too', async () => {
    const acme = org();
    const body = {
      tenant_id: acme,
      meter_key: 'executions',
      quantity: 3,
      occurred_at: '2026-11-19T10:00:00+01:00',
      source_event_id: 'call 7/step:1',
      detail: { tool: 'search', attempt: 2, nothing: null, nested: { a: [1] } },
    };
    const first = await post(INGEST, body);
    expect(first.status).toBe(201);
    expect(first.json).toEqual({
      event: {
        id: 'call 7/step:1',
        tenant_id: acme,
        meter_key: 'executions',
        quantity: 3,
        occurred_at: '2026-11-19T09:00:00Z',
        source_event_id: 'call 7/step:1',
        detail: { tool: 'search', attempt: '2', nested: '{"a":[1]}' },
      },
      deduplicated: false,
    });
    const again = await post(INGEST, body);
    expect(again).toMatchObject({ status: 201, json: { ...first.json, deduplicated: true } });
    const later = await post(INGEST, { ...body, occurred_at: '2026-11-19T11:00:00Z' });
    expect(later.json.deduplicated).toBe(true);
    const other = await post(INGEST, { ...body, quantity: 4 });
    expect(other.status).toBe(409);
    const { events } = await cold(now(), 'Metering', 'ListUsageEvents', { org_id: acme });
    expect(events).toMatchObject([{ quantity: '3', dimensions: first.json.event.detail }]);
  });

  test('counts once, now, for the organisation in the header, where it says no more', async () => {
    const acme = org();
    const { json } = await post(INGEST, { meter_key: 'executions' }, as(acme));
    expect(json.event).toMatchObject({
      tenant_id: acme,
      quantity: 1,
      occurred_at: '2026-11-20T12:00:00Z',
      detail: {},
    });
    expect(json.event.id).toBe(json.event.source_event_id);
  });

  test('with the same id in two organisations is two', async () => {
    const body = { meter_key: 'executions', source_event_id: 'one' };
    for (const tenant of [org(), org()]) {
      const { json } = await post(INGEST, { ...body, tenant_id: tenant });
      expect(json.deduplicated).toBe(false);
    }
  });

  test.each([
    ['no meter', { meter_key: '' }, 400],
    ['a meter that is none', { meter_key: 'wishes' }, 404],
    ['no quantity', { quantity: 0 }, 400],
    ['a negative quantity', { quantity: -1 }, 400],
    ['half a quantity', { quantity: 1.5 }, 400],
    ['a quantity that is none', { quantity: 'many' }, 400],
    ['1970', { occurred_at: '1970-01-01T00:00:00Z' }, 400],
    ['a time that is none', { occurred_at: 'now' }, 400],
    ['a detail that is none', { detail: [] }, 400],
    ['a detail that is too long', { detail: { text: 'x'.repeat(257) } }, 400],
    ['an id that is too long', { source_event_id: 'x'.repeat(129) }, 400],
  ])('of %s is refused', async (_what, given, status) => {
    const before = lastSequence();
    const answer = await post(INGEST, { tenant_id: 'acme', meter_key: 'executions', ...given });
    expect(answer).toMatchObject({ status, json: { detail: expect.any(String) } });
    expect(lastSequence()).toBe(before);
  });
});

describe('a summary', () => {
  test('sums days, both ends included, sorted by key', async () => {
    const acme = org();
    const at = (meter_key: string, quantity: number, occurred_at: string) =>
      post(INGEST, { tenant_id: acme, meter_key, quantity, occurred_at });
    await at('run_units', 1.1, '2026-11-10T00:00:00Z');
    await at('run_units', 2.2, '2026-11-11T23:59:59.999Z');
    await at('run_units', 4, '2026-11-12T00:00:00Z');
    await at('executions', 8, '2026-11-11T12:00:00Z');
    await at('executions', 16, '2026-11-09T23:59:59.999Z');
    const days = { from_date: '2026-11-10', to_date: '2026-11-11' };
    const { status, json } = await summary(acme, '?from_date=2026-11-10&to_date=2026-11-11');
    expect(status).toBe(200);
    expect(json).toEqual([
      { meter_key: 'executions', total_quantity: 8, ...days },
      { meter_key: 'run_units', total_quantity: 3.3, ...days },
    ]);
    const one = await summary(acme, '?from_date=2026-11-12&to_date=2026-11-12&meter_key=run_units');
    expect(one.json).toMatchObject([{ meter_key: 'run_units', total_quantity: 4 }]);
    expect((await summary(acme)).json).toEqual([
      {
        meter_key: 'executions',
        total_quantity: 24,
        from_date: '2026-11-01',
        to_date: '2026-11-20',
      },
      {
        meter_key: 'run_units',
        total_quantity: 7.3,
        from_date: '2026-11-01',
        to_date: '2026-11-20',
      },
    ]);
  });

  test('of a meter without usage is zero, of a tenant without any nothing', async () => {
    const acme = org();
    expect((await summary(acme, '?meter_key=agents')).json).toMatchObject([{ total_quantity: 0 }]);
    expect((await summary(acme)).json).toEqual([]);
  });

  test.each([
    ['from_date=2026-11-11&to_date=2026-11-10', 409],
    ['from_date=2026-12-01', 409],
    ['from_date=2026-11-31', 400],
    ['from_date=2026-11-01T00:00:00Z', 400],
    ['to_date=x', 400],
    ['meter_key=', 400],
    ['meter_key=wishes', 404],
  ])('with %s is refused with %i', async (query, status) => {
    expect(await summary('acme', `?${query}`)).toMatchObject({
      status,
      json: { detail: expect.any(String) },
    });
  });
});
