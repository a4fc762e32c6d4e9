import { expect, test } from 'vitest';
import { subscriptionNotices } from '../../src/domain/notifications/billing-notices.js';
import type { SubscriptionRecord } from '../../src/domain/subscriptions/document.js';
import { closeAt } from '../support/billing.js';
import { catalogueYaml } from '../support/catalogue.js';
import { cold, type Json } from '../support/cold.js';
import { endpoint, startNotifying, until, useTokens } from '../support/notifying.js';
import { openReceiver, type Receiver } from '../support/receiver.js';

const yaml = catalogueYaml({
  plans: `
    - {id: free, prices: [{meter: tokens, unit_price: 1}]}
    - {id: basic, base_price: 30, prices: [{meter: tokens, unit_price: 0.10}]}
    - {id: pro, base_price: 60}
    - {id: trial, base_price: 20, trial_days: 14}`,
});

async function begin() {
  const receiver = await openReceiver();
  const one = await startNotifying({ yaml });
  await endpoint(one.running, receiver.url);
  const call = (service: string, method: string, request: object): Promise<Json> =>
    cold(one.running, service, method, { org_id: 'acme', ...request });
  return { ...one, receiver, call };
}

/** Sorted: no order is promised. */
async function types(receiver: Receiver, count: number): Promise<string[]> {
  return (await receiver.got(count)).map(({ json }) => json.type).sort();
}

test('an invoice is told of from its draft to the end', async () => {
  const { running, clock, receiver, call } = await begin();
  await useTokens(running, 'acme', 5);
  await closeAt(running, clock, '2026-12-01T00:30:00Z');
  const { invoice } = await call('Invoice', 'GenerateInvoice', {});
  const { invoice_id } = invoice;
  const [created] = await receiver.got(1);
  expect(created?.json).toMatchObject({
    type: 'invoice.created',
    data: { invoice_id, state: 'DRAFT', number: '', total: '5.00', issue_time: null },
  });
  await call('Invoice', 'FinalizeInvoice', { invoice_id });
  const [, finalized] = await receiver.got(2);
  expect(finalized?.json).toEqual({
    id: finalized?.id,
    type: 'invoice.finalized',
    timestamp: '2026-12-01T00:30:00.000Z',
    data: {
      org_id: 'acme',
      invoice_id,
      number: 'INV-2026-000001',
      kind: 'RECURRING',
      state: 'OPEN',
      state_reason: '',
      subscription_id: '',
      plan: 'free',
      plan_version: 1,
      period_start: '2026-11-01T00:00:00.000Z',
      period_end: '2026-12-01T00:00:00.000Z',
      currency: 'USD',
      subtotal: '5.00',
      tax: '0.00',
      total: '5.00',
      amount_due: '5.00',
      issue_time: '2026-12-01T00:30:00.000Z',
      due_time: '2026-12-15T00:30:00.000Z',
      paid_time: null,
      void_time: null,
    },
  });
  const note = { invoice_id, amount: '1.00', reason: 'too much' };
  await call('Invoice', 'CreateCreditNote', note);
  const [, , credit] = await receiver.got(3);
  expect(credit?.json).toMatchObject({
    type: 'credit_note.created',
    data: { invoice_id, number: 'CN-2026-000001', amount: '1.00', reason: 'too much' },
  });
  await call('Invoice', 'MarkInvoiceUncollectible', { invoice_id, reason: 'gone' });
  await call('Invoice', 'MarkInvoicePaid', { invoice_id, amount: '1.00' });
  await call('Invoice', 'MarkInvoicePaid', { invoice_id });
  expect(await types(receiver, 5)).toEqual([
    'credit_note.created',
    'invoice.created',
    'invoice.finalized',
    'invoice.paid',
    'invoice.uncollectible',
  ]);
});

test('one that closes by itself is told of, also where it is voided', async () => {
  const { running, clock, receiver, call } = await begin();
  await useTokens(running, 'acme', 5);
  await closeAt(running, clock, '2026-12-01T02:00:00Z', 'acme');
  const [finalized] = await receiver.got(1);
  const { invoice_id } = finalized?.json.data ?? {};
  await call('Invoice', 'VoidInvoice', { invoice_id, reason: 'wrong' });
  const [, voided] = await receiver.got(2);
  expect(voided?.json).toMatchObject({
    type: 'invoice.voided',
    data: { invoice_id, state: 'VOID', state_reason: 'wrong', amount_due: '0.00' },
  });
});

test('a subscription is told of from its start to its end', async () => {
  const { running, clock, receiver, call } = await begin();
  await call('Subscription', 'CreateSubscription', { plan: 'trial' });
  const [created] = await receiver.got(1);
  expect(created?.json).toMatchObject({
    type: 'subscription.created',
    data: { plan: 'trial', state: 'TRIALING', trial_end: '2026-12-04T12:00:00.000Z' },
  });
  await closeAt(running, clock, '2026-12-04T13:00:00Z', 'acme');
  // Its first invoice comes with it.
  expect(await types(receiver, 3)).toEqual([
    'invoice.finalized',
    'subscription.created',
    'subscription.trial_ended',
  ]);
  await call('Subscription', 'ChangeSubscription', { plan: 'pro' });
  await call('Subscription', 'SuspendSubscription', { reason: 'unpaid' });
  await call('Subscription', 'ResumeSubscription', {});
  await call('Subscription', 'CancelSubscription', { reason: 'moving' });
  expect((await types(receiver, 8)).filter((type) => type.startsWith('subscription'))).toEqual([
    'subscription.cancelled',
    'subscription.changed',
    'subscription.created',
    'subscription.resumed',
    'subscription.suspended',
    'subscription.trial_ended',
  ]);
  await closeAt(running, clock, '2027-01-04T14:00:00Z', 'acme');
  await until(
    async () => receiver.received.map(({ json }) => json.type),
    (all) => all.includes('subscription.ended'),
  );
});

test('an organisation is told of when it is suspended and resumed', async () => {
  const { running, receiver, call } = await begin();
  await useTokens(running, 'acme', 1);
  await call('Organization', 'SuspendOrganization', { reason: 'unpaid' });
  const [suspended] = await receiver.got(1);
  expect(suspended?.json).toMatchObject({
    type: 'organization.suspended',
    data: { org_id: 'acme', suspend_reason: 'unpaid' },
  });
  await call('Organization', 'SuspendOrganization', { reason: 'still' });
  await call('Organization', 'ResumeOrganization', {});
  const [, resumed] = await receiver.got(2);
  expect(resumed?.json.type).toBe('organization.resumed');
});

const record: SubscriptionRecord = {
  subscription_id: 's',
  org_id: 'acme',
  state: 'ACTIVE',
  plan: 'basic',
  plan_version: 1,
  seats: 1,
  currency: 'USD',
  start_ms: 0,
  trial_end_ms: null,
  anchor_ms: 0,
  anchor_day: 1,
  zone: 'UTC',
  base_interval: 'MONTH',
  usage_interval: 'MONTH',
  payment_method: '',
  base_billed_to_ms: 0,
  base_charges: 1,
  base_voided: [],
  cancel_at_ms: null,
  cancelled_ms: null,
  cancel_reason: '',
  ended_ms: null,
  pending: null,
  suspend_reason: '',
  metadata: {},
  provider_id: '',
  created_ms: 0,
  updated_ms: 0,
};
const pending = { plan: 'pro', plan_version: 1, seats: 1, at_ms: 5 };

test.each<[string, Partial<SubscriptionRecord>, Partial<SubscriptionRecord>, string]>([
  ['nothing of note', {}, { base_billed_to_ms: 9, updated_ms: 9 }, ''],
  ['another plan', {}, { plan: 'pro' }, 'changed'],
  ['more seats', {}, { seats: 2 }, 'changed'],
  ['a change that waits', {}, { pending }, 'changed'],
  ['a change that waited', { pending }, { plan: 'pro', pending: null }, 'changed'],
  ['a cancellation', { pending }, { cancel_at_ms: 7, pending: null }, 'cancelled'],
  ['the end', { cancel_at_ms: 7 }, { cancel_at_ms: 7, state: 'CANCELLED' }, 'ended'],
  ['the end at once', {}, { cancel_at_ms: 7, state: 'CANCELLED' }, 'cancelled ended'],
  ['a cancellation that is taken back', { cancel_at_ms: 7 }, {}, 'resumed'],
  ['a suspension', {}, { state: 'SUSPENDED' }, 'suspended'],
  ['its end', { state: 'SUSPENDED' }, {}, 'resumed'],
  ['the end while suspended', { state: 'SUSPENDED' }, { state: 'CANCELLED' }, 'ended'],
  ['a trial that is paid', { state: 'TRIALING' }, {}, 'trial_ended'],
  ['a trial without payment', { state: 'TRIALING' }, { state: 'EXPIRED' }, 'trial_ended ended'],
  ['a trial that is cancelled', { state: 'TRIALING' }, { state: 'CANCELLED' }, 'ended'],
  ['late payment', {}, { state: 'PAST_DUE' }, ''],
])('%s of a subscription', (_what, before, after, expected) => {
  const told = subscriptionNotices({ ...record, ...before }, { ...record, ...after });
  const names = told.map(({ type }) => type.replace('subscription.', '')).join(' ');
  expect(names).toBe(expected);
});
