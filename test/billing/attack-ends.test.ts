import { describe, expect, test } from 'vitest';
import { type Account, account, NOW } from '../support/account.js';
import { PLANS } from '../support/attack-plans.js';
import { headOf } from '../support/billing.js';
import { billedQuantities, coverage } from '../support/books.js';
import { cold, time } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask } from '../support/requests.js';

const on = (act: (own: Account) => Promise<void>, ...flags: string[]) =>
  account({ yaml: PLANS, from: '2026-11-01T00:00:00Z', flags }, act);
const subscribe = (own: Account, plan: string, more: object = {}) =>
  own.subscription('CreateSubscription', { plan, ...more });
const cancel = (own: Account, more: object = {}) => own.subscription('CancelSubscription', more);
const planNow = async (own: Account) =>
  (await ask(own.running(), 'checkQuota', { orgId: 'acme' })).plan;

describe('a cancellation', () => {
  test('at once, and a new subscription in the same millisecond, loses no event', () =>
    on(async (own) => {
      const { subscription: first } = await subscribe(own, 'basic');
      await own.moveTo('2026-11-11T10:07:00Z');
      await own.use(1, '2026-11-11T10:06:59.999Z');
      await cancel(own, NOW);
      const { subscription: second } = await subscribe(own, 'pro');
      await own.use(10);
      await own.closeAt('2026-12-12T00:00:00Z');
      const invoices = await own.invoices();
      expect(invoices.slice(2).map(headOf)).toEqual([
        'FINAL OPEN INV-2026-000003 2026-11-01/2026-11-11T10:07:00.000Z 0.20',
        'RECURRING OPEN INV-2026-000004 2026-11-11T10:07:00.000Z/2026-12-11T10:00:00.000Z 63.00',
      ]);
      const ids = invoices.map(({ subscription_id }) => subscription_id);
      expect(ids).toEqual([first, second, first, second].map((each) => each.subscription_id));
      expect(billedQuantities(invoices)).toEqual({ tokens: 11 });
    }));

  test('at once at the very end of a period ends there, and nothing of the next one is charged', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.use(1);
      await own.moveTo('2026-12-01T00:00:00Z');
      await own.use(10);
      await cancel(own, NOW);
      await own.closeAt('2027-01-02T00:00:00Z');
      expect(await own.shown()).toEqual([
        'RECURRING OPEN 30.00: PLAN_BASE 30.00',
        'FINAL OPEN 0.20: USAGE tokens 1 0.20',
        'RECURRING OPEN 1.00: USAGE tokens 10 1.00',
      ]);
    }));

  test('at the very end of a period is for the end of the next one, which is charged', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.moveTo('2026-12-01T00:00:00Z');
      await cancel(own);
      await own.closeAt('2026-12-01T02:00:00Z');
      await own.closeAt('2027-01-01T02:00:00Z');
      expect(coverage(await own.invoices(), 'base')).toEqual(['2026-11-01/2027-01-01 1']);
    }));

  test('once in effect is followed by the default plan to the millisecond', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await cancel(own);
      await own.moveTo('2026-11-30T23:59:59.999Z');
      expect(await planNow(own)).toBe('basic');
      await own.use(1);
      await own.use(10, '2026-12-01T00:00:00Z');
      await own.advance(1);
      expect(await planNow(own)).toBe('free');
      await own.closeAt('2027-01-02T00:00:00Z');
      expect((await own.shown()).slice(1)).toEqual([
        'FINAL OPEN 0.20: USAGE tokens 1 0.20',
        'RECURRING OPEN 1.00: USAGE tokens 10 1.00',
      ]);
    }));

  test('at once within the grace leaves no base price unbilled', () =>
    on(
      async (own) => {
        await subscribe(own, 'basic');
        await own.moveTo('2026-12-02T00:00:00Z');
        await cancel(own, NOW);
        await own.closeAt('2027-01-10T00:00:00Z');
        expect(coverage(await own.invoices(), 'base')).toEqual(['2026-11-01/2026-12-02 1']);
      },
      '--invoice-grace',
      '2d',
    ));

  test('that takes effect in a downtime leaves no base price unbilled', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.moveTo('2026-12-01T00:30:00Z');
      await cancel(own);
      await own.closeAt('2027-01-02T00:00:00Z');
      expect(coverage(await own.invoices(), 'base')).toEqual(['2026-11-01/2027-01-01 1']);
    }));

  test('once in effect is not taken back', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await cancel(own);
      // A clock that jumps: the pump waits.
      own.clock.setWall(Date.parse('2026-12-01T00:00:00Z'));
      const { reason } = await refused(own.subscription('ResumeSubscription'));
      expect(reason).toBe('SUBSCRIPTION_ENDED');
    }));
});

describe('a trial', () => {
  test('that is cancelled ends for nothing', () =>
    on(async (own) => {
      await subscribe(own, 'trial');
      await own.use(5);
      await cancel(own);
      await own.closeAt('2027-01-02T00:00:00Z');
      expect(await own.shown()).toEqual(['FINAL SKIPPED 0.00: USAGE tokens 5 0.00']);
      expect(await planNow(own)).toBe('free');
    }));

  test('that was cancelled and resumed ends all the same, and usage costs then', () =>
    on(async (own) => {
      await subscribe(own, 'trial');
      await cancel(own);
      await own.subscription('ResumeSubscription');
      await own.moveTo('2026-11-20T00:00:00Z');
      await own.use(5);
      await own.closeAt('2026-12-15T02:00:00Z');
      expect((await own.shown()).at(-1)).toBe(
        'RECURRING OPEN 25.00: USAGE tokens 5 5.00, PLAN_BASE 20.00',
      );
    }));

  test('that was suspended and resumed is still one, and ends for want of a payment method', () =>
    on(async (own) => {
      await subscribe(own, 'paid');
      await own.subscription('SuspendSubscription', { reason: 'x' });
      const { subscription } = await own.subscription('ResumeSubscription');
      expect(subscription.state).toBe('SUBSCRIPTION_STATE_TRIALING');
      await own.closeAt('2026-11-16T00:00:00Z');
      expect(await own.shown()).toEqual([]);
    }));

  test('changed at once costs nothing to its end, then the new plan', () =>
    on(async (own) => {
      await subscribe(own, 'trial');
      await own.moveTo('2026-11-08T00:00:00Z');
      await own.use(1, '2026-11-07T00:00:00Z');
      await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
      await own.use(10);
      await own.moveTo('2026-11-15T00:00:00Z');
      await own.use(100);
      await own.closeAt('2026-12-15T02:00:00Z');
      expect((await own.shown()).filter((each) => !each.includes('SKIPPED'))).toEqual([
        'RECURRING OPEN 60.00: USAGE tokens 10 0.00, PLAN_BASE 60.00',
        'RECURRING OPEN 90.00: USAGE tokens 100 30.00, PLAN_BASE 60.00',
      ]);
    }));
});

describe('a suspension', () => {
  test('of the subscription or of the organisation goes on being billed, and denies what is enforced', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.subscription('SuspendSubscription', { reason: 'unpaid' });
      await own.use(1);
      await own.closeAt('2026-12-01T02:00:00Z');
      await own.subscription('ResumeSubscription');
      await cold(own.running(), 'Organization', 'SuspendOrganization', {
        org_id: 'acme',
        reason: 'unpaid',
      });
      await own.use(10);
      expect(await ask(own.running(), 'checkQuota', { orgId: 'acme' })).toMatchObject({
        allowed: false,
      });
      await own.closeAt('2027-01-01T02:00:00Z');
      expect((await own.shown()).slice(1)).toEqual([
        'RECURRING OPEN 30.20: USAGE tokens 1 0.20, PLAN_BASE 30.00',
        'RECURRING OPEN 32.00: USAGE tokens 10 2.00, PLAN_BASE 30.00',
      ]);
    }));

  test('of a subscription that is to be cancelled ends with it', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.subscription('SuspendSubscription', { reason: 'unpaid' });
      await cancel(own);
      await own.closeAt('2026-12-01T02:00:00Z');
      expect(await ask(own.running(), 'checkQuota', { orgId: 'acme' })).toMatchObject({
        allowed: true,
        plan: 'free',
      });
    }));
});

describe('a subscription with a start in the past', () => {
  test('charges every base period since, and the usage since then at its own price', () =>
    on(async (own) => {
      await own.moveTo('2026-11-20T00:00:00Z');
      await own.use(1, '2026-10-31T23:59:59.999Z');
      await own.use(10, '2026-11-01T00:00:00Z');
      await own.use(100);
      await subscribe(own, 'basic', { start_time: time('2026-11-01T00:00:00Z') });
      await own.closeAt('2026-12-01T02:00:00Z');
      expect(await own.shown()).toEqual([
        'RECURRING OPEN 30.00: PLAN_BASE 30.00',
        'RECURRING OPEN 0.10: USAGE tokens 1 0.10',
        'RECURRING OPEN 52.00: USAGE tokens 110 22.00, PLAN_BASE 30.00',
      ]);
    }));

  test('is refused in a period that was invoiced, or closed with nothing in it', () =>
    on(async (own) => {
      await own.use(1);
      await own.closeAt('2027-01-10T00:00:00Z');
      for (const start of [
        '2026-11-15T00:00:00Z',
        '2026-12-15T00:00:00Z',
        '2026-12-31T23:59:59.999Z',
      ]) {
        const { reason } = await refused(subscribe(own, 'basic', { start_time: time(start) }));
        expect(reason).toBe('PERIOD_OVERLAPS');
      }
      await subscribe(own, 'basic', { start_time: time('2027-01-01T00:00:00Z') });
      await own.closeAt('2027-02-02T00:00:00Z');
      expect(coverage(await own.invoices(), 'base')).toEqual(['2027-01-01/2027-03-01 1']);
    }));

  test('is refused within an earlier subscription', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.moveTo('2026-11-10T00:00:00Z');
      await cancel(own, NOW);
      await own.moveTo('2026-11-20T00:00:00Z');
      for (const start of ['2026-10-15T00:00:00Z', '2026-11-05T00:00:00Z']) {
        const { reason } = await refused(subscribe(own, 'pro', { start_time: time(start) }));
        expect(reason).toBe('PERIOD_OVERLAPS');
      }
      await subscribe(own, 'pro', { start_time: time('2026-11-10T00:00:00Z') });
    }));
});
