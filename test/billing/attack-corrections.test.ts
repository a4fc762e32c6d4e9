import { describe, expect, test } from 'vitest';
import { type Account, account, manual, NOW, ORG, range } from '../support/account.js';
import { PLANS } from '../support/attack-plans.js';
import { linesOf } from '../support/billing.js';
import { billedQuantities, sumOf, usageLines } from '../support/books.js';
import { catalogueYaml } from '../support/catalogue.js';
import { cold } from '../support/cold.js';

const on = (act: (own: Account) => Promise<void>, yaml = PLANS, from = '2026-11-20T12:00:00Z') =>
  account({ yaml, from }, act);
const correct = (own: Account, method: string, event_id: string, more: object = {}) =>
  cold(own.running(), 'Correction', method, { org_id: ORG, event_id, reason: 'wrong', ...more });
const voidEvent = (own: Account, eventId: string) => correct(own, 'VoidEvent', eventId);
const use = (own: Account, eventId: string, quantity: number, at?: string) =>
  own.use(quantity, at, { eventId });
const billed = async (own: Account) => sumOf(usageLines(await own.invoices()));

const NOVEMBER = range('2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z');

describe('an event that was voided after its invoice', () => {
  test('is taken back on the next one, to the last event under a price of the plan', () =>
    on(
      async (own) => {
        await own.subscription('CreateSubscription', { plan: 'basic' });
        await use(own, 'a', 10);
        await own.closeAt('2026-12-01T02:00:00Z');
        await voidEvent(own, 'a');
        await own.closeAt('2027-01-01T02:00:00Z');
        expect(linesOf((await own.invoices()).at(-1))).toEqual([
          'LATE_USAGE tokens -10 -2.00',
          'PLAN_BASE 30.00',
        ]);
        expect(billedQuantities(await own.invoices())).toEqual({ tokens: 0 });
      },
      PLANS,
      '2026-11-01T00:00:00Z',
    ));

  test('is taken back on the next one, to the last event under a price list', () =>
    on(async (own) => {
      await use(own, 'a', 10);
      await own.closeAt('2026-12-01T02:00:00Z');
      await voidEvent(own, 'a');
      await use(own, 'b', 1);
      await own.closeAt('2027-01-01T02:00:00Z');
      expect(await billed(own)).toBe(10n);
    }));

  test('is taken back with its quantity, also where other lines are left', () =>
    on(async (own) => {
      await use(own, 'a', 10);
      await own.use(1, undefined, { meter: 'calls' });
      await own.closeAt('2026-12-01T02:00:00Z');
      await voidEvent(own, 'a');
      await own.closeAt('2027-01-01T02:00:00Z');
      expect(await billed(own)).toBe(0n);
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 0, calls: 1 });
      await use(own, 'b', 4, '2026-11-29T00:00:00Z');
      await own.closeAt('2027-02-01T02:00:00Z');
      expect(linesOf((await own.invoices()).at(-1))).toEqual(['LATE_USAGE tokens 4 0.40']);
    }));

  test('is not on an invoice made again', () =>
    on(async (own) => {
      await use(own, 'a', 10);
      await use(own, 'b', 1);
      await own.closeAt('2026-12-01T02:00:00Z');
      const [{ invoice_id }] = (await own.invoices()) as [never];
      await own.invoice('VoidInvoice', { invoice_id, reason: 'x' });
      await voidEvent(own, 'a');
      const { invoice } = await own.invoice('GenerateInvoice', NOVEMBER);
      expect(linesOf(invoice)).toEqual(['USAGE tokens 1 0.10']);
      await own.closeAt('2027-02-01T02:00:00Z');
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 1 });
    }));

  test('came late, was billed late, and is taken back once', () =>
    on(async (own) => {
      await use(own, 'a', 10);
      await own.closeAt('2026-12-01T02:00:00Z');
      await use(own, 'late', 5, '2026-11-25T00:00:00Z');
      await own.closeAt('2027-01-01T02:00:00Z');
      await voidEvent(own, 'late');
      await own.restart();
      await own.closeAt('2027-02-01T02:00:00Z');
      await own.closeAt('2027-03-01T02:00:00Z');
      expect((await own.shown()).map((each) => each.replace(/^\w+ \w+ /, ''))).toEqual([
        '1.00: USAGE tokens 10 1.00',
        '0.50: LATE_USAGE tokens 5 0.50',
        '-0.50: LATE_USAGE tokens -5 -0.50',
      ]);
    }));

  test('was on a MANUAL invoice of a running period, and is taken back with its closing', () =>
    on(async (own) => {
      await use(own, 'a', 10, '2026-11-05T00:00:00Z');
      await use(own, 'b', 1);
      await own.invoice('GenerateInvoice', manual('2026-11-01T00:00:00Z', '2026-11-10T00:00:00Z'));
      await voidEvent(own, 'a');
      await own.closeAt('2026-12-01T02:00:00Z');
      expect(await billed(own)).toBe(10n);
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 1 });
    }));

  test('was in the grace of its period, and is on no invoice', () =>
    on(async (own) => {
      await use(own, 'a', 10);
      await use(own, 'b', 1);
      await own.moveTo('2026-12-01T00:30:00Z');
      await voidEvent(own, 'a');
      await own.closeAt('2026-12-01T02:00:00Z');
      expect(await own.shown()).toEqual(['RECURRING OPEN 0.10: USAGE tokens 1 0.10']);
    }));
});

describe('an event that was amended', () => {
  const replacement = { event_id: 'a2', meter: 'tokens', quantity: '3' };

  test('over the bound of two closed periods is taken from one and billed in the other', () =>
    on(async (own) => {
      await use(own, 'a', 10, '2026-11-30T12:00:00Z').catch(() => undefined);
      await own.moveTo('2026-11-30T12:00:00Z');
      await use(own, 'a', 10);
      await use(own, 'b', 1);
      await own.closeAt('2026-12-02T00:00:00Z');
      const at = { seconds: Date.parse('2026-12-01T06:00:00Z') / 1000, nanos: 0 };
      await correct(own, 'AmendEvent', 'a', { replacement: { ...replacement, event_time: at } });
      await own.closeAt('2027-01-01T02:00:00Z');
      expect(linesOf((await own.invoices()).at(-1))).toEqual([
        'USAGE tokens 3 0.30',
        'LATE_USAGE tokens -10 -1.00',
      ]);
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 4 });
    }));

  test('before a change of plan is billed at the price of its own time', () =>
    on(
      async (own) => {
        await own.subscription('CreateSubscription', { plan: 'basic' });
        await use(own, 'a', 10);
        await own.moveTo('2026-11-16T00:00:00Z');
        await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
        await correct(own, 'AmendEvent', 'a', { replacement });
        await own.closeAt('2026-12-01T02:00:00Z');
        expect((await own.shown()).filter((each) => each.includes('USAGE'))).toEqual([
          'RECURRING OPEN 0.60: USAGE tokens 3 0.60',
        ]);
      },
      PLANS,
      '2026-11-01T00:00:00Z',
    ));
});

test('a period under a minimum goes down to it, and no lower', () =>
  on(
    async (own) => {
      for (let i = 0; i < 12; i++) await own.use(1, undefined, { eventId: `e${i}` });
      await own.closeAt('2026-12-01T02:00:00Z');
      for (let i = 0; i < 12; i++) {
        await voidEvent(own, `e${i}`);
        await own.advance(24 * 3_600_000);
      }
      await own.closeAt('2027-01-01T02:00:00Z');
      const usage = (await own.invoices()).map(({ total }) => total);
      // 12 of 1.00 each, then down to the minimum of 5.00; and the minimum of December.
      expect(usage).toEqual(['12.00', '-2.00']);
    },
    catalogueYaml({
      plans: `
    - id: free
      prices: [{meter: tokens, unit_price: 1, minimum: 5}]`,
    }),
  ));
