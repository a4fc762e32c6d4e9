import { describe, expect, test } from 'vitest';
import { NONE_CHANGED } from '../../src/state/values.js';
import { type Account, account, manual, NOW, ORG, range } from '../support/account.js';
import { PLANS } from '../support/attack-plans.js';
import { closeDue } from '../support/billing.js';
import { billedQuantities, coverage, isLiving, minor } from '../support/books.js';
import { cold, type Json, time } from '../support/cold.js';
import { refusedOf } from '../support/refusals.js';
import { ask, event } from '../support/requests.js';

const on = (from: string, act: (own: Account) => Promise<void>) =>
  account({ yaml: PLANS, from }, act);
const NOVEMBER = range('2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z');
const subscribe = (own: Account, plan: string, more: object = {}) =>
  own.subscription('CreateSubscription', { plan, ...more });

/** All at once: the replies, and the reasons of those that were refused, in order of the calls. */
async function together(
  calls: readonly (() => Promise<Json>)[],
): Promise<{ done: Json[]; refused: string[] }> {
  const outcomes = await Promise.allSettled(calls.map((call) => call()));
  const done = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const refused = outcomes.flatMap((each) =>
    each.status === 'rejected' ? [refusedOf(each.reason).reason] : [],
  );
  return { done, refused };
}

const times = (count: number, call: (i: number) => () => Promise<Json>) =>
  Array.from({ length: count }, (_, i) => call(i));

describe('at the same moment', () => {
  test('ten calls, the pump and a closing make one invoice of a period', () =>
    account({ yaml: PLANS, from: '2026-11-20T00:00:00Z', pump: 'on' }, async (own) => {
      await own.use(7);
      await own.moveTo('2026-12-01T01:00:00Z');
      const generate = times(10, () => () => own.invoice('GenerateInvoice', NOVEMBER));
      own.running().core.dues.touch(ORG);
      const { refused } = await together([...generate, own.close, own.close]);
      expect(
        refused.filter((reason) => !['PERIOD_OVERLAPS', 'ETAG_MISMATCH'].includes(reason)),
      ).toEqual([]);
      expect(await own.shown()).toEqual(['RECURRING OPEN 0.70: USAGE tokens 7 0.70']);
    }));

  test('the closings of others make no period of an organisation one that changed', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      const orgIds = Array.from({ length: 20 }, (_, i) => `org-${i}`);
      for (const orgId of orgIds) await ask(own.running(), 'record', { event: event({ orgId }) });
      await own.moveTo('2026-12-01T02:00:00Z');
      await Promise.all(orgIds.map((orgId) => closeDue(own.running(), orgId)));
      const { fold } = own.running().core;
      const changed = orgIds.filter((orgId) => {
        const organisation = fold.account(orgId)?.organisation;
        return organisation?.changedFromMs !== NONE_CHANGED;
      });
      expect(changed).toEqual([]);
    }));

  test('ten closings of a draft and its deletion leave one invoice or none', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      await own.use(7);
      await own.moveTo('2026-12-01T00:10:00Z');
      const { invoice } = await own.invoice('GenerateInvoice', { ...NOVEMBER, finalize: false });
      const { invoice_id } = invoice;
      const { done } = await together([
        ...times(9, () => () => own.invoice('FinalizeInvoice', { invoice_id })),
        () => own.invoice('DeleteDraftInvoice', { invoice_id }),
        () => own.invoice('GenerateInvoice', { ...NOVEMBER, finalize: false, force: true }),
      ]);
      // Whether one of them or the deletion came first.
      const open = done.filter((reply) => reply.invoice?.state === 'INVOICE_STATE_OPEN');
      expect(open.length).toBeLessThanOrEqual(1);
      await own.closeAt('2026-12-01T02:00:00Z');
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 7 });
    }));

  test('the same request is made once and answered alike, its number drawn once', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      await own.use(7);
      await own.moveTo('2026-12-01T00:10:00Z');
      const once = { ...NOVEMBER, request_id: 'g1' };
      const { done, refused } = await together(
        times(12, () => () => own.invoice('GenerateInvoice', once)),
      );
      expect(refused).toEqual([]);
      expect(new Set(done.map((reply) => JSON.stringify(reply))).size).toBe(1);
      const { invoice_id } = done[0].invoice;
      const pay = { invoice_id, amount: '0.20', request_id: 'p1' };
      const paid = await together(times(12, () => () => own.invoice('MarkInvoicePaid', pay)));
      expect(paid.done).toHaveLength(12);
      expect((await own.invoices())[0].amount_paid).toBe('0.20');
      const other = await together(
        times(3, () => () => own.invoice('MarkInvoicePaid', { ...pay, amount: '0.30' })),
      );
      expect(other.refused).toEqual([
        'REQUEST_ID_REUSED',
        'REQUEST_ID_REUSED',
        'REQUEST_ID_REUSED',
      ]);
    }));

  test('the same request after a restart is still the same', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      const once = { plan: 'basic', request_id: 's1' };
      const first = await own.subscription('CreateSubscription', once);
      await own.moveTo('2026-11-16T00:00:00Z');
      const change = { plan: 'pro', request_id: 'c1' };
      const changed = await own.subscription('ChangeSubscription', change);
      await own.restart();
      await own.moveTo('2026-11-20T00:00:00Z');
      expect((await own.subscription('CreateSubscription', once)).invoice).toEqual(first.invoice);
      expect((await own.subscription('ChangeSubscription', change)).invoice).toEqual(
        changed.invoice,
      );
      expect(await own.invoices()).toHaveLength(2);
    }));

  test('ten subscriptions of an organisation become one, charged once', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      const { done } = await together(
        times(10, (i) => () => subscribe(own, i % 2 === 0 ? 'basic' : 'pro')),
      );
      expect(done).toHaveLength(1);
      expect(coverage(await own.invoices(), 'base')).toEqual(['2026-11-01/2026-12-01 1']);
    }));

  test('changes, seats, cancellations and a closing charge every moment once', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      await subscribe(own, 'pro', { seats: 3 });
      await own.moveTo('2026-12-01T00:59:59Z');
      await own.moveTo('2026-12-01T02:00:00Z');
      const change = (more: object) => () =>
        own.subscription('ChangeSubscription', { ...more, ...NOW });
      await together([own.close, change({ seats: 5 }), own.close]);
      await own.moveTo('2026-12-16T00:00:00Z');
      await together([
        change({ plan: 'basic', seats: 0 }),
        change({ plan: 'pro', seats: 9 }),
        change({ plan: 'month', seats: 0 }),
        change({ seats: 2 }),
        () => own.subscription('CancelSubscription'),
        () => own.subscription('ResumeSubscription'),
      ]);
      await own.subscription('ResumeSubscription').catch(() => undefined);
      await own.closeAt('2027-01-01T02:00:00Z');
      expect(coverage(await own.invoices(), 'base')).toEqual(['2026-11-01/2027-02-01 1']);
    }));

  test('usage and its closing lose none and bill none twice', () =>
    on('2026-11-30T23:00:00Z', async (own) => {
      await own.use(1);
      await own.moveTo('2026-12-01T01:00:00Z');
      const batch = () =>
        ask(own.running(), 'recordBatch', {
          orgId: ORG,
          events: Array.from({ length: 50 }, (_, k) => {
            return event({
              orgId: ORG,
              quantity: '1',
              at: k % 2 === 0 ? '2026-11-30T23:30:00Z' : '2026-12-01T00:30:00Z',
            });
          }),
        });
      const calls = times(40, (i) => (i % 10 === 5 ? own.close : batch));
      await together(calls);
      await own.closeAt('2027-02-01T02:00:00Z');
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 36 * 50 + 1 });
    }));

  test('invoices over ranges that overlap bill each event once', () =>
    on('2026-11-30T00:00:00Z', async (own) => {
      for (let day = 1; day < 30; day++)
        await own.use(1, `2026-11-${`${day}`.padStart(2, '0')}T12:00:00Z`);
      const calls = times(24, (i) => {
        const [from, to] = [1 + ((i * 7) % 20), 4 + ((i * 7) % 20) + (i % 5)].map((day) =>
          `${day}`.padStart(2, '0'),
        );
        return () =>
          own.invoice(
            'GenerateInvoice',
            manual(`2026-11-${from}T00:00:00Z`, `2026-11-${to}T00:00:00Z`),
          );
      });
      const { done } = await together(calls);
      expect(done.length).toBeGreaterThan(2);
      await own.closeAt('2026-12-01T02:00:00Z');
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 29 });
    }));

  test('credit is used once, and what is given back once', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      await own.use(100);
      const grant = { org_id: ORG, amount: '35', currency: 'USD', reason: 'promo' };
      await own.invoice('CreateCreditGrant', { credit_grant: grant });
      await own.moveTo('2026-12-01T01:00:00Z');
      await together([own.close, () => subscribe(own, 'basic'), own.close]);
      const used = (await own.invoices()).reduce(
        (sum, each) => sum + minor(each.credit_applied),
        0n,
      );
      const { balances } = await own.invoice('GetCreditBalance', { currency: 'USD' });
      expect(used + minor(balances[0].balance)).toBe(3500n);
      const paid = (await own.invoices()).find(({ state }) => state === 'INVOICE_STATE_PAID');
      const { invoice_id, credit_applied } = paid;
      const notes = await together(
        times(
          6,
          () => () =>
            own.invoice('CreateCreditNote', { invoice_id, reason: 'x', amount: credit_applied }),
        ),
      );
      expect(notes.done).toHaveLength(1);
    }));

  test('voiding, paying and a credit note: one of them wins', () =>
    on('2026-11-01T00:00:00Z', async (own) => {
      const { invoice } = await subscribe(own, 'basic');
      const { invoice_id } = invoice;
      const { done } = await together([
        () => own.invoice('MarkInvoicePaid', { invoice_id }),
        () => own.invoice('VoidInvoice', { invoice_id, reason: 'x' }),
        () => own.invoice('CreateCreditNote', { invoice_id, reason: 'x' }),
      ]);
      const [only] = await own.invoices();
      if (only.state === 'INVOICE_STATE_VOID') expect(done).toHaveLength(1);
      else expect(minor(only.amount_paid) + minor(only.amount_credited)).toBe(3000n);
    }));

  test('voiding, making again and closing bill the period once', () =>
    on('2026-11-20T00:00:00Z', async (own) => {
      await own.use(7);
      await own.closeAt('2026-12-01T02:00:00Z');
      const [{ invoice_id }] = (await own.invoices()) as [Json];
      await own.use(3, '2026-11-25T00:00:00Z');
      await own.use(5);
      await own.moveTo('2027-01-01T02:00:00Z');
      const voiding = () => own.invoice('VoidInvoice', { invoice_id, reason: 'x' });
      const again = () => own.invoice('GenerateInvoice', NOVEMBER);
      await together([voiding, again, own.close, again, own.close, again]);
      await again().catch(() => undefined);
      await own.closeAt('2027-02-01T02:00:00Z');
      expect(billedQuantities(await own.invoices())).toEqual({ tokens: 15 });
      expect((await own.invoices()).filter(isLiving).length).toBeGreaterThan(0);
    }));
});

test('what is recorded while a ragged period is being closed is billed once', () =>
  account({ yaml: PLANS, from: '2026-11-10T00:07:31Z', paced: true }, async (own) => {
    await subscribe(own, 'basic', { billing_anchor_day: 1 });
    await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
    const batch = (at: string) => () => {
      const events = Array.from({ length: 200 }, () => event({ orgId: ORG, quantity: '1', at }));
      return ask(own.running(), 'recordBatch', { orgId: ORG, events });
    };
    for (let i = 0; i < 25; i++) await batch('2026-11-10T00:08:00Z')();
    await own.moveTo('2026-12-01T01:00:00Z');
    const late = [
      '2026-11-10T00:07:31Z',
      '2026-11-10T00:14:59.999Z',
      '2026-11-10T00:07:30.999Z',
      '2026-11-30T00:00:00Z',
    ];
    await together([own.close, ...times(12, (i) => batch(late[i % 4] as string))]);
    await own.closeAt('2027-02-01T02:00:00Z');
    expect(billedQuantities(await own.invoices())).toEqual({ tokens: 37 * 200 });
  }));

test('a start in the past does not slip in while that time is being closed', () =>
  account({ yaml: PLANS, from: '2026-11-10T00:07:31Z', paced: true }, async (own) => {
    await own.use(1);
    const organization = { org_id: ORG, plan: 'basic' };
    const update = { organization, update_mask: { paths: ['plan'] } };
    await cold(own.running(), 'Organization', 'UpdateOrganization', update);
    // Events in the ragged quarter of an hour are read one by one, which takes its time.
    for (let i = 0; i < 20; i++) {
      const events = Array.from({ length: 1000 }, () => event({ orgId: ORG, quantity: '0' }));
      await ask(own.running(), 'recordBatch', { orgId: ORG, events });
    }
    await own.moveTo('2026-11-25T00:00:00Z');
    await own.use(10);
    // A clock that jumps: the pump waits.
    own.clock.setWall(Date.parse('2026-12-01T01:00:00Z'));
    const closing = own.close();
    await new Promise((done) => setTimeout(done, 30));
    const start = { plan: 'free_of_base', start_time: time('2026-11-20T00:00:00Z') };
    const begun = await subscribe(own, 'free_of_base', start).then(
      () => true,
      () => false,
    );
    await closing;
    if (begun) await own.use(100, '2026-11-28T00:00:00Z');
    await own.closeAt('2027-01-10T00:00:00Z');
    expect(billedQuantities(await own.invoices())).toEqual({ tokens: begun ? 111 : 11 });
  }));
