import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Account, account, NOW, range } from '../support/account.js';
import { PLANS } from '../support/attack-plans.js';
import { linesOf } from '../support/billing.js';
import { minor, sumOf } from '../support/books.js';
import { cold, type Json, time } from '../support/cold.js';
import { refused } from '../support/refusals.js';

const on = (from: string, act: (own: Account) => Promise<void>) =>
  account({ yaml: PLANS, from }, act);
const subscribe = (own: Account, plan: string, more: object = {}) =>
  own.subscription('CreateSubscription', { plan, ...more });
const balances = async (own: Account) =>
  (await own.invoice('GetCreditBalance')).balances.map(
    (each: Json) => `${each.currency} ${each.balance}`,
  );

describe('a currency', () => {
  test('without minor digits is rounded to whole ones, half away from zero', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      const { invoice } = await subscribe(own, 'yen', { seats: 3 });
      expect(linesOf(invoice)).toEqual(['PLAN_BASE 1001', 'SEAT 3 2']);
      await own.moveTo('2026-11-16T00:00:00Z');
      await own.use(1);
      const more = await own.subscription('ChangeSubscription', { seats: 4 });
      // 500.5 and 0.75, then 500.5 and 1.
      expect(linesOf(more.invoice)).toEqual([
        'PRORATION -501',
        'PRORATION 3 -1',
        'PRORATION 501',
        'PRORATION 4 1',
      ]);
      await own.closeAt('2026-12-01T02:00:00Z');
      expect((await own.shown()).at(-1)).toBe(
        'RECURRING OPEN 1004: USAGE tokens 1 1, PLAN_BASE 1001, SEAT 4 2',
      );
    }));

  test('with three minor digits keeps them', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      await subscribe(own, 'dinar');
      await own.use(3);
      await own.moveTo('2026-11-20T00:00:00Z');
      const { subscription } = await own.subscription('CancelSubscription');
      expect(subscription.currency).toBe('KWD');
      await own.closeAt('2026-12-01T02:00:00Z');
      expect(await own.shown()).toEqual([
        'RECURRING OPEN 10.000: PLAN_BASE 10.000',
        'FINAL OPEN 0.005: USAGE tokens 3 0.005',
      ]);
    }));

  test('is that of the late usage on an invoice', () =>
    on('2026-11-01T02:00:00Z', async (own) => {
      await own.use(10, '2026-10-25T00:00:00Z');
      await own.close();
      await subscribe(own, 'yen', { start_time: time('2026-11-01T00:00:00Z') });
      await own.use(7, '2026-10-25T00:00:00Z');
      await own.closeAt('2027-01-02T00:00:00Z');
      const invoices = await own.invoices();
      const late = invoices.filter(({ lines }) =>
        lines.some((line: Json) => line.kind.endsWith('LATE_USAGE')),
      );
      expect(late.map(({ currency }) => currency)).toEqual(['USD']);
    }));

  test('of a credit is that of the invoices that it pays', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      await own.use(1);
      const grant = { org_id: 'acme', amount: '5', currency: 'USD', reason: 'promo' };
      await own.invoice('CreateCreditGrant', { credit_grant: grant });
      const { invoice } = await subscribe(own, 'yen');
      expect(invoice).toMatchObject({ credit_applied: '0', amount_due: '1001' });
      expect(await balances(own)).toEqual(['USD 5.00']);
    }));
});

test('the largest quantity there is comes to its exact price, twice over', () =>
  on('2026-11-20T00:00:00Z', async (own) => {
    const most = '9223372036854775807';
    for (const eventId of ['a', 'b']) await own.use(0, undefined, { eventId, quantity: most });
    await own.closeAt('2026-12-01T02:00:00Z');
    expect(await own.shown()).toEqual([
      'RECURRING OPEN 1844674407370955161.40: USAGE tokens 18446744073709551614 1844674407370955161.40',
    ]);
  }));

describe('a negative total', () => {
  test('becomes credit, which the next invoices use up to the last cent', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      await subscribe(own, 'month');
      await own.moveTo('2026-11-16T00:00:00Z');
      const { invoice } = await own.subscription('ChangeSubscription', { plan: 'basic', ...NOW });
      expect(invoice).toMatchObject({
        total: '-45.00',
        amount_due: '0.00',
        state: 'INVOICE_STATE_PAID',
      });
      expect(await balances(own)).toEqual(['USD 45.00']);
      await own.closeAt('2027-02-01T02:00:00Z');
      const paid = (await own.invoices())
        .slice(2)
        .map((each) => [each.credit_applied, each.amount_due]);
      expect(paid).toEqual([
        ['30.00', '0.00'],
        ['15.00', '15.00'],
        ['0.00', '30.00'],
      ]);
      expect(await balances(own)).toEqual(['USD 0.00']);
    }));

  test('takes its taxes back with it', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      const organization = { org_id: 'acme', tax_rates: [{ name: 'VAT', percent: '19' }] };
      await cold(own.running(), 'Organization', 'CreateOrganization', { organization });
      await subscribe(own, 'month');
      await own.moveTo('2026-11-16T00:00:00Z');
      const { invoice } = await own.subscription('ChangeSubscription', { plan: 'basic', ...NOW });
      expect(invoice).toMatchObject({ subtotal: '-45.00', tax: '-8.55', total: '-53.55' });
      expect(await balances(own)).toEqual(['USD 53.55']);
    }));

  test('of late usage goes through a minimum and back', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      await own.use(10);
      await own.moveTo('2026-12-01T00:10:00Z');
      const draft = { ...range('2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z'), finalize: false };
      const { invoice_id } = (await own.invoice('GenerateInvoice', draft)).invoice;
      for (const amount of ['-5', '3.5', '0.5']) {
        const more = { invoice_id, amount, description: 'goodwill', reason: 'outage' };
        await own.invoice('AddInvoiceAdjustment', more);
      }
      const { invoice } = await own.invoice('FinalizeInvoice', { invoice_id });
      expect(invoice).toMatchObject({
        total: '0.00',
        state: 'INVOICE_STATE_PAID',
        number: 'INV-2026-000001',
      });
      expect(await balances(own)).toEqual([]);
    }));
});

describe('credit notes', () => {
  const note = (own: Account, invoice_id: string, more: object = {}) =>
    own.invoice('CreateCreditNote', { invoice_id, reason: 'outage', ...more });

  test('never give back more than was owed or paid, whatever their order', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      let run = 0;
      const step = fc.record({
        what: fc.constantFrom('due', 'balance', 'refund', 'pay'),
        cents: fc.integer({ min: 1, max: 2500 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
          const org_id = `org-${++run}`;
          const { invoice } = await own.subscription('CreateSubscription', {
            org_id,
            plan: 'basic',
          });
          const { invoice_id } = invoice;
          const taken = { due: 0, balance: 0, refund: 0, pay: 0 };
          for (const { what, cents } of steps) {
            const amount = (cents / 100).toFixed(2);
            const application = {
              due: 'CREDIT_NOTE_APPLICATION_AMOUNT_DUE',
              balance: 'CREDIT_NOTE_APPLICATION_CREDIT_BALANCE',
              refund: 'CREDIT_NOTE_APPLICATION_REFUND',
              pay: '',
            }[what];
            const asked =
              what === 'pay'
                ? own.invoice('MarkInvoicePaid', { org_id, invoice_id, amount })
                : note(own, invoice_id, { org_id, amount, application });
            const done = await asked.then(
              () => true,
              () => false,
            );
            const due = 3000 - taken.due - taken.pay;
            const paid = taken.pay - taken.balance - taken.refund;
            expect(done, `${what} ${cents}`).toBe(
              cents <= (what === 'due' || what === 'pay' ? due : paid),
            );
            if (done) taken[what] += cents;
          }
        }),
        { numRuns: 30 },
      );
    }));

  test('of nothing are refused', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      const { invoice_id } = (await subscribe(own, 'basic')).invoice;
      await note(own, invoice_id);
      expect((await refused(note(own, invoice_id))).code).toBe('FAILED_PRECONDITION');
    }));

  test('have taxes that add up to their tax', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      const organization = { org_id: 'acme', tax_rates: [{ name: 'VAT', percent: '19' }] };
      await cold(own.running(), 'Organization', 'CreateOrganization', { organization });
      const { invoice_id } = (await subscribe(own, 'basic')).invoice;
      const wrong: string[] = [];
      for (let cents = 1; cents <= 12; cents++) {
        const amount = (cents / 100).toFixed(2);
        const { credit_note } = await note(own, invoice_id, { amount });
        if (sumOf(credit_note.taxes) !== minor(credit_note.tax)) wrong.push(amount);
      }
      expect(wrong).toEqual([]);
    }));
});
