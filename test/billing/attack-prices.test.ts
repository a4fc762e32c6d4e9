import { describe, expect, test } from 'vitest';
import { type Account, account, manual } from '../support/account.js';
import { linesOf } from '../support/billing.js';
import { catalogueYaml } from '../support/catalogue.js';

/** A price list with these prices of tokens, and plans. */
const file = (prices: string, plans = '{id: free}') =>
  catalogueYaml({
    price_lists: `
    - {id: usd, prices: [${prices}]}`,
    plans: `[${plans}]`,
  });
const at = (price: string, from = '') =>
  `{meter: tokens, unit_price: ${price}${from === '' ? '' : `, effective_from: "${from}"`}}`;
const tiers = (first: number, then: number, from = '') =>
  `{meter: tokens, kind: graduated, tiers: [{up_to: 100, unit_price: ${first}}, {unit_price: ${then}}]` +
  `${from === '' ? '' : `, effective_from: "${from}"`}}`;

const FIFTEENTH = '2026-11-15T00:00:00Z';
const on = (yaml: string, act: (own: Account) => Promise<void>) =>
  account({ yaml, from: '2026-11-05T00:00:00Z' }, act);

describe('two versions of a price in one period', () => {
  test('rate each event by its own time, to the millisecond, announced by a new file', () =>
    on(file(at('1')), async (own) => {
      await own.use(1, '2026-11-01T00:00:00Z');
      await own.restart({ yaml: file(`${at('1')}, ${at('2', FIFTEENTH)}`) });
      await own.moveTo('2026-11-16T00:00:00Z');
      await own.use(10, '2026-11-14T23:59:59.999Z');
      await own.use(100, FIFTEENTH);
      await own.restart();
      await own.closeAt('2026-12-01T02:00:00Z');
      expect((await own.shown())[0]).toBe(
        'RECURRING OPEN 211.00: USAGE tokens 11 11.00, USAGE tokens 100 200.00',
      );
    }));

  test('keep the position in the tiers, whatever was billed of it on the way', () =>
    on(file(`${tiers(1, 0.5)}, ${tiers(2, 1, FIFTEENTH)}`), async (own) => {
      await own.use(80);
      await own.moveTo('2026-11-16T00:00:00Z');
      await own.use(80);
      for (const [from, to] of [
        ['15', '16'],
        ['01', '10'],
        ['10', '15'],
      ]) {
        await own.invoice(
          'GenerateInvoice',
          manual(`2026-11-${from}T00:00:00Z`, `2026-11-${to}T00:00:00Z`),
        );
      }
      await own.closeAt('2026-12-01T02:00:00Z');
      const totals = (await own.invoices()).map(({ total }) => Number(total));
      expect(totals.reduce((sum, total) => sum + total, 0)).toBe(180);
    }));

  test('count where the second was announced after a part was billed', () =>
    on(file(at('1')), async (own) => {
      await own.use(1, '2026-11-01T00:00:00Z');
      await own.invoice('GenerateInvoice', manual('2026-11-01T00:00:00Z', '2026-11-05T00:00:00Z'));
      await own.restart({ yaml: file(`${at('1')}, ${at('2', FIFTEENTH)}`) });
      await own.moveTo('2026-11-20T00:00:00Z');
      await own.use(100);
      await own.closeAt('2026-12-01T02:00:00Z');
      expect((await own.shown()).at(-1)).toContain('USAGE tokens 100 200.00');
    }));
});

describe('a new file', () => {
  test('changes no closed period: what comes late for it costs what it cost', () =>
    on(file(at('1')), async (own) => {
      await own.use(1);
      await own.closeAt('2026-12-01T02:00:00Z');
      await own.restart({ yaml: file(at('5')) });
      await own.use(10, '2026-11-20T00:00:00Z');
      await own.use(100);
      await own.closeAt('2027-01-01T02:00:00Z');
      expect(linesOf((await own.invoices()).at(-1))).toEqual([
        'USAGE tokens 100 500.00',
        'LATE_USAGE tokens 10 10.00',
      ]);
    }));

  test('changes no voided period either: it is made again at the prices of then', () =>
    on(file(at('1')), async (own) => {
      await own.use(1);
      await own.closeAt('2026-12-01T02:00:00Z');
      const [{ invoice_id, period_start, period_end }] = (await own.invoices()) as [never];
      await own.restart({ yaml: file(at('5')) });
      await own.invoice('VoidInvoice', { invoice_id, reason: 'wrong' });
      await own.restart();
      const again = await own.invoice('GenerateInvoice', {
        period_start,
        period_end,
        finalize: true,
      });
      expect(linesOf(again.invoice)).toEqual(['USAGE tokens 1 1.00']);
    }));

  test('leaves a subscription on the version of the plan that it was sold, also once the plan is gone', () =>
    on(
      file(
        at('1'),
        '{id: free}, {id: pro, base_price: 60, prices: [{meter: tokens, unit_price: 3}]}',
      ),
      async (own) => {
        await own.subscription('CreateSubscription', { plan: 'pro' });
        await own.use(1);
        await own.restart({
          yaml: file(
            at('7'),
            '{id: free}, {id: pro, base_price: 90, prices: [{meter: tokens, unit_price: 9}]}',
          ),
        });
        await own.use(10);
        await own.closeAt('2026-12-05T02:00:00Z');
        await own.restart({ yaml: file(at('8')) });
        await own.use(100);
        await own.use(1000, '2026-11-20T00:00:00Z');
        await own.closeAt('2027-01-05T02:00:00Z');
        expect((await own.invoices()).map(linesOf)).toEqual([
          ['PLAN_BASE 60.00'],
          ['USAGE tokens 11 33.00', 'PLAN_BASE 60.00'],
          ['USAGE tokens 100 300.00', 'LATE_USAGE tokens 1000 3000.00', 'PLAN_BASE 60.00'],
        ]);
      },
    ));

  test('with another default plan bills nothing twice and nothing for nothing', () =>
    on(
      file(at('1'), '{id: free}, {id: other, prices: [{meter: tokens, unit_price: 2}]}'),
      async (own) => {
        await own.use(1);
        await own.closeAt('2026-12-01T02:00:00Z');
        const plans = '{id: free}, {id: other, prices: [{meter: tokens, unit_price: 2}]}';
        await own.restart({
          yaml: file(at('1'), plans).replace('default_plan: free', 'default_plan: other'),
        });
        await own.use(10, '2026-11-20T00:00:00Z');
        await own.use(100);
        await own.closeAt('2027-01-01T02:00:00Z');
        expect(linesOf((await own.invoices()).at(-1))).toEqual([
          'USAGE tokens 100 200.00',
          'LATE_USAGE tokens 10 10.00',
        ]);
      },
    ));
});
