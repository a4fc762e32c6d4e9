// What a change of an invoice, a credit note, a subscription or an organisation has to tell: it is
// read off the record before and after.

import { amountDue } from '../invoicing/amounts.js';
import type { CreditNoteRecord } from '../invoicing/credit.js';
import type { InvoiceDocument } from '../invoicing/document.js';
import type { OrganisationRecord } from '../organisations/document.js';
import { formatMinor } from '../pricing/money.js';
import { LIVE_STATES, type SubscriptionRecord } from '../subscriptions/document.js';
import type { NotificationType } from './document.js';
import { type Notice, timeOrNull, timeText } from './notice.js';

type Told = Pick<Notice, 'type' | 'data'>;

export function invoiceNotices(
  before: InvoiceDocument | undefined,
  after: InvoiceDocument,
): readonly Told[] {
  return invoiceTypes(before?.state, after.state).map((type) => ({ type, data: invoice(after) }));
}

type InvoiceState = InvoiceDocument['state'];

function invoiceTypes(
  before: InvoiceState | undefined,
  after: InvoiceState,
): readonly NotificationType[] {
  if (before === after) return [];
  const isNew = before === undefined || before === 'DRAFT';
  switch (after) {
    case 'DRAFT':
      return ['invoice.created'];
    case 'OPEN':
      return isNew ? ['invoice.finalized'] : [];
    case 'PAID':
      return isNew ? ['invoice.finalized', 'invoice.paid'] : ['invoice.paid'];
    case 'VOID':
      return ['invoice.voided'];
    case 'UNCOLLECTIBLE':
      return ['invoice.uncollectible'];
    // Nothing is on it.
    case 'SKIPPED':
      return [];
  }
}

/** Without its lines: whoever needs them reads the invoice. */
function invoice(document: InvoiceDocument) {
  const { currency } = document;
  return {
    invoice_id: document.invoice_id,
    number: document.number,
    kind: document.kind,
    state: document.state,
    state_reason: document.state_reason,
    subscription_id: document.subscription_id,
    plan: document.plan,
    plan_version: document.plan_version,
    period_start: timeText(document.period_start_ms),
    period_end: timeText(document.period_end_ms),
    currency,
    subtotal: formatMinor(BigInt(document.subtotal), currency),
    tax: formatMinor(BigInt(document.tax), currency),
    total: formatMinor(BigInt(document.total), currency),
    amount_due: formatMinor(amountDue(document), currency),
    issue_time: timeOrNull(document.issue_ms),
    due_time: timeOrNull(document.due_ms),
    paid_time: timeOrNull(document.paid_ms),
    void_time: timeOrNull(document.void_ms),
  };
}

export function creditNoteNotices(
  before: CreditNoteRecord | undefined,
  after: CreditNoteRecord,
): readonly Told[] {
  if (before !== undefined) return [];
  const data = {
    credit_note_id: after.credit_note_id,
    number: after.number,
    invoice_id: after.invoice_id,
    currency: after.currency,
    amount: formatMinor(BigInt(after.amount), after.currency),
    application: after.application,
    reason: after.reason,
    issue_time: timeText(after.issue_ms),
  };
  return [{ type: 'credit_note.created', data }];
}

export function subscriptionNotices(
  before: SubscriptionRecord | undefined,
  after: SubscriptionRecord,
): readonly Told[] {
  return subscriptionTypes(before, after).map((type) => ({ type, data: subscription(after) }));
}

function subscriptionTypes(
  before: SubscriptionRecord | undefined,
  after: SubscriptionRecord,
): readonly NotificationType[] {
  if (before === undefined) return ['subscription.created'];
  const isEnded = isLive(before) && !isLive(after);
  const isCancelled = before.cancel_at_ms === null && after.cancel_at_ms !== null;
  const wasSuspended = before.state === 'SUSPENDED';
  const isTaken = before.cancel_at_ms !== null && after.cancel_at_ms === null;
  const facts: readonly (readonly [NotificationType, boolean])[] = [
    ['subscription.changed', isChanged(before, after, isCancelled)],
    ['subscription.trial_ended', before.state === 'TRIALING' && AFTER_TRIAL.has(after.state)],
    ['subscription.suspended', !wasSuspended && after.state === 'SUSPENDED'],
    [
      'subscription.resumed',
      isLive(after) && (isTaken || (wasSuspended && after.state !== 'SUSPENDED')),
    ],
    ['subscription.cancelled', isCancelled],
    ['subscription.ended', isEnded],
  ];
  return facts.flatMap(([type, holds]) => (holds ? [type] : []));
}

const AFTER_TRIAL: ReadonlySet<SubscriptionRecord['state']> = new Set([
  'ACTIVE',
  'PAST_DUE',
  'EXPIRED',
]);

function isLive({ state }: SubscriptionRecord): boolean {
  return LIVE_STATES.includes(state);
}

/** Another plan, version or number of seats, now or at the end of the period. */
function isChanged(
  before: SubscriptionRecord,
  after: SubscriptionRecord,
  isCancelled: boolean,
): boolean {
  const { plan, plan_version, seats } = before;
  if (plan !== after.plan || plan_version !== after.plan_version || seats !== after.seats) {
    return true;
  }
  // A cancellation drops what was planned.
  return !isCancelled && JSON.stringify(before.pending) !== JSON.stringify(after.pending);
}

function subscription(record: SubscriptionRecord) {
  const { pending } = record;
  return {
    subscription_id: record.subscription_id,
    state: record.state,
    plan: record.plan,
    plan_version: record.plan_version,
    seats: record.seats,
    currency: record.currency,
    pending_change: pending && {
      plan: pending.plan,
      plan_version: pending.plan_version,
      seats: pending.seats,
      effective_time: timeText(pending.at_ms),
    },
    start_time: timeText(record.start_ms),
    trial_end: timeOrNull(record.trial_end_ms),
    cancel_at: timeOrNull(record.cancel_at_ms),
    cancel_reason: record.cancel_reason,
    suspend_reason: record.suspend_reason,
    end_time: timeOrNull(record.ended_ms),
  };
}

export function organisationNotices(
  before: Pick<OrganisationRecord, 'suspended'> | undefined,
  { suspended, suspend_reason, display_name }: OrganisationRecord,
): readonly Told[] {
  if ((before?.suspended ?? false) === suspended) return [];
  const type = suspended ? 'organization.suspended' : 'organization.resumed';
  return [{ type, data: { display_name, suspend_reason } }];
}
