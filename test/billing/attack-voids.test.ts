import { describe, expect, test } from 'vitest';
import { type Account, AT_END, account, NOW, range } from '../support/account.js';
import { PLANS } from '../support/attack-plans.js';
import { linesOf } from '../support/billing.js';
import { billedQuantities, coverage, minor } from '../support/books.js';
import { type Json, time, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';

const on = (from: string, act: (own: Account) => Promise<void>) =>
  account({ yaml: PLANS, from }, act);
const NOVEMBER = range('2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z');
const DECEMBER = range('2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z');

const voidOne = (own: Account, { invoice_id }: Json) =>
  own.invoice('VoidInvoice', { invoice_id, reason: 'wrong' });
const generate = (own: Account, request: object) => own.invoice('GenerateInvoice', request);
/** The same kind and period again. */
const again = (own: Account, { kind, period_start, period_end, subscription_id }: Json) =>
  generate(own, { kind, period_start, period_end, subscription_id, finalize: true });
const totalOf = (invoices: readonly Json[]) =>
  invoices
    .filter(({ state }) => state !== 'INVOICE_STATE_VOID')
    .reduce((sum, each) => sum + minor(each.total), 0n);

/** November has 10 tokens and 7 that came late, on the invoice of December with its 1. */
const withLate = (act: (own: Account, november: Json, december: Json) => Promise<void>) =>
  on('2026-11-20T12:00:00Z', async (own) => {
    await own.use(10);
    await own.closeAt('2026-12-01T01:00:00Z');
    await own.use(7, '2026-11-30T22:00:00Z');
    await own.use(1);
    await own.closeAt('2027-01-02T00:00:00Z');
    const [november, december] = await own.invoices();
    expect(linesOf(december)).toEqual(['USAGE tokens 1 0.10', 'LATE_USAGE tokens 7 0.70']);
    await act(own, november, december);
    expect(billedQuantities(await own.invoices())).toEqual({ tokens: 18 });
    expect(totalOf(await own.invoices())).toBe(180n);
    await own.closeAt('2027-04-02T00:00:00Z');
    expect(billedQuantities(await own.invoices())).toEqual({ tokens: 18 });
  });

describe('an invoice with late usage of an earlier period', () => {
  test('voided is made again, line by line', () =>
    withLate(async (own, november, december) => {
      await voidOne(own, december);
      const { invoice } = await generate(own, DECEMBER);
      expect(linesOf(invoice)).toEqual(linesOf(december));
      expect(invoice.lines[1].original_invoice_id).toBe(november.invoice_id);
    }));

  test('voided is made again after a restart', () =>
    withLate(async (own, _november, december) => {
      await voidOne(own, december);
      await own.restart();
      expect(linesOf((await generate(own, DECEMBER)).invoice)).toEqual(linesOf(december));
    }));

  test('voided is late again where it was all that the earlier period had', () =>
    on('2026-11-20T12:00:00Z', async (own) => {
      await own.use(1);
      await own.closeAt('2026-12-01T02:00:00Z');
      await own.use(994, '2026-10-30T12:00:00Z');
      await own.closeAt('2027-01-01T02:00:00Z');
      const december = (await own.invoices()).at(-1) as Json;
      expect(linesOf(december)).toEqual(['LATE_USAGE tokens 994 99.40']);
      await voidOne(own, december);
      await own.closeAt('2027-02-01T02:00:00Z');
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 995 });
    }));

  test('voided, and closed by the next period before it is made again, bills nothing twice', () =>
    withLate(async (own, _november, december) => {
      await voidOne(own, december);
      await own.closeAt('2027-02-02T00:00:00Z');
      await generate(own, DECEMBER);
    }));

  test.each([
    ['in their order', [NOVEMBER, DECEMBER]],
    ['in the other order', [DECEMBER, NOVEMBER]],
  ])('voided together with that period is made again %s', (_how, requests) =>
    withLate(async (own, november, december) => {
      await voidOne(own, november);
      await voidOne(own, december);
      for (const request of requests) await generate(own, request);
    }),
  );

  test('is not changed where the earlier period is voided and made again', () =>
    withLate(async (own, november) => {
      await voidOne(own, november);
      expect(linesOf((await generate(own, NOVEMBER)).invoice)).toEqual(['USAGE tokens 10 1.00']);
    }));

  test('voided and made again and again draws a number each time and bills once', () =>
    withLate(async (own, november, december) => {
      let last = december;
      for (let i = 0; i < 5; i++) {
        await voidOne(own, last);
        expect((await refused(voidOne(own, last))).reason).toBe('INVOICE_NOT_OPEN');
        last = (await generate(own, DECEMBER)).invoice;
        expect((await refused(generate(own, DECEMBER))).reason).toBe('PERIOD_OVERLAPS');
      }
      expect(last.number).toBe('INV-2027-000006');
      expect(november.number).toBe('INV-2026-000001');
    }));
});

test('what comes between voiding and making again is on the new invoice, once', () =>
  on('2026-11-20T12:00:00Z', async (own) => {
    await own.use(10);
    await own.closeAt('2026-12-01T01:00:00Z');
    await voidOne(own, (await own.invoices())[0]);
    await own.use(5, '2026-11-25T00:00:00Z');
    await own.closeAt('2027-01-02T00:00:00Z');
    expect((await own.shown()).slice(1)).toEqual([]);
    expect(linesOf((await generate(own, NOVEMBER)).invoice)).toEqual(['USAGE tokens 15 1.50']);
    await own.closeAt('2027-03-02T00:00:00Z');
    expect(billedQuantities(await own.invoices())).toEqual({ tokens: 15 });
  }));

test('late usage of a period whose other part was voided is billed on the next invoice', () =>
  on('2026-11-03T00:00:00Z', async (own) => {
    await own.use(10, '2026-11-01T12:00:00Z');
    const part = range('2026-11-01T00:00:00Z', '2026-11-02T00:00:00Z', {
      kind: 'INVOICE_KIND_MANUAL',
    });
    const { invoice } = await generate(own, part);
    await own.use(20);
    await own.closeAt('2026-12-01T02:00:00Z');
    await voidOne(own, invoice);
    await own.use(5, '2026-11-20T00:00:00Z');
    await own.closeAt('2027-02-02T00:00:00Z');
    expect(billedQuantities(await own.invoices())).toEqual({ tokens: 25 });
  }));

test('a change gives back what was charged last, though a charge before it was voided', () =>
  on('2026-11-01T00:00:00Z', async (own) => {
    await own.subscription('CreateSubscription', { plan: 'basic' });
    const [first] = await own.invoices();
    await own.moveTo('2026-11-11T00:00:00Z');
    await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
    await voidOne(own, first);
    await own.moveTo('2026-11-21T00:00:00Z');
    const { invoice } = await own.subscription('ChangeSubscription', { plan: 'basic', ...NOW });
    expect(linesOf(invoice)).toEqual(['PRORATION -20.00', 'PRORATION 10.00']);
    await again(own, first);
    expect(totalOf(await own.invoices())).toBe(4000n);
  }));

test('voided base price is not made again on an invoice of what was before the subscription', () =>
  on('2026-11-20T12:00:00Z', async (own) => {
    await own.use(10, '2026-11-20T11:00:00Z');
    await own.subscription('CreateSubscription', { plan: 'dinar' });
    const [first] = await own.invoices();
    await own.closeAt('2026-11-21T12:00:00Z');
    const before = (await own.invoices()).at(-1) as Json;
    await voidOne(own, first);
    await voidOne(own, before);
    expect(linesOf((await again(own, before)).invoice)).toEqual(['USAGE tokens 10 1.00']);
    expect(linesOf((await again(own, first)).invoice)).toEqual(linesOf(first));
  }));

test('the base price of a subscription that ended when it began is made again for it', () =>
  on('2026-11-20T12:00:00Z', async (own) => {
    await own.subscription('CreateSubscription', { plan: 'dinar' });
    const [first] = await own.invoices();
    await voidOne(own, first);
    await own.subscription('CancelSubscription', { ...NOW });
    const { invoice } = await again(own, first);
    expect(linesOf(invoice)).toEqual(linesOf(first));
    expect(invoice).toMatchObject({
      subscription_id: first.subscription_id,
      currency: 'KWD',
      total: first.total,
    });
  }));

describe('base price on a voided invoice', () => {
  const start = '2026-11-01T00:00:00Z';
  const subscribe = (own: Account, plan: string, more: object = {}) =>
    own.subscription('CreateSubscription', { plan, ...more });

  test('is on the one in its place, the first one as any other', () =>
    on(start, async (own) => {
      const { invoice: first } = await subscribe(own, 'pro', { seats: 3 });
      await voidOne(own, first);
      expect(linesOf((await again(own, first)).invoice)).toEqual(linesOf(first));
      await own.use(5);
      await own.closeAt('2026-12-01T02:00:00Z');
      const second = (await own.invoices()).at(-1);
      await voidOne(own, second);
      await own.closeAt('2027-01-01T02:00:00Z');
      expect(linesOf((await again(own, second)).invoice)).toEqual(linesOf(second));
      expect(coverage(await own.invoices(), 'base')).toEqual(['2026-11-01/2027-02-01 1']);
      expect(coverage(await own.invoices(), 'seats')).toEqual(['2026-11-01/2027-02-01 2']);
    }));

  test('is charged again on the plan of then, after an upgrade', () =>
    on(start, async (own) => {
      const { invoice } = await subscribe(own, 'basic');
      await own.moveTo('2026-11-16T00:00:00Z');
      await own.subscription('ChangeSubscription', { plan: 'pro' });
      await voidOne(own, invoice);
      expect(linesOf((await again(own, invoice)).invoice)).toEqual(['PLAN_BASE 30.00']);
    }));

  test('is charged again with the seats of then', () =>
    on(start, async (own) => {
      const { invoice } = await subscribe(own, 'pro', { seats: 6 });
      await own.subscription('ChangeSubscription', { seats: 1, ...AT_END });
      await own.closeAt('2026-12-01T02:00:00Z');
      await voidOne(own, invoice);
      expect(linesOf((await again(own, invoice)).invoice)).toEqual([
        'PLAN_BASE 60.00',
        'SEAT 5 50.00',
      ]);
    }));

  test('of several periods at once is charged again for the period on the invoice', () =>
    on('2026-11-15T00:00:00Z', async (own) => {
      const { invoice } = await subscribe(own, 'basic', {
        start_time: time('2026-09-01T00:00:00Z'),
      });
      await voidOne(own, invoice);
      expect((await again(own, invoice)).invoice.total).toBe('90.00');
    }));

  test('is charged again after the subscription has ended', () =>
    on(start, async (own) => {
      const { invoice } = await subscribe(own, 'basic');
      await own.subscription('CancelSubscription');
      await own.closeAt('2026-12-01T02:00:00Z');
      await voidOne(own, invoice);
      expect(linesOf((await again(own, invoice)).invoice)).toEqual(['PLAN_BASE 30.00']);
    }));

  test('is not credited by a change while it is charged by no invoice', () =>
    on(start, async (own) => {
      await voidOne(own, (await subscribe(own, 'basic')).invoice);
      await own.moveTo('2026-11-16T00:00:00Z');
      await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
      const base = coverage(await own.invoices(), 'base');
      expect(base.filter((each) => each.endsWith('-1'))).toEqual([]);
      expect(totalOf(await own.invoices())).toBe(3000n);
    }));

  test('of a change within the period is due again', () =>
    on(start, async (own) => {
      await subscribe(own, 'basic');
      await own.moveTo('2026-11-16T00:00:00Z');
      const { invoice } = await own.subscription('ChangeSubscription', { plan: 'pro' });
      await voidOne(own, invoice);
      const at = timeText(invoice.period_start);
      const request = range(at, at);
      expect((await generate(own, request)).invoice.total).toBe('15.00');
    }));
});

describe('a period asked for again and again', () => {
  test('for a subscription that is not there is refused', () =>
    on('2026-11-20T12:00:00Z', async (own) => {
      await own.use(1);
      await own.moveTo('2026-12-01T00:10:00Z');
      const { reason } = await refused(generate(own, { ...NOVEMBER, subscription_id: 'sub_none' }));
      expect(reason).toBe('SUBSCRIPTION_NOT_FOUND');
    }));

  test('has one RECURRING invoice', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      await own.subscription('CreateSubscription', { plan: 'basic' });
      await own.moveTo('2026-11-30T23:40:00Z');
      await own.subscription('ChangeSubscription', { plan: 'pro' });
      await own.use(10);
      await own.moveTo('2026-12-01T00:10:00Z');
      await generate(own, { finalize: true });
      await own.use(3, '2026-11-30T23:50:00Z');
      await own.closeAt('2026-12-01T02:00:00Z');
      // The accountant finds it.
    }));

  test('as RECURRING, and closed as FINAL, keeps the adjustments of its draft', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      await own.subscription('CreateSubscription', { plan: 'basic' });
      await own.use(10);
      await own.subscription('CancelSubscription');
      await own.moveTo('2026-12-01T00:10:00Z');
      const { invoice } = await generate(own, {});
      const { invoice_id } = invoice;
      const more = { invoice_id, amount: '-0.25', description: 'goodwill', reason: 'outage' };
      await own.invoice('AddInvoiceAdjustment', more);
      await own.closeAt('2026-12-01T02:00:00Z');
      const [, ...closed] = await own.invoices();
      expect(closed.map(({ total }) => total)).toEqual(['1.75']);
    }));
});
