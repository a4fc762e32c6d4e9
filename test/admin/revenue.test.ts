import { describe, expect, test } from 'vitest';
import { closeAt, invoicesOf, moveTo, use } from '../support/billing.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold, type Json, time, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { type Running, start } from '../support/service.js';

const yaml = catalogueYaml({
  price_lists: '\n    - {id: usd, prices: [{meter: tokens, unit_price: 0.10}]}',
  plans: `
    - {id: free}
    - {id: pro, base_price: 60, seat_price: 10, included_seats: 1}
    - {id: max, base_price: 90}
    - {id: quarter, base_price: 100, base_interval: QUARTER}
    - {id: year, base_price: 1200, base_interval: YEAR}
    - {id: trial, base_price: 20, trial_days: 14}
    - {id: card, base_price: 20, trial_days: 14, requires_payment_method: true}
    - {id: euro, currency: EUR, base_price: 5}
    - {id: yen, currency: JPY, base_price: 700}`,
});

async function from(
  text: string,
  act: (running: Running, clock: TestClock) => Promise<void>,
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

const months = (start: string, end: string) => ({
  start_time: time(`${start}-01T00:00:00Z`),
  end_time: time(`${end}-02T00:00:00Z`),
});

async function revenue(running: Running, request: object): Promise<Json[]> {
  return (await cold(running, 'Admin', 'GetRevenue', request)).rows;
}

const monthOf = ({ month_start }: Json) => timeText(month_start).slice(0, 7);

/** "2026-11 USD 80.00". */
async function recurring(running: Running, start: string, end: string): Promise<string[]> {
  const rows = await revenue(running, months(start, end));
  return rows.map((row) => `${monthOf(row)} ${row.currency} ${row.mrr}`);
}

const subscribe = (running: Running, orgId: string, plan: string, more: object = {}) =>
  cold(running, 'Subscription', 'CreateSubscription', { org_id: orgId, plan, ...more });
const call = (
  running: Running,
  service: string,
  method: string,
  orgId: string,
  more: object = {},
) => cold(running, service, method, { org_id: orgId, ...more });

describe('money by month', () => {
  test('what was billed, paid, is due and was credited', () =>
    from('2026-11-20T12:00:00Z', async (running, clock) => {
      const tokens = (orgId: string, quantity: string) =>
        use(running, { orgId, meter: 'tokens', quantity });
      await tokens('acme', '100');
      await tokens('bolt', '25');
      await tokens('cork', '7');
      await closeAt(running, clock, '2026-12-01T01:00:00Z', 'acme', 'bolt', 'cork');
      const idOf = async (orgId: string) => (await invoicesOf(running, orgId))[0].invoice_id;
      const acme = { invoice_id: await idOf('acme') };
      const cork = { invoice_id: await idOf('cork') };
      await call(running, 'Invoice', 'VoidInvoice', 'cork', { ...cork, reason: 'x' });
      const note = { ...acme, amount: '2.50', reason: 'outage' };
      await call(running, 'Invoice', 'CreateCreditNote', 'acme', note);
      await call(running, 'Invoice', 'MarkInvoicePaid', 'acme', { ...acme, amount: '4' });
      moveTo(clock, '2027-01-03T00:00:00Z');
      await call(running, 'Invoice', 'MarkInvoicePaid', 'acme', { ...acme, amount: '1' });
      expect(await revenue(running, months('2026-11', '2027-01'))).toMatchObject([
        { billed: '0.00', paid: '0.00', outstanding: '0.00', credited: '0.00', invoice_count: 0 },
        {
          currency: 'USD',
          billed: '12.50',
          paid: '4.00',
          // 10.00 less 2.50, 4.00 and 1.00; and 2.50.
          outstanding: '5.00',
          credited: '2.50',
          mrr: '0.00',
          invoice_count: 2,
        },
        { billed: '0.00', paid: '1.00', outstanding: '0.00', invoice_count: 0 },
      ]);
    }));

  test('currencies never meet, and each has all its minor digits', () =>
    from('2026-11-10T10:00:00Z', async (running) => {
      await subscribe(running, 'acme', 'pro');
      await subscribe(running, 'bolt', 'euro');
      await subscribe(running, 'cork', 'yen');
      const rows = await revenue(running, months('2026-10', '2026-11'));
      expect(rows.map((row) => `${monthOf(row)} ${row.currency} ${row.billed} ${row.mrr}`)).toEqual(
        [
          '2026-10 EUR 0.00 0.00',
          '2026-10 JPY 0 0',
          '2026-10 USD 0.00 0.00',
          '2026-11 EUR 5.00 5.00',
          '2026-11 JPY 700 700',
          '2026-11 USD 60.00 60.00',
        ],
      );
      const yen = await revenue(running, { ...months('2026-11', '2026-11'), currency: 'JPY' });
      expect(yen).toMatchObject([{ currency: 'JPY', billed: '700' }]);
      const none = await revenue(running, { ...months('2026-11', '2026-11'), currency: 'CHF' });
      expect(none).toMatchObject([{ currency: 'CHF', billed: '0.00', mrr: '0.00' }]);
    }));

  test('without times: twelve months with the running one; without money: no row', () =>
    from('2026-11-10T10:00:00Z', async (running) => {
      expect(await revenue(running, {})).toEqual([]);
      await subscribe(running, 'acme', 'pro');
      const rows = await revenue(running, {});
      expect([rows.length, monthOf(rows[0]), monthOf(rows[11])]).toEqual([
        12,
        '2025-12',
        '2026-11',
      ]);
      expect(timeText(rows[11].month_end)).toBe('2026-12-01T00:00:00.000Z');
    }));

  test.each<[what: string, request: object, fields: string[]]>([
    ['currency', { currency: 'usd' }, ['currency']],
    ['half a range', { end_time: time('2026-11-01T00:00:00Z') }, ['start_time']],
    ['121 months', months('2016-11', '2026-11'), ['end_time']],
  ])('a bad request: %s', (_, request, fields) =>
    from('2026-11-10T10:00:00Z', async (running) => {
      const refusal = await refused(cold(running, 'Admin', 'GetRevenue', request));
      expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields });
    }),
  );

  test('120 months are given', () =>
    from('2026-11-10T10:00:00Z', async (running) => {
      const asked = { ...months('2016-12', '2026-11'), currency: 'USD' };
      expect(await revenue(running, asked)).toHaveLength(120);
    }));
});

describe('recurring revenue', () => {
  test('has seats, and every interval by the month, rounded once', () =>
    from('2026-11-10T10:00:00Z', async (running) => {
      await subscribe(running, 'acme', 'pro', { seats: 3 });
      expect(await recurring(running, '2026-11', '2026-11')).toEqual(['2026-11 USD 80.00']);
      await subscribe(running, 'bolt', 'year');
      expect(await recurring(running, '2026-11', '2026-11')).toEqual(['2026-11 USD 180.00']);
      await subscribe(running, 'cork', 'quarter');
      expect(await recurring(running, '2026-11', '2026-11')).toEqual(['2026-11 USD 213.33']);
      await subscribe(running, 'dell', 'quarter');
      expect(await recurring(running, '2026-11', '2026-11')).toEqual(['2026-11 USD 246.67']);
    }));

  test('is that of the end of each month, whatever was changed since', () =>
    from('2026-11-10T10:00:00Z', async (running, clock) => {
      await subscribe(running, 'acme', 'pro', { seats: 3 });
      moveTo(clock, '2026-12-05T00:00:00Z');
      await call(running, 'Subscription', 'ChangeSubscription', 'acme', { seats: 5 });
      moveTo(clock, '2027-01-05T00:00:00Z');
      await call(running, 'Subscription', 'ChangeSubscription', 'acme', { plan: 'max' });
      moveTo(clock, '2027-02-05T00:00:00Z');
      await call(running, 'Subscription', 'SuspendSubscription', 'acme', { reason: 'unpaid' });
      moveTo(clock, '2027-03-05T00:00:00Z');
      await call(running, 'Subscription', 'ResumeSubscription', 'acme');
      moveTo(clock, '2027-04-05T00:00:00Z');
      const now = { timing: 'CHANGE_TIMING_NOW', reason: 'enough' };
      await call(running, 'Subscription', 'CancelSubscription', 'acme', now);
      moveTo(clock, '2027-05-05T00:00:00Z');
      expect(await recurring(running, '2026-10', '2027-06')).toEqual([
        '2026-10 USD 0.00',
        '2026-11 USD 80.00',
        '2026-12 USD 100.00',
        '2027-01 USD 90.00',
        '2027-02 USD 0.00',
        '2027-03 USD 90.00',
        '2027-04 USD 0.00',
        '2027-05 USD 0.00',
        '2027-06 USD 0.00',
      ]);
    }));

  test('a change or cancellation that waits counts from its own time, not from when it was asked', () =>
    from('2026-11-10T10:00:00Z', async (running, clock) => {
      await subscribe(running, 'acme', 'max');
      await subscribe(running, 'bolt', 'pro');
      moveTo(clock, '2026-11-20T00:00:00Z');
      const later = { plan: 'pro', timing: 'CHANGE_TIMING_PERIOD_END' };
      await call(running, 'Subscription', 'ChangeSubscription', 'acme', later);
      await call(running, 'Subscription', 'CancelSubscription', 'bolt');
      moveTo(clock, '2027-01-15T00:00:00Z');
      // Nobody closed anything meanwhile: the records still say what was planned.
      expect(await recurring(running, '2026-11', '2027-01')).toEqual([
        '2026-11 USD 150.00',
        '2026-12 USD 60.00',
        '2027-01 USD 60.00',
      ]);
      await closeAt(running, clock, '2027-01-16T00:00:00Z', 'acme', 'bolt');
      expect(await recurring(running, '2026-11', '2027-01')).toEqual([
        '2026-11 USD 150.00',
        '2026-12 USD 60.00',
        '2027-01 USD 60.00',
      ]);
    }));

  test('a trial has none; after it only what goes on has', () =>
    from('2026-11-20T10:00:00Z', async (running, clock) => {
      await subscribe(running, 'acme', 'trial');
      await subscribe(running, 'bolt', 'card');
      await subscribe(running, 'cork', 'card', { payment_method: 'pm_1' });
      moveTo(clock, '2026-12-10T00:00:00Z');
      const expected = ['2026-11 USD 0.00', '2026-12 USD 40.00'];
      expect(await recurring(running, '2026-11', '2026-12')).toEqual(expected);
      await closeAt(running, clock, '2026-12-11T00:00:00Z', 'acme', 'bolt', 'cork');
      expect(await recurring(running, '2026-11', '2026-12')).toEqual(expected);
    }));

  test('one that begins with a month is not in the month before', () =>
    from('2026-12-01T00:00:00Z', async (running) => {
      await subscribe(running, 'acme', 'max');
      expect(await recurring(running, '2026-11', '2026-12')).toEqual([
        '2026-11 USD 0.00',
        '2026-12 USD 90.00',
      ]);
    }));

  test('one that was entered late counts from its start', () =>
    from('2026-12-10T00:00:00Z', async (running) => {
      const start_time = time('2026-11-20T00:00:00Z');
      await subscribe(running, 'acme', 'max', { start_time });
      expect(await recurring(running, '2026-11', '2026-12')).toEqual([
        '2026-11 USD 90.00',
        '2026-12 USD 90.00',
      ]);
    }));

  test('is the same from the journal alone', async () => {
    const clock = createTestClock('2026-11-10T10:00:00Z');
    let running = await start({ yaml, clock });
    try {
      await subscribe(running, 'acme', 'pro', { seats: 3 });
      moveTo(clock, '2026-12-05T00:00:00Z');
      await call(running, 'Subscription', 'ChangeSubscription', 'acme', { seats: 5 });
      const before = await revenue(running, {});
      running = await running.restart();
      expect(await revenue(running, {})).toEqual(before);
    } finally {
      await running.stop();
    }
  });
});
