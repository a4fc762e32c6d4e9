import { describe, expect, test } from 'vitest';
import { closeAt, heads, invoicesOf, linesOf, moveTo, use } from '../support/billing.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const yaml = catalogueYaml({
  plans: `
    - id: free
      quotas: [{key: r, meter: tokens, limit: 100}]
    - id: basic
      base_price: 30
      quotas: [{key: r, meter: tokens, limit: 1000}]
      prices: [{meter: tokens, unit_price: 0.10}]
    - id: pro
      base_price: 60
      seat_price: 10
      included_seats: 1
      quotas: [{key: r, meter: tokens}]
      prices: [{meter: tokens, kind: graduated, tiers: [{up_to: 10, unit_price: 1}, {unit_price: 0.5}]}]
    - {id: trial, base_price: 20, trial_days: 14, prices: [{meter: tokens, unit_price: 1}]}
    - {id: paid, base_price: 20, trial_days: 14, requires_payment_method: true}
    - {id: year, base_price: 1200, base_interval: YEAR, prices: [{meter: tokens, unit_price: 1}]}
    - {id: euro, currency: EUR, base_price: 5}`,
});

async function at(
  text: string,
  act: (running: Running, clock: ReturnType<typeof createTestClock>) => Promise<void>,
): Promise<void> {
  const clock = createTestClock(text);
  const running = await start({ yaml, clock });
  try {
    await act(running, clock);
    expect(running.fatal).toEqual([]);
  } finally {
    await running.stop();
  }
}

const subscribe = (running: Running, plan: string, more: object = {}) =>
  cold(running, 'Subscription', 'CreateSubscription', { org_id: 'acme', plan, ...more });
const change = (running: Running, more: object) =>
  cold(running, 'Subscription', 'ChangeSubscription', { org_id: 'acme', ...more });

describe('a new subscription', () => {
  test('is charged its base price and seats in advance, usage in arrears', () =>
    at('2026-11-10T10:00:00Z', async (running, clock) => {
      const { subscription, invoice } = await subscribe(running, 'pro', { seats: 3 });
      expect(subscription).toMatchObject({
        plan: 'pro',
        plan_version: 1,
        state: 'SUBSCRIPTION_STATE_ACTIVE',
        seats: 3,
        billing_anchor_day: 10,
      });
      expect(timeText(subscription.current_period_end)).toBe('2026-12-10T10:00:00.000Z');
      expect(linesOf(invoice)).toEqual(['PLAN_BASE 60.00', 'SEAT 2 20.00']);
      expect(invoice).toMatchObject({ number: 'INV-2026-000001', total: '80.00' });
      await use(running, { orgId: 'acme', meter: 'tokens', quantity: '14' });
      await closeAt(running, clock, '2026-12-10T10:59:00Z', 'acme');
      expect(await invoicesOf(running, 'acme')).toHaveLength(1);
      await closeAt(running, clock, '2026-12-10T11:00:00Z', 'acme');
      const invoices = await invoicesOf(running, 'acme');
      expect(heads(invoices)).toEqual([
        'RECURRING OPEN INV-2026-000001 2026-11-10T10:00:00.000Z/2026-11-10T10:00:00.000Z 80.00',
        'RECURRING OPEN INV-2026-000002 2026-11-10T10:00:00.000Z/2026-12-10T10:00:00.000Z 92.00',
      ]);
      expect(linesOf(invoices[1])).toEqual([
        'USAGE tokens 14 12.00',
        'PLAN_BASE 60.00',
        'SEAT 2 20.00',
      ]);
    }));

  test('has the quotas of its plan at once, and keeps what was used', () =>
    at('2026-11-10T10:00:00Z', async (running) => {
      const check = async () => {
        const { plan, quotas } = await ask(running, 'checkQuota', { orgId: 'acme' });
        return [plan, quotas[0]?.limit, quotas[0]?.used];
      };
      await use(running, { orgId: 'acme', meter: 'tokens', quantity: '40' });
      expect(await check()).toEqual(['free', '100', '40']);
      await subscribe(running, 'basic');
      expect(await check()).toEqual(['basic', '1000', '40']);
    }));

  test('bills what was used before it on the plan of then', () =>
    at('2026-11-10T10:00:00Z', async (running, clock) => {
      await use(running, { orgId: 'acme', meter: 'tokens', quantity: '40' });
      moveTo(clock, '2026-11-10T10:00:01Z');
      await subscribe(running, 'basic');
      await use(running, { orgId: 'acme', meter: 'tokens', quantity: '7' });
      await closeAt(running, clock, '2026-12-12T00:00:00Z', 'acme');
      const invoices = await invoicesOf(running, 'acme');
      expect(invoices.map(linesOf)).toEqual([
        ['PLAN_BASE 30.00'],
        ['USAGE tokens 40 0.00'],
        ['USAGE tokens 7 0.70', 'PLAN_BASE 30.00'],
      ]);
    }));

  test('is refused where there is one, and on plans that are not to be had', () =>
    at('2026-11-10T10:00:00Z', async (running) => {
      expect(await refused(subscribe(running, 'none'))).toMatchObject({ reason: 'PLAN_NOT_FOUND' });
      await subscribe(running, 'basic');
      expect(await refused(subscribe(running, 'pro'))).toMatchObject({
        code: 'ALREADY_EXISTS',
        reason: 'SUBSCRIPTION_EXISTS',
      });
    }));

  test('on an anchor day of its own begins with a part period, by the second', () =>
    at('2026-11-16T00:00:00Z', async (running, clock) => {
      const { invoice } = await subscribe(running, 'basic', { billing_anchor_day: 1 });
      expect(linesOf(invoice)).toEqual(['PLAN_BASE 15.00']);
      await closeAt(running, clock, '2026-12-01T02:00:00Z', 'acme');
      const invoices = await invoicesOf(running, 'acme');
      expect(linesOf(invoices.at(-1))).toEqual(['PLAN_BASE 30.00']);
    }));

  test('of a year is charged once a year, its usage every month', () =>
    at('2026-11-01T00:00:00Z', async (running, clock) => {
      await subscribe(running, 'year');
      await use(running, { orgId: 'acme', meter: 'tokens', quantity: '2' });
      await closeAt(running, clock, '2026-12-02T00:00:00Z', 'acme');
      await use(running, { orgId: 'acme', meter: 'tokens', quantity: '3' });
      await closeAt(running, clock, '2027-01-02T00:00:00Z', 'acme');
      expect((await invoicesOf(running, 'acme')).map(linesOf)).toEqual([
        ['PLAN_BASE 1200.00'],
        ['USAGE tokens 2 2.00'],
        ['USAGE tokens 3 3.00'],
      ]);
      await closeAt(running, clock, '2027-11-02T00:00:00Z', 'acme');
      expect(linesOf((await invoicesOf(running, 'acme')).at(-1))).toEqual(['PLAN_BASE 1200.00']);
    }));
});

describe('a trial', () => {
  test('costs nothing, and is charged from its end on', () =>
    at('2026-11-01T00:00:00Z', async (running, clock) => {
      const { subscription, invoice } = await subscribe(running, 'trial');
      expect(invoice).toBeNull();
      expect(subscription.state).toBe('SUBSCRIPTION_STATE_TRIALING');
      expect(timeText(subscription.trial_end)).toBe('2026-11-15T00:00:00.000Z');
      await use(running, { orgId: 'acme', meter: 'tokens', quantity: '5' });
      await closeAt(running, clock, '2026-11-15T02:00:00Z', 'acme');
      const [first] = await invoicesOf(running, 'acme');
      expect(linesOf(first)).toEqual(['USAGE tokens 5 0.00', 'PLAN_BASE 20.00']);
      const { subscription: active } = await cold(running, 'Subscription', 'GetSubscription', {
        org_id: 'acme',
      });
      expect(active.state).toBe('SUBSCRIPTION_STATE_ACTIVE');
      await use(running, { orgId: 'acme', meter: 'tokens', quantity: '3' });
      await closeAt(running, clock, '2026-12-15T02:00:00Z', 'acme');
      const [, second] = await invoicesOf(running, 'acme');
      expect(linesOf(second)).toEqual(['USAGE tokens 3 3.00', 'PLAN_BASE 20.00']);
    }));

  test('that nobody can pay for ends on the default plan', () =>
    at('2026-11-01T00:00:00Z', async (running, clock) => {
      await subscribe(running, 'paid');
      moveTo(clock, '2026-11-14T23:59:59Z');
      expect((await ask(running, 'checkQuota', { orgId: 'acme' })).plan).toBe('paid');
      await closeAt(running, clock, '2026-11-15T00:00:00Z', 'acme');
      expect((await ask(running, 'checkQuota', { orgId: 'acme' })).plan).toBe('free');
      const { subscriptions } = await cold(running, 'Subscription', 'ListSubscriptions', {});
      expect(subscriptions[0].state).toBe('SUBSCRIPTION_STATE_EXPIRED');
    }));
});

describe('a change', () => {
  test('to a dearer plan is made at once, prorated by the second, and tiers start anew', () =>
    at('2026-11-01T00:00:00Z', async (running, clock) => {
      await subscribe(running, 'basic');
      await use(running, { orgId: 'acme', meter: 'tokens', quantity: '12' });
      moveTo(clock, '2026-11-16T00:00:00Z');
      const preview = await cold(running, 'Subscription', 'PreviewSubscriptionChange', {
        org_id: 'acme',
        plan: 'pro',
      });
      const { subscription, invoice } = await change(running, { plan: 'pro' });
      expect(subscription).toMatchObject({ plan: 'pro', pending_change: null });
      expect(linesOf(invoice)).toEqual(['PRORATION -15.00', 'PRORATION 30.00']);
      expect(linesOf(preview.invoice)).toEqual(linesOf(invoice));
      await use(running, { orgId: 'acme', meter: 'tokens', quantity: '12' });
      await closeAt(running, clock, '2026-12-01T02:00:00Z', 'acme');
      const invoices = await invoicesOf(running, 'acme');
      expect(heads(invoices)).toEqual([
        'RECURRING OPEN INV-2026-000001 2026-11-01/2026-11-01 30.00',
        'PRORATION OPEN INV-2026-000002 2026-11-16/2026-11-16 15.00',
        'RECURRING OPEN INV-2026-000003 2026-11-01/2026-11-16 1.20',
        'RECURRING OPEN INV-2026-000004 2026-11-16/2026-12-01 71.00',
      ]);
      expect(linesOf(invoices[3])).toEqual(['USAGE tokens 12 11.00', 'PLAN_BASE 60.00']);
    }));

  test('to a cheaper plan waits for the end of the period, and can be taken back', () =>
    at('2026-11-01T00:00:00Z', async (running, clock) => {
      await subscribe(running, 'pro');
      const { subscription, invoice } = await change(running, { plan: 'basic' });
      expect(invoice).toBeNull();
      expect(subscription).toMatchObject({ plan: 'pro', pending_change: { plan: 'basic' } });
      const back = await change(running, { plan: 'pro' });
      expect(back.subscription.pending_change).toBeNull();
      await change(running, { plan: 'basic' });
      moveTo(clock, '2026-11-30T23:59:59Z');
      expect((await ask(running, 'checkQuota', { orgId: 'acme' })).plan).toBe('pro');
      moveTo(clock, '2026-12-01T00:00:00Z');
      expect((await ask(running, 'checkQuota', { orgId: 'acme' })).plan).toBe('basic');
      await closeAt(running, clock, '2026-12-01T02:00:00Z', 'acme');
      expect(linesOf((await invoicesOf(running, 'acme')).at(-1))).toEqual(['PLAN_BASE 30.00']);
    }));

  test('of seats adds them at once and takes them off at the end of the period', () =>
    at('2026-11-01T00:00:00Z', async (running, clock) => {
      await subscribe(running, 'pro', { seats: 2 });
      moveTo(clock, '2026-11-16T00:00:00Z');
      const more = await change(running, { seats: 4 });
      expect(linesOf(more.invoice)).toEqual([
        'PRORATION -30.00',
        'PRORATION 1 -5.00',
        'PRORATION 30.00',
        'PRORATION 3 15.00',
      ]);
      const fewer = await change(running, { seats: 1 });
      expect(fewer.subscription).toMatchObject({ seats: 4, pending_change: { seats: 1 } });
      await closeAt(running, clock, '2026-12-01T02:00:00Z', 'acme');
      expect(linesOf((await invoicesOf(running, 'acme')).at(-1))).toEqual(['PLAN_BASE 60.00']);
    }));

  test('is refused where nothing changes, or the currency would', () =>
    at('2026-11-01T00:00:00Z', async (running) => {
      await subscribe(running, 'basic');
      const reason = async (more: object) => (await refused(change(running, more))).reason;
      expect(await reason({ plan: 'basic' })).toBe('NOTHING_TO_CHANGE');
      expect(await reason({ plan: 'euro' })).toBe('CURRENCY_DIFFERS');
      expect(await reason({ plan: 'none' })).toBe('PLAN_NOT_FOUND');
    }));
});

describe('a cancellation', () => {
  const cancel = (running: Running, more: object = {}) =>
    cold(running, 'Subscription', 'CancelSubscription', { org_id: 'acme', ...more });

  test('at the end of the period ends with a FINAL invoice', () =>
    at('2026-11-01T00:00:00Z', async (running, clock) => {
      await subscribe(running, 'basic');
      await use(running, { orgId: 'acme', meter: 'tokens', quantity: '10' });
      const { subscription } = await cancel(running, { reason: 'moving' });
      expect(timeText(subscription.cancel_at)).toBe('2026-12-01T00:00:00.000Z');
      await closeAt(running, clock, '2026-12-01T02:00:00Z', 'acme');
      expect(heads(await invoicesOf(running, 'acme'))).toEqual([
        'RECURRING OPEN INV-2026-000001 2026-11-01/2026-11-01 30.00',
        'FINAL OPEN INV-2026-000002 2026-11-01/2026-12-01 1.00',
      ]);
      const { organization } = await cold(running, 'Organization', 'GetOrganization', {
        org_id: 'acme',
      });
      expect(organization.subscription_id).toBe('');
      await subscribe(running, 'pro');
    }));

  test('can be resumed before it takes effect', () =>
    at('2026-11-01T00:00:00Z', async (running, clock) => {
      await subscribe(running, 'basic');
      await cancel(running);
      const { subscription } = await cold(running, 'Subscription', 'ResumeSubscription', {
        org_id: 'acme',
      });
      expect(subscription.cancel_at).toBeNull();
      await closeAt(running, clock, '2026-12-01T02:00:00Z', 'acme');
      expect(linesOf((await invoicesOf(running, 'acme')).at(-1))).toEqual(['PLAN_BASE 30.00']);
    }));

  test('at once ends it now', () =>
    at('2026-11-01T00:00:00Z', async (running, clock) => {
      await subscribe(running, 'basic');
      moveTo(clock, '2026-11-11T00:00:00Z');
      const { subscription } = await cancel(running, { timing: 'CHANGE_TIMING_NOW' });
      expect(subscription.state).toBe('SUBSCRIPTION_STATE_CANCELLED');
      expect((await ask(running, 'checkQuota', { orgId: 'acme' })).plan).toBe('free');
    }));
});

test('a suspended subscription denies what is enforced until it is resumed', () =>
  at('2026-11-01T00:00:00Z', async (running) => {
    await subscribe(running, 'basic');
    const call = (method: string, more: object = {}) =>
      cold(running, 'Subscription', method, { org_id: 'acme', ...more });
    await call('SuspendSubscription', { reason: 'unpaid' });
    expect(await ask(running, 'checkQuota', { orgId: 'acme' })).toMatchObject({ allowed: false });
    await call('ResumeSubscription');
    expect(await ask(running, 'checkQuota', { orgId: 'acme' })).toMatchObject({ allowed: true });
  }));
