import { describe, expect, test } from 'vitest';
import { type Account, account, manual, NOW, ORG } from '../support/account.js';
import { PLANS } from '../support/attack-plans.js';
import { headOf, linesOf } from '../support/billing.js';
import { billedQuantities, coverage } from '../support/books.js';
import { catalogueYaml } from '../support/catalogue.js';
import { cold, time, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask, event } from '../support/requests.js';

const on = (from: string, act: (own: Account) => Promise<void>, ...flags: string[]) =>
  account({ yaml: PLANS, from, flags }, act);
const withPump = (act: (own: Account) => Promise<void>) =>
  account({ yaml: PLANS, from: '2026-11-20T00:00:00Z', pump: 'on' }, act);
const subscribe = (own: Account, plan: string, more: object = {}) =>
  own.subscription('CreateSubscription', { plan, ...more });
const inZone = (own: Account, time_zone: string) =>
  cold(own.running(), 'Organization', 'CreateOrganization', {
    organization: { org_id: ORG, time_zone },
  });

describe('a zone', () => {
  test.each([
    ['America/New_York', '2026-03-01T05:00:00Z', '2026-04-01T04:00:00.000Z'],
    ['Asia/Kathmandu', '2026-03-31T18:15:00Z', '2026-04-30T18:15:00.000Z'],
    ['Pacific/Apia', '2026-02-28T11:00:00Z', '2026-03-31T11:00:00.000Z'],
    ['Pacific/Kiritimati', '2026-02-28T10:00:00Z', '2026-03-31T10:00:00.000Z'],
    ['Australia/Lord_Howe', '2026-03-31T13:00:00Z', '2026-04-30T13:30:00.000Z'],
  ])('%s bills its own month, to the millisecond', (zone, from, end) =>
    on(from, async (own) => {
      await inZone(own, zone);
      const { subscription } = await subscribe(own, 'basic');
      expect(subscription.billing_anchor_day).toBe(1);
      expect(timeText(subscription.current_period_end)).toBe(end);
      await own.use(1);
      const endMs = Date.parse(end);
      await own.advance(endMs - own.clock.wallMs() - 1);
      await own.use(10);
      await own.use(100, end);
      await own.advance(1 + 3_600_000 - 1);
      await own.close();
      expect(await own.invoices()).toHaveLength(1);
      await own.advance(1);
      await own.close();
      const closed = (await own.invoices()).at(-1);
      expect(linesOf(closed)).toEqual(['USAGE tokens 11 2.20', 'PLAN_BASE 30.00']);
      expect([closed.period_start, closed.period_end].map(timeText)).toEqual([
        new Date(from).toISOString(),
        end,
      ]);
      expect(closed.lines[0].description).toMatch(/^tokens, 2026-0[34]$/);
    }),
  );

  test('with a change of clocks prorates by the seconds that the month has', () =>
    on('2026-03-01T05:00:00Z', async (own) => {
      await inZone(own, 'America/New_York');
      await subscribe(own, 'basic');
      // 743 hours, of which 371.5 are left.
      await own.moveTo('2026-03-16T16:30:00Z');
      const { invoice } = await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
      expect(linesOf(invoice)).toEqual(['PRORATION -15.00', 'PRORATION 30.00']);
    }));

  test('has calendar quotas of its own, whatever the billing period is', () =>
    account(
      {
        yaml: catalogueYaml({
          plans: `
    - id: free
      quotas:
        - {key: m, meter: tokens, limit: 100, window: CALENDAR_MONTH}
        - {key: d, meter: tokens, limit: 50, window: CALENDAR_DAY}
        - {key: p, meter: tokens, limit: 500, window: SUBSCRIPTION_PERIOD}
    - id: basic
      base_price: 30
      quotas:
        - {key: m, meter: tokens, limit: 100, window: CALENDAR_MONTH}
        - {key: d, meter: tokens, limit: 50, window: CALENDAR_DAY}
        - {key: p, meter: tokens, limit: 500, window: SUBSCRIPTION_PERIOD}`,
        }),
        from: '2026-03-10T12:00:00Z',
      },
      async (own) => {
        await inZone(own, 'Asia/Kathmandu');
        await subscribe(own, 'basic');
        const used = async () => {
          const { quotas } = await ask(own.running(), 'checkQuota', { orgId: ORG });
          return Object.fromEntries(quotas.map(({ quotaKey, used: of }) => [quotaKey, of]));
        };
        await own.moveTo('2026-03-31T18:14:59.999Z');
        await own.use(40);
        expect(await used()).toEqual({ m: '40', d: '40', p: '40' });
        await own.advance(1);
        expect(await used()).toEqual({ m: '0', d: '0', p: '40' });
        await own.use(1);
        await own.moveTo('2026-04-10T12:00:00Z');
        expect(await used()).toEqual({ m: '1', d: '0', p: '0' });
      },
    ));

  test('changed in the midst of a subscription moves no period', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      await inZone(own, 'UTC');
      await subscribe(own, 'basic');
      const organization = { org_id: ORG, time_zone: 'Pacific/Apia' };
      const update = { organization, update_mask: { paths: ['time_zone'] } };
      await cold(own.running(), 'Organization', 'UpdateOrganization', update);
      await own.use(1);
      await own.closeAt('2026-12-01T01:00:00Z');
      expect((await own.invoices()).slice(1).map(headOf)).toEqual([
        'RECURRING OPEN INV-2026-000002 2026-11-01/2026-12-01 30.20',
      ]);
    }));
});

describe('an event with a time ahead', () => {
  test('is in the period of its time, on either side of the bound', () =>
    on('2026-11-30T23:56:00Z', async (own) => {
      await own.use(1);
      await own.use(10, '2026-11-30T23:59:59.999Z');
      await own.use(100, '2026-12-01T00:00:00Z');
      await own.use(1000, '2026-12-01T00:01:00Z');
      expect((await refused(own.use(5, '2026-12-01T00:01:00.001Z'))).code).toBe('OUT_OF_RANGE');
      await own.closeAt('2027-01-02T00:00:00Z');
      expect(await own.shown()).toEqual([
        'RECURRING OPEN 1.10: USAGE tokens 11 1.10',
        'RECURRING OPEN 110.00: USAGE tokens 1100 110.00',
      ]);
    }));

  test('is in the tenure of its time, where a plan changes before it', () =>
    on('2026-11-10T11:58:00Z', async (own) => {
      await subscribe(own, 'basic');
      await own.use(1, '2026-11-10T12:00:00Z');
      await own.use(10, '2026-11-10T12:02:00Z');
      await own.moveTo('2026-11-10T12:01:00Z');
      await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
      await own.closeAt('2026-12-10T14:00:00Z');
      const usage = (await own.shown()).filter((each) => each.includes('USAGE'));
      expect(usage).toEqual([
        'RECURRING OPEN 0.20: USAGE tokens 1 0.20',
        'RECURRING OPEN 63.00: USAGE tokens 10 3.00, PLAN_BASE 60.00',
      ]);
    }));

  test('is not lost where the subscription is cancelled before it', () =>
    on('2026-11-10T11:58:00Z', async (own) => {
      await subscribe(own, 'basic');
      await own.use(10, '2026-11-10T12:02:00Z');
      await own.subscription('CancelSubscription', NOW);
      await own.closeAt('2026-12-10T14:00:00Z');
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 10 });
    }));
});

describe('a grace of nothing', () => {
  test('closes at the bound, and everything after it is late', () =>
    on(
      '2026-11-20T00:00:00Z',
      async (own) => {
        await own.use(1, '2026-11-30T23:59:59.999Z').catch(() => undefined);
        await own.use(1);
        await own.closeAt('2026-12-01T00:00:00Z');
        await own.use(10, '2026-11-30T23:59:59.999Z');
        await own.use(100);
        await own.closeAt('2027-01-01T00:00:00Z');
        expect(await own.shown()).toEqual([
          'RECURRING OPEN 0.10: USAGE tokens 1 0.10',
          'RECURRING OPEN 11.00: USAGE tokens 100 10.00, LATE_USAGE tokens 10 1.00',
        ]);
      },
      '--invoice-grace',
      '0',
    ));
});

test('numbers begin anew with the year in which they are drawn, to the millisecond', () =>
  on('2026-12-31T23:59:59.999Z', async (own) => {
    await own.use(1);
    const draw = async (from: string, to: string) => {
      const { invoice } = await own.invoice('GenerateInvoice', manual(from, to));
      return invoice.number;
    };
    await own.use(10, '2026-12-20T00:00:00Z');
    await own.use(100, '2026-12-25T00:00:00Z');
    expect(await draw('2026-12-20T00:00:00Z', '2026-12-21T00:00:00Z')).toBe('INV-2026-000001');
    await own.advance(1);
    expect(await draw('2026-12-25T00:00:00Z', '2026-12-26T00:00:00Z')).toBe('INV-2027-000001');
    await own.closeAt('2027-01-01T01:00:00Z');
    expect((await own.invoices()).at(-1).number).toBe('INV-2027-000002');
  }));

describe('a clock', () => {
  test('that jumps ahead closes nothing by itself, and after a restart what has ended', () =>
    withPump(async (own) => {
      await own.use(1);
      await expect
        .poll(() => own.running().core.dues.due(own.clock.wallMs()), { timeout: 5000 })
        .toEqual([]);
      own.clock.setWall(Date.parse('2026-12-05T00:00:00Z'));
      await new Promise((done) => setTimeout(done, 1300));
      expect(await own.invoices()).toEqual([]);
      await own.restart();
      await expect
        .poll(() => own.shown(), { timeout: 5000 })
        .toEqual(['RECURRING OPEN 0.10: USAGE tokens 1 0.10']);
    }));

  test('that went back over a closing bills nothing twice and loses nothing', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      await subscribe(own, 'basic', { billing_anchor_day: 1 });
      await own.use(1);
      await own.closeAt('2026-12-01T02:00:00Z');
      own.clock.setWall(Date.parse('2026-11-30T12:00:00Z'));
      await own.use(10);
      await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
      await own.use(100, '2026-11-30T12:01:00Z');
      own.clock.setWall(Date.parse('2026-12-02T00:00:00Z'));
      await own.use(1000);
      await own.closeAt('2027-01-01T02:00:00Z');
      await own.closeAt('2027-02-01T02:00:00Z');
      const invoices = await own.invoices();
      expect(billedQuantities(invoices)).toEqual({ tokens: 1111 });
      expect(coverage(invoices, 'base')).toEqual(['2026-11-20/2027-03-01 1']);
    }));
});

describe('a downtime of 14 months', () => {
  test('is caught up with: each period once, in order, all usage, all base price', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      await own.use(1);
      await own.advance(1000);
      await subscribe(own, 'slow', { start_time: time('2026-11-20T00:00:01Z') });
      await own.use(10);
      await own
        .subscription('ChangeSubscription', { plan: 'slow', seats: 0 })
        .catch(() => undefined);
      await own.restart();
      await own.closeAt('2028-01-25T00:00:00Z');
      const invoices = await own.invoices();
      expect(coverage(invoices, 'base')).toEqual(['2026-11-20T00:00:01.000Z/2028-02-20 1']);
      expect(billedQuantities(invoices)).toEqual({ tokens: 11 });
      const starts = invoices.slice(2).map(({ period_end }) => timeText(period_end));
      expect(starts).toEqual(starts.toSorted());
      expect(new Set(invoices.slice(1).map(({ number }) => number.slice(0, 8)))).toEqual(
        new Set(['INV-2028']),
      );
    }));

  test('of many organisations is caught up with by the pump alone', () =>
    withPump(async (own) => {
      const orgs = Array.from({ length: 40 }, (_, i) => `org-${i}`);
      for (const orgId of orgs) {
        const events = [event({ orgId, meter: 'tokens', quantity: '7' })];
        await ask(own.running(), 'recordBatch', { orgId, events });
        await own.subscription('CreateSubscription', { org_id: orgId, plan: 'basic' });
      }
      await own.moveTo('2028-01-25T00:00:00Z');
      await own.restart();
      const numbers = async () =>
        (await own.running().core.ledger.get('series', '', 'INV-2028'))?.value.last;
      await expect.poll(numbers, { timeout: 30_000, interval: 100 }).toBe(40 * 14);
      await own.restart();
      await new Promise((done) => setTimeout(done, 1200));
      expect(await numbers()).toBe(40 * 14);
    }));
});
