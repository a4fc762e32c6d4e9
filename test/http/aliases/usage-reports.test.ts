// `/usage/report`, `/billing/usage` and `/billing/invoice`, `/health` and `/metrics`.

import { describe, expect, test } from 'vitest';
import { createTestClock } from '../../support/clock.js';
import { cold } from '../../support/cold.js';
import { as, older } from '../../support/older.js';
import { sharedService } from '../../support/shared-service.js';

const NOW_SECONDS = Date.parse('2026-11-20T12:00:00Z') / 1000;
const { now, org, lastSequence } = sharedService({
  clock: createTestClock(NOW_SECONDS * 1000),
  // What is asked about last month does not race with its closing.
  flags: ['--invoice-grace', '366d'],
});
const { get, post } = older(now);

const upload = (tenant_id: string, more: object = {}) => ({
  tenant_id,
  service: 'marketplace',
  usage_type: 'wpk_upload',
  quantity: 1,
  ...more,
});

describe('a report', () => {
  test('is recorded at once, or at its time', async () => {
    const acme = org();
    const { status, json } = await post('/usage/report', upload(acme, { quantity: 1.5 }));
    expect(status).toBe(200);
    expect(json).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: 'recorded',
      tenant_id: acme,
      quantity: 1.5,
      message: 'Usage recorded successfully',
    });
    await post('/usage/report', upload(acme, { timestamp: NOW_SECONDS - 60.5 }));
    const { events } = await cold(now(), 'Metering', 'ListUsageEvents', { org_id: acme });
    expect(events).toMatchObject([
      { event_id: json.id, quantity: '1.5', event_time: { seconds: NOW_SECONDS } },
      { event_time: { seconds: NOW_SECONDS - 61, nanos: 500_000_000 } },
    ]);
    expect(events[0].dimensions).toEqual({ service: 'marketplace', usage_type: 'wpk_upload' });
  });

  test('is exact, as a number or as text', async () => {
    const acme = org();
    for (const quantity of [0.1, 0.2, 1e-6, 1e12, '1000000000.123456']) {
      expect((await post('/usage/report', upload(acme, { quantity }))).status).toBe(200);
    }
    const { totals } = await cold(now(), 'Metering', 'GetUsage', { org_id: acme });
    expect(totals[0].quantity).toBe('1001000000000.423457');
  });

  test('two at the same time both count, and one that is repeated with a key does not', async () => {
    const acme = org();
    const body = upload(acme, { timestamp: NOW_SECONDS });
    await post('/usage/report', body);
    await post('/usage/report', body);
    const first = await post('/usage/report', body, { 'idempotency-key': 'k' });
    expect((await post('/usage/report', body, { 'idempotency-key': 'k' })).json).toEqual(
      first.json,
    );
    const { json } = await get(`/billing/usage/${acme}`);
    expect(json.usage_summary).toMatchObject([{ total_quantity: 3, record_count: 3 }]);
  });

  test('of nobody is of the organisation in the header', async () => {
    const acme = org();
    const { tenant_id: _, ...body } = upload(acme);
    expect((await post('/usage/report', body, as(acme))).json.tenant_id).toBe(acme);
    expect((await post('/usage/report', body)).status).toBe(400);
  });

  test.each([
    ['1970', { timestamp: 0 }, 'old'],
    ['the future', { timestamp: NOW_SECONDS + 600 }, 'event_time'],
    ['a negative quantity', { quantity: -1 }, 'quantity'],
    ['an infinite quantity', '{"quantity":1e999', 'quantity'],
    ['no number', { quantity: 'NaN' }, 'quantity'],
    ['no quantity', { quantity: null }, 'quantity'],
    ['too many digits', { quantity: 1e-7 }, 'quantity'],
    ['more digits than a double has', { quantity: 2 ** 53 }, 'as text'],
    ['no service', { service: '' }, 'service'],
    ['a usage type that is none', { usage_type: 7 }, 'usage_type'],
    ['a time that is none', { timestamp: 'now' }, 'timestamp'],
    ['a time beyond all', { timestamp: 1e300 }, 'timestamp'],
    ['a tenant that is none', { tenant_id: 'a/b' }, 'org_id'],
  ])('of %s is 400, and nothing is recorded', async (_what, given, why) => {
    const before = lastSequence();
    const full = upload('acme', typeof given === 'string' ? {} : given);
    const text = JSON.stringify(full);
    const body =
      typeof given === 'string'
        ? text.replace('{', `${given},`).replace(',"quantity":1}', '}')
        : full;
    const { status, json } = await post('/usage/report', body as object);
    expect(status).toBe(400);
    expect(json).toEqual({ detail: expect.stringContaining(why) });
    expect(lastSequence()).toBe(before);
  });
});

describe('a summary', () => {
  test('is ordered by service and type, with what an unknown pair used', async () => {
    const acme = org();
    const days = (n: number) => ({ timestamp: NOW_SECONDS - n * 86_400 });
    await post('/usage/report', upload(acme, { usage_type: 'wpk_review', quantity: 0.1 }));
    await post('/usage/report', upload(acme, { usage_type: 'wpk_review', quantity: 0.2 }));
    await post('/usage/report', upload(acme, { quantity: 5, ...days(29) }));
    await post('/usage/report', upload(acme, { service: 'brand_new', usage_type: 'x' }));
    await post(
      '/usage/report',
      upload(acme, { service: 'brand_new', usage_type: 'y', ...days(31) }),
    );
    expect((await get(`/billing/usage/${acme}`)).json).toEqual({
      tenant_id: acme,
      period_days: 30,
      usage_summary: [
        { service: 'brand_new', usage_type: 'x', total_quantity: 1, record_count: 1 },
        { service: 'marketplace', usage_type: 'wpk_review', total_quantity: 0.3, record_count: 2 },
        { service: 'marketplace', usage_type: 'wpk_upload', total_quantity: 5, record_count: 1 },
      ],
      total_services: 2,
    });
    const { json } = await get(`/billing/usage/${acme}?days=32`);
    expect(json).toMatchObject({ period_days: 32, total_services: 2 });
    expect(json.usage_summary.length).toBe(4);
    expect((await get(`/billing/usage/${acme}?days=1`)).json.usage_summary.length).toBe(2);
  });

  test('of a tenant without usage is empty', async () => {
    const acme = org();
    expect((await get(`/billing/usage/${acme}?days=7`)).json).toEqual({
      tenant_id: acme,
      period_days: 7,
      usage_summary: [],
      total_services: 0,
    });
  });

  test.each(['0', '-1', 'x', '36601'])('of %s days is 400', async (days) => {
    expect((await get(`/billing/usage/acme?days=${days}`)).status).toBe(400);
  });
});

describe('an invoice', () => {
  test('has an item for each service and type, and their sum', async () => {
    const acme = org();
    await post('/usage/report', upload(acme, { quantity: 5 }));
    await post(
      '/usage/report',
      upload(acme, { service: 'brand_new', usage_type: 'x', quantity: 3 }),
    );
    const start = Date.parse('2026-11-01T00:00:00Z') / 1000;
    const { status, json } = await get(`/billing/invoice/${acme}`);
    expect(status).toBe(200);
    expect(json).toEqual({
      id: `inv_${acme}_${start}`,
      tenant_id: acme,
      period_start: start,
      period_end: Date.parse('2026-12-01T00:00:00Z') / 1000,
      items: [
        { service: 'brand_new', usage_type: 'x', quantity: 3, rate: 0.01, amount: 0.03 },
        { service: 'marketplace', usage_type: 'wpk_upload', quantity: 5, rate: 0.1, amount: 0.5 },
      ],
      total_amount: 0.53,
      currency: 'USD',
      status: 'generated',
    });
    expect((await get(`/billing/invoice/${acme}?period=current`)).json).toEqual(json);
  });

  test('of another period has what of the last 30 days is on no invoice yet', async () => {
    const acme = org();
    await post('/usage/report', upload(acme, { timestamp: NOW_SECONDS - 25 * 86_400 }));
    const { json } = await get(`/billing/invoice/${acme}?period=last_month`);
    expect(json.period_end - json.period_start).toBe(30 * 86_400);
    expect(json.period_end).toBe(NOW_SECONDS + 15 * 60);
    expect(json).toMatchObject({ id: `inv_${acme}_${json.period_start}`, total_amount: 0.1 });
  });

  test('has other things that cost as items too, so that the total is what is owed', async () => {
    const acme = org();
    await cold(now(), 'Catalog', 'CreatePlan', {
      plan: { plan_id: `plan-${acme}`, base_price: '9.99' },
    });
    await cold(now(), 'Subscription', 'CreateSubscription', { org_id: acme, plan: `plan-${acme}` });
    await post('/usage/report', upload(acme, { quantity: 3 }));
    const { json } = await get(`/billing/invoice/${acme}`);
    const preview = await cold(now(), 'Metering', 'GetInvoice', { org_id: acme });
    expect(json.total_amount).toBe(Number(preview.invoice.subtotal));
    const sum = json.items.reduce((all: number, { amount }: { amount: number }) => all + amount, 0);
    expect(json.total_amount).toBeCloseTo(sum, 10);
  });

  test('of a tenant without usage has no items', async () => {
    const { json } = await get(`/billing/invoice/${org()}`);
    expect(json).toMatchObject({ items: [], total_amount: 0, currency: 'USD' });
  });
});

describe('a probe', () => {
  test('of health says that payments are simulated', async () => {
    const { status, json } = await get('/health');
    expect(status).toBe(200);
    expect(json).toEqual({
      status: 'ok',
      service: 'tollgate',
      simulation_mode: true,
      stripe_configured: false,
    });
  });

  test('of metrics is the text for a scrape, or three figures as JSON', async () => {
    const before = (await get('/metrics', { accept: 'application/json' })).json;
    await post('/usage/report', upload(org()));
    const { json } = await get('/metrics', { accept: 'application/json' });
    expect(json).toEqual({
      billing_usage_records_total: before.billing_usage_records_total + 1,
      billing_active_tenants: before.billing_active_tenants + 1,
      billing_invoices_total: before.billing_invoices_total,
    });
    const text = await get('/metrics');
    expect(text.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text.bytes.toString()).toMatch(/^tollgate_events_total\{outcome="recorded"\} \d+$/m);
  });
});
