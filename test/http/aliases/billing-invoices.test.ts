// `/api/billing`: invoices, in cents.

import { describe, expect, test } from 'vitest';
import { createTestClock } from '../../support/clock.js';
import { cold } from '../../support/cold.js';
import { as, older } from '../../support/older.js';
import { sharedService } from '../../support/shared-service.js';

const { now, org } = sharedService({
  clock: createTestClock('2026-11-20T12:00:00Z'),
  flags: ['--invoice-grace', '366d'],
});
const { get, post } = older(now);

const OCTOBER = { period_start: '2026-10-01', period_end: '2026-11-01' };
const one = (id: string, verb = '') => `/api/billing/invoices/${id}${verb}`;
const generate = (tenant_id: string, more: object = {}) =>
  post('/api/billing/invoices:generate', { tenant_id, ...OCTOBER, ...more });

/** An organisation with 30 uploads of 10 cents in October. */
async function billed(): Promise<string> {
  const acme = org();
  await post('/api/billing/usage:ingest', {
    tenant_id: acme,
    meter_key: 'service_usage',
    quantity: 30,
    occurred_at: '2026-10-20T00:00:00Z',
    detail: { service: 'marketplace', usage_type: 'wpk_upload' },
  });
  return acme;
}

describe('an invoice', () => {
  test('is made of a billing period, with its lines, adjusted', async () => {
    const acme = await billed();
    const detail = { reason: 'as promised' };
    const { status, json } = await generate(acme, { adjustments_cents: -45, detail });
    expect(status).toBe(201);
    const { lines, adjustments_cents, ...head } = json;
    expect(head).toEqual({
      invoice_id: expect.stringMatching(/^inv_/),
      invoice_number: null,
      tenant_id: acme,
      status: 'DRAFT',
      kind: 'RECURRING',
      period_start: '2026-10-01T00:00:00Z',
      period_end: '2026-11-01T00:00:00Z',
      currency: 'USD',
      subtotal_cents: 255,
      tax_cents: 0,
      total_cents: 255,
      amount_due_cents: 255,
      created_at: '2026-11-20T12:00:00Z',
      closed_at: null,
      voided_at: null,
    });
    expect(adjustments_cents).toBe(-45);
    expect(lines).toEqual([
      {
        kind: 'USAGE',
        description: expect.any(String),
        meter_key: 'service_usage',
        quantity: 30,
        unit_price: 0.1,
        amount_cents: 300,
      },
      {
        kind: 'ADJUSTMENT',
        description: expect.any(String),
        meter_key: null,
        quantity: null,
        unit_price: null,
        amount_cents: -45,
      },
    ]);
    expect((await get(one(json.invoice_id), as(acme))).json).toEqual(json);
    expect((await get(`/api/billing/tenants/${acme}/invoices`)).json).toEqual([head]);
    const { invoice } = await cold(now(), 'Metering', 'GetInvoice', {
      org_id: acme,
      invoice_id: json.invoice_id,
    });
    expect(invoice.lines[1].reason).toBe('as promised');
  });

  test('is made once, or anew where that is asked for, with the adjustments then asked for', async () => {
    const acme = await billed();
    const first = (await generate(acme, { adjustments_cents: 100 })).json;
    expect((await generate(acme)).status).toBe(409);
    const same = await generate(acme, { adjustments_cents: 100, force_recompute: true });
    expect(same.json).toMatchObject({ invoice_id: first.invoice_id, total_cents: 400 });
    expect(same.json.lines.length).toBe(2);
    const less = await generate(acme, { adjustments_cents: 20, force_recompute: true });
    expect(less.json).toMatchObject({ adjustments_cents: 20, total_cents: 320 });
    const none = await generate(acme, { force_recompute: true });
    expect(none.json).toMatchObject({ adjustments_cents: 0, total_cents: 300 });
  });

  test('is made over any range, such as a day', async () => {
    const acme = await billed();
    const day = { period_start: '2026-10-20T00:00:00Z', period_end: '2026-10-21T00:00:00+00:00' };
    const { json } = await generate(acme, day);
    expect(json).toMatchObject({ kind: 'MANUAL', total_cents: 300 });
    const whole = { period_start: '2026-10-20', period_end: '2026-10-25' };
    expect((await generate(acme, whole)).status).toBe(409);
  });

  test('is closed once', async () => {
    const acme = await billed();
    const { invoice_id } = (await generate(acme)).json;
    const closed = await post(one(invoice_id, ':close'), {}, as(acme));
    expect(closed.status).toBe(200);
    expect(closed.json).toMatchObject({
      status: 'OPEN',
      invoice_number: expect.stringMatching(/^INV-2026-\d{6}$/),
      amount_due_cents: 300,
      closed_at: '2026-11-20T12:00:00Z',
    });
    const again = await post(one(invoice_id, ':close'), {}, as(acme));
    expect(again).toMatchObject({ status: 409, json: { detail: expect.any(String) } });
  });
});

describe('voiding', () => {
  test('a draft closes and voids it in one step, and it stays void', async () => {
    const acme = await billed();
    const { invoice_id } = (await generate(acme)).json;
    const { status, json } = await post(one(invoice_id, ':void'), { reason: 'a test' }, as(acme));
    expect(status).toBe(200);
    expect(json).toMatchObject({
      status: 'VOID',
      amount_due_cents: 0,
      voided_at: '2026-11-20T12:00:00Z',
    });
    for (const verb of [':void', ':close']) {
      expect((await post(one(invoice_id, verb), {}, as(acme))).status).toBe(409);
    }
    expect((await get(one(invoice_id), as(acme))).json).toEqual(json);
    expect((await generate(acme)).json).toMatchObject({ total_cents: 300 });
  });

  test('a closed one is refused', async () => {
    const acme = await billed();
    const { invoice_id } = (await generate(acme)).json;
    await post(one(invoice_id, ':close'), {}, as(acme));
    expect((await post(one(invoice_id, ':void'), {}, as(acme))).status).toBe(409);
    expect((await get(one(invoice_id), as(acme))).json.status).toBe('OPEN');
  });

  test('goes on where it was cut off between its two steps', async () => {
    const acme = await billed();
    const { invoice_id } = (await generate(acme)).json;
    await cold(now(), 'Invoice', 'FinalizeInvoice', {
      org_id: acme,
      invoice_id,
      request_id: `void.${invoice_id}`,
    });
    const { json } = await post(one(invoice_id, ':void'), {}, as(acme));
    expect(json.status).toBe('VOID');
  });

  test('a draft of nothing is refused before it is closed', async () => {
    const acme = await billed();
    const { invoice_id } = (await generate(acme, { adjustments_cents: -300 })).json;
    expect((await post(one(invoice_id, ':void'), {}, as(acme))).status).toBe(409);
    expect((await get(one(invoice_id), as(acme))).json.status).toBe('DRAFT');
  });
});

test("another organisation's invoice is not found, whatever is done with it", async () => {
  const acme = await billed();
  const { invoice_id } = (await generate(acme)).json;
  const bolt = as(await billed());
  const refused = { status: 404, json: { detail: expect.stringContaining(invoice_id) } };
  expect(await get(one(invoice_id), bolt)).toMatchObject(refused);
  expect(await post(one(invoice_id, ':close'), {}, bolt)).toMatchObject(refused);
  expect(await post(one(invoice_id, ':void'), {}, bolt)).toMatchObject(refused);
  expect((await get(one(invoice_id), as(acme))).json.status).toBe('DRAFT');
  for (const id of ['inv_never', 'a%2Fb']) {
    expect([400, 404]).toContain((await get(one(id), bolt)).status);
  }
});

test.each([
  ['no period', { period_start: null }, 400],
  ['a time that is none', { period_end: 'soon' }, 400],
  ['an end before its start', { period_start: '2026-11-01', period_end: '2026-10-01' }, 400],
  ['a period that has not ended', { period_start: '2026-11-01', period_end: '2026-12-01' }, 409],
  ['half a cent', { adjustments_cents: 0.5 }, 400],
  ['a flag that is none', { force_recompute: 'yes' }, 400],
])('%s is refused', async (_what, given, status) => {
  const acme = await billed();
  expect(await generate(acme, given)).toMatchObject({
    status,
    json: { detail: expect.any(String) },
  });
  expect((await get(`/api/billing/tenants/${acme}/invoices`)).json).toEqual([]);
});

test('an organisation that is not known has no invoices, and gets none', async () => {
  const nobody = org();
  expect((await generate(nobody)).status).toBe(404);
  expect((await get(`/api/billing/tenants/${nobody}/invoices`)).json).toEqual([]);
  expect((await get(one('inv_x'))).status).toBe(400);
});
