import { describe, expect, test } from 'vitest';
import { type Account, AT_END, account, NOW } from '../support/account.js';
import { PLANS } from '../support/attack-plans.js';
import { linesOf } from '../support/billing.js';
import { billedQuantities, coverage, minor } from '../support/books.js';
import { timeText } from '../support/cold.js';
import { ask } from '../support/requests.js';

const NOVEMBER = '2026-11-01T00:00:00Z';
const DECEMBER = '2026-12-01T00:00:00Z';

const on = (act: (own: Account) => Promise<void>, ...flags: string[]) =>
  account({ yaml: PLANS, from: NOVEMBER, flags }, act);
const change = (own: Account, plan: string, more: object = NOW) =>
  own.subscription('ChangeSubscription', { plan, ...more });
const subscribe = (own: Account, plan: string, more: object = {}) =>
  own.subscription('CreateSubscription', { plan, ...more });

/** Cents for a part of a month, rounded once. */
function share(price: number, ms: number, days: number): bigint {
  const whole = BigInt(days) * 86_400_000n;
  return (BigInt(price) * 100n * BigInt(ms) * 2n + whole) / (2n * whole);
}

describe('a change at once', () => {
  test('credits and charges by the second, each rounded once', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.moveTo('2026-11-11T13:37:23Z');
      const { invoice } = await change(own, 'pro');
      const leftMs = Date.parse(DECEMBER) - own.clock.wallMs();
      expect(invoice.lines.map(({ amount }: { amount: string }) => minor(amount))).toEqual([
        -share(30, leftMs, 30),
        share(60, leftMs, 30),
      ]);
    }));

  test('twice within a second cuts the usage twice and charges every moment once', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.moveTo('2026-11-16T00:00:00Z');
      await own.use(1, '2026-11-15T23:59:59.999Z');
      await change(own, 'pro');
      await own.use(10);
      await own.advance(500);
      await change(own, 'basic');
      await own.use(100);
      await own.closeAt('2026-12-01T02:00:00Z');
      expect((await own.shown()).slice(1)).toEqual([
        'PRORATION OPEN 15.00: PRORATION -15.00, PRORATION 30.00',
        'PRORATION PAID -15.00: PRORATION -30.00, PRORATION 15.00',
        'RECURRING PAID 0.20: USAGE tokens 1 0.20',
        'RECURRING PAID 3.00: USAGE tokens 10 3.00',
        'RECURRING OPEN 50.00: USAGE tokens 100 20.00, PLAN_BASE 30.00',
      ]);
      expect(coverage(await own.invoices(), 'base')).toEqual(['2026-11-01/2027-01-01 1']);
    }));

  test('twice within a millisecond leaves the last plan, and no period of no length', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.moveTo('2026-11-16T00:00:00Z');
      await own.use(1, '2026-11-15T23:59:59.999Z');
      await change(own, 'pro');
      await own.use(10);
      await change(own, 'month');
      await own.closeAt('2026-12-01T02:00:00Z');
      expect((await own.shown()).slice(1)).toEqual([
        'PRORATION OPEN 15.00: PRORATION -15.00, PRORATION 30.00',
        'PRORATION OPEN 30.00: PRORATION -30.00, PRORATION 60.00',
        'RECURRING OPEN 0.20: USAGE tokens 1 0.20',
        'RECURRING OPEN 130.00: USAGE tokens 10 10.00, PLAN_BASE 120.00',
      ]);
    }));

  test('there and back within a millisecond is as if nothing had been', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.moveTo('2026-11-16T00:00:00Z');
      await own.use(1);
      await change(own, 'pro');
      await change(own, 'basic');
      await own.closeAt('2026-12-01T02:00:00Z');
      const invoices = await own.invoices();
      expect(linesOf(invoices.at(-1))).toEqual(['USAGE tokens 1 0.20', 'PLAN_BASE 30.00']);
      expect(invoices.reduce((sum, { total }) => sum + minor(total), 0n)).toBe(6020n);
    }));

  test('at the bound of two periods charges the new one once, on the new plan', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.moveTo(DECEMBER);
      await own.use(1, '2026-11-30T23:59:59.999Z');
      await own.use(10, DECEMBER);
      const { invoice } = await change(own, 'pro');
      expect(invoice).toBeNull();
      await own.closeAt('2027-01-01T02:00:00Z');
      expect(await own.shown()).toEqual([
        'RECURRING OPEN 30.00: PLAN_BASE 30.00',
        'RECURRING OPEN 60.20: USAGE tokens 1 0.20, PLAN_BASE 60.00',
        'RECURRING OPEN 63.00: USAGE tokens 10 3.00, PLAN_BASE 60.00',
      ]);
    }));

  test('a millisecond before and after the bound loses no event and no day', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.moveTo('2026-11-30T23:59:59.999Z');
      await change(own, 'pro');
      await own.use(1);
      await own.closeAt('2026-12-01T01:00:00Z');
      await own.moveTo('2026-12-31T23:59:59.999Z');
      await own.use(10);
      await own.advance(2);
      await own.use(100, '2027-01-01T00:00:00Z');
      await own.closeAt('2027-01-01T01:00:00Z');
      await change(own, 'basic');
      await own.closeAt('2027-03-01T01:00:00Z');
      const invoices = await own.invoices();
      expect(billedQuantities(invoices)).toEqual({ tokens: 111 });
      expect(coverage(invoices, 'base')).toEqual(['2026-11-01/2027-04-01 1']);
    }));

  test('to a year and back charges every moment once', () =>
    on(async (own) => {
      await subscribe(own, 'month');
      await own.moveTo('2026-11-16T00:00:00Z');
      await change(own, 'year');
      await own.closeAt('2027-03-10T00:00:00Z');
      expect(coverage(await own.invoices(), 'base')).toEqual(['2026-11-01/2027-11-01 1']);
      await change(own, 'month');
      await own.closeAt('2027-06-02T00:00:00Z');
      expect(coverage(await own.invoices(), 'base')).toEqual(['2026-11-01/2027-07-01 1']);
    }));

  test('is told as the start of the present usage period', () =>
    on(async (own) => {
      await subscribe(own, 'basic');
      await own.moveTo('2026-11-16T00:00:00Z');
      const { subscription } = await change(own, 'pro');
      expect(timeText(subscription.usage_period_start)).toBe('2026-11-16T00:00:00.000Z');
    }));

  test('within the grace charges the old plan up to it', () =>
    on(
      async (own) => {
        await subscribe(own, 'basic');
        await own.moveTo('2026-12-02T00:00:00Z');
        await change(own, 'pro');
        await own.closeAt('2026-12-10T00:00:00Z');
        const [, ...later] = await own.invoices();
        const total = later.reduce((sum, each) => sum + minor(each.total), 0n);
        expect(total).toBe(share(30, 86_400_000, 31) + share(60, 30 * 86_400_000, 31));
      },
      '--invoice-grace',
      '2d',
    ));

  test('of seats, up and down at once and in one second, is counted for every moment', () =>
    on(async (own) => {
      await subscribe(own, 'pro', { seats: 3 });
      await own.moveTo('2026-11-11T00:00:00Z');
      await own.subscription('ChangeSubscription', { seats: 6, ...NOW });
      await own.subscription('ChangeSubscription', { seats: 1, ...NOW });
      await own.moveTo('2026-11-21T00:00:00Z');
      await own.subscription('ChangeSubscription', { seats: 11 });
      await own.closeAt('2026-12-01T02:00:00Z');
      const invoices = await own.invoices();
      expect(coverage(invoices, 'base')).toEqual(['2026-11-01/2027-01-01 1']);
      expect(coverage(invoices, 'seats')).toEqual([
        '2026-11-01/2026-11-11 2',
        '2026-11-21/2027-01-01 10',
      ]);
    }));
});

describe('a change that waits', () => {
  test('for a plan of a year charges it once a year', () =>
    on(async (own) => {
      await subscribe(own, 'month');
      await change(own, 'year', AT_END);
      await own.closeAt('2027-03-02T00:00:00Z');
      expect((await own.shown()).slice(1)).toEqual(['RECURRING OPEN 1200.00: PLAN_BASE 1200.00']);
    }));

  test('for a plan of a month charges it every month', () =>
    on(async (own) => {
      await subscribe(own, 'year');
      await change(own, 'basic', AT_END);
      await own.closeAt('2028-01-02T00:00:00Z');
      const base = coverage(await own.invoices(), 'base');
      expect(base).toEqual(['2026-11-01/2028-02-01 1']);
      expect(await own.shown()).toHaveLength(4);
    }));

  test('takes effect on time, base and usage alike, also after a downtime', () =>
    on(async (own) => {
      await subscribe(own, 'pro', { seats: 4 });
      await change(own, 'basic', { ...AT_END, seats: 0 });
      await own.use(1);
      await own.restart();
      await own.moveTo('2026-12-10T00:00:00Z');
      await own.use(10);
      await own.restart();
      await own.closeAt('2027-01-02T00:00:00Z');
      expect((await own.shown()).slice(1)).toEqual([
        'RECURRING OPEN 30.30: USAGE tokens 1 0.30, PLAN_BASE 30.00',
        'RECURRING OPEN 32.00: USAGE tokens 10 2.00, PLAN_BASE 30.00',
      ]);
    }));

  /** Downgraded for December, and then something else in its first half hour. */
  const inGrace = (what: (own: Account) => Promise<unknown>, charged?: string) =>
    on(async (own) => {
      await subscribe(own, 'pro');
      await change(own, 'basic', AT_END);
      await own.moveTo('2026-12-01T00:30:00Z');
      expect((await ask(own.running(), 'checkQuota', { orgId: 'acme' })).plan).toBe('basic');
      await what(own);
      await own.closeAt('2026-12-01T02:00:00Z');
      const { plan } = await ask(own.running(), 'checkQuota', { orgId: 'acme' });
      expect((await own.subscription('GetSubscription')).subscription.plan).toBe(plan);
      if (charged !== undefined) expect(linesOf((await own.invoices()).at(-1))).toEqual([charged]);
    });

  test('and has taken effect is not taken back by half', () =>
    inGrace((own) => change(own, 'pro')));

  test('and has taken effect is not forgotten for the next one that waits', () =>
    inGrace((own) => change(own, 'month', AT_END), 'PLAN_BASE 30.00'));

  test('and has taken effect outlives a cancellation', () =>
    inGrace((own) => own.subscription('CancelSubscription'), 'PLAN_BASE 30.00'));
});
