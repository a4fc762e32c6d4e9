// CreateSubscription: an organisation goes on a plan, and is charged its base price in advance.

import type {
  CreateSubscriptionRequest,
  CreateSubscriptionResponse,
} from '../../../generated/ts/tollgate/v1/subscription_service.js';
import { DAY_MS, type EpochMs } from '../../base/units.js';
import type { LineDocument } from '../../domain/invoicing/document.js';
import { overlap } from '../../domain/invoicing/ranges.js';
import type { Interval } from '../../domain/metering/calendar.js';
import type { Plan } from '../../domain/plans/catalogue.js';
import { anchorOf as newAnchor } from '../../domain/subscriptions/anchor.js';
import type { SubscriptionRecord } from '../../domain/subscriptions/document.js';
import { tenuresFrom } from '../../domain/subscriptions/tenures.js';
import { tenureAt } from '../../domain/subscriptions/terms.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { limits } from '../../limits.js';
import { type AccountState, NOT_BILLED, readAccount } from '../billing/account-state.js';
import { billBase } from '../billing/base-bill.js';
import { knownOrNew, termsChange } from '../billing/terms-change.js';
import { toInvoice } from '../billing/to-invoice.js';
import { coveredBy, periodsOf } from '../billing/usage-bill.js';
import { requirePermission } from '../caller.js';
import { type Committed, change, checkRequestId, create, etagOf, put } from '../change.js';
import { checkMetadata, checkText } from '../checks.js';
import { type Answer, type Core, refuseUnknownOrganisation } from '../core.js';
import {
  checkId,
  checkOrgId,
  createFaults,
  type Faults,
  parseTime,
  refuseFaults,
} from '../parse.js';
import { Refusal } from '../refusal.js';
import { chargeNow } from './charge.js';
import { failed, findPlan, refuseUnlessSelfServe, soldChange, tenureOf } from './parts.js';
import { toSubscription } from './to-subscription.js';

const KIND = 'subscription';

export function createSubscription(
  core: Core,
  request: CreateSubscriptionRequest,
): Promise<Answer<CreateSubscriptionResponse>> {
  const { orgId } = request;
  const faults = createFaults();
  const metadata = check(request, faults);
  const startMs = parseTime(request.startTime, 'start_time', faults);
  if (startMs !== undefined && startMs > core.clock.wallMs()) {
    faults.add('start_time', 'must not lie in the future');
  }
  refuseFaults(faults);
  refuseUnknownOrganisation(core, orgId);
  return change(core, {
    action: 'subscriptions.create',
    orgId,
    request,
    async plan(atMs) {
      const account = await readAccount(core, orgId);
      if (account.subscription !== undefined) throw exists(account.subscription.id);
      const plan = await findPlan(core, orgId, request.plan, request.planVersion, 'new');
      refuseUnlessSelfServe(core, plan);
      if (request.trialDays !== undefined && request.trialDays !== plan.document.trial_days) {
        requirePermission(core, 'billing.admin', "another trial than the plan's");
      }
      const value = newSubscription(core, account, plan, request, startMs ?? atMs, atMs, metadata);
      await refuseInvoiced(core, account, { startMs: value.start_ms, endMs: atMs });
      return planned(core, account, plan, value, atMs);
    },
    reply: (changed) => replyOf(core, changed),
  });
}

function check(request: CreateSubscriptionRequest, faults: Faults) {
  const { trialDays, billingAnchorDay, seats } = request;
  checkOrgId(request.orgId, 'org_id', faults);
  checkId(request.plan, 'plan', faults);
  checkRequestId(request.requestId, faults);
  checkText(request.paymentMethod, 'payment_method', { max: 256 }, faults);
  if (request.planVersion < 0) faults.add('plan_version', 'must be 0 or more');
  if (seats < 0 || seats > limits.seats) faults.add('seats', `must be 0 to ${limits.seats}`);
  if (billingAnchorDay < 0 || billingAnchorDay > 31) {
    faults.add('billing_anchor_day', 'must be 1 to 31, or 0 for the day of the start');
  }
  if (trialDays !== undefined && (trialDays < 0 || trialDays > limits.trialDays)) {
    faults.add('trial_days', `must be 0 to ${limits.trialDays}`);
  }
  if (request.skipTrial && (trialDays ?? 0) > 0) {
    faults.add('skip_trial', 'cannot stand together with trial_days above 0');
  }
  return checkMetadata(request.metadata, 'metadata', faults);
}

function newSubscription(
  core: Core,
  { orgId, stored }: AccountState,
  { id: plan, version, currency, document }: Plan,
  request: CreateSubscriptionRequest,
  startMs: EpochMs,
  atMs: EpochMs,
  metadata: Readonly<Record<string, string>>,
): SubscriptionRecord {
  const organisation = knownOrNew(stored, orgId, atMs);
  const { time_zone: zone } = organisation;
  const days = request.skipTrial ? 0 : (request.trialDays ?? document.trial_days ?? 0);
  const trialEndMs = days === 0 ? null : startMs + days * DAY_MS;
  const billedMs = trialEndMs ?? startMs;
  const anchor = newAnchor(billedMs, request.billingAnchorDay, zone);
  return {
    subscription_id: `sub_${core.ids.uuid(atMs)}`,
    org_id: orgId,
    state: trialEndMs !== null && trialEndMs > atMs ? 'TRIALING' : 'ACTIVE',
    plan,
    plan_version: version,
    seats: request.seats === 0 ? (document.included_seats ?? 0) : request.seats,
    currency,
    start_ms: startMs,
    trial_end_ms: trialEndMs,
    anchor_ms: anchor.atMs,
    anchor_day: anchor.day,
    zone,
    base_interval: document.base_interval ?? 'MONTH',
    usage_interval: document.usage_interval ?? 'MONTH',
    payment_method: request.paymentMethod || organisation.payment_method,
    base_billed_to_ms: billedMs,
    base_charges: 0,
    base_voided: [],
    cancel_at_ms: null,
    cancelled_ms: null,
    cancel_reason: '',
    ended_ms: null,
    pending: null,
    suspend_reason: '',
    metadata,
    provider_id: '',
    created_ms: atMs,
    updated_ms: atMs,
  };
}

/** What was invoiced on another plan cannot be on this one. */
async function refuseInvoiced(core: Core, account: AccountState, past: Interval): Promise<void> {
  const { startMs } = past;
  const { terms, billing, orgId } = account;
  const before = tenureAt(terms, startMs);
  const later = terms.tenures.some(({ from_ms, subscription_id }) => {
    return from_ms > startMs && subscription_id !== '';
  });
  const within = before.document.subscription_id !== '';
  const closed = startMs < (billing?.value.closed_to_ms ?? 0);
  const periods = await periodsOf(core, account, past);
  const billed = periods.some(({ stored }) => {
    return coveredBy(stored?.value).some((range) => overlap(range, past) !== undefined);
  });
  if (!later && !within && !closed && !billed) return;
  throw failed(
    'PERIOD_OVERLAPS',
    `the start lies in a period of organisation "${orgId}" that was invoiced or subscribed`,
  );
}

async function planned(
  core: Core,
  account: AccountState,
  plan: Plan,
  value: SubscriptionRecord,
  atMs: EpochMs,
) {
  const { orgId, stored, terms } = account;
  const { start_ms: startMs, trial_end_ms: trialEndMs } = value;
  const trial = trialEndMs === null ? [] : [tenureOf(value, startMs, { trial: true })];
  const own = [...trial, tenureOf(value, trialEndMs ?? startMs)];
  const next = { ...terms, tenures: tenuresFrom(terms.tenures, startMs, own) };
  const organisation = {
    ...knownOrNew(stored, orgId, atMs),
    subscription_id: value.subscription_id,
    updated_ms: atMs,
  };
  const unmade: Stored<typeof KIND> = { orgId, id: value.subscription_id, version: 0, value };
  const base = billBase(core, unmade, atMs);
  const made = base.changes.length > 0 ? [] : [create(KIND, orgId, value.subscription_id, value)];
  const changes: readonly Change[] = [
    ...made,
    ...base.changes,
    put('organization', '', orgId, stored.organisation, organisation),
    ...termsChange(orgId, stored, next),
    ...(await soldChange(core, plan)),
  ];
  const subscribed = { ...account, terms: next, subscription: unmade };
  const { lines } = base;
  const pinned = [...changes, ...pin(account, value, lines, atMs)];
  return chargeNow(core, subscribed, { kind: 'RECURRING', lines, plan, atMs, changes: pinned });
}

/** A closing of that time which is under way finds that something has changed. */
function pin(
  { orgId, billing }: AccountState,
  { start_ms: startMs }: SubscriptionRecord,
  lines: readonly LineDocument[],
  atMs: EpochMs,
): readonly Change[] {
  if (startMs === atMs || lines.some(({ amount }) => amount !== '0')) return [];
  const value = { ...(billing?.value ?? NOT_BILLED), reopened_from_ms: null };
  return [put('billing', orgId, '', billing, value)];
}

function replyOf(core: Core, changed: Committed): CreateSubscriptionResponse {
  core.dues.touch(changed.first(KIND)?.orgId ?? '');
  const stored = changed.first(KIND);
  const invoice = changed.first('invoice');
  return {
    subscription: stored && toSubscription(stored, core.clock.wallMs()),
    invoice: invoice && toInvoice(invoice.value, etagOf(invoice)),
  };
}

function exists(id: string): Refusal {
  const text = `the organisation has a live subscription, ${id}: change that one`;
  return new Refusal('ALREADY_EXISTS', 'SUBSCRIPTION_EXISTS', text);
}
