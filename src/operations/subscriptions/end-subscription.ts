// CancelSubscription, ResumeSubscription, SuspendSubscription.

import { ChangeTiming, type Subscription } from '../../../generated/ts/tollgate/v1/subscription.js';
import type {
  CancelSubscriptionRequest,
  ResumeSubscriptionRequest,
  SuspendSubscriptionRequest,
} from '../../../generated/ts/tollgate/v1/subscription_service.js';
import type { EpochMs } from '../../base/units.js';
import type { LineDocument } from '../../domain/invoicing/document.js';
import type { SubscriptionRecord } from '../../domain/subscriptions/document.js';
import { tenuresFrom } from '../../domain/subscriptions/tenures.js';
import { type TermsDocument, unsubscribed } from '../../domain/subscriptions/terms.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { type AccountState, readAccount } from '../billing/account-state.js';
import { settledBase, soldPlanOf } from '../billing/base-bill.js';
import { termsChange } from '../billing/terms-change.js';
import { requirePermission } from '../caller.js';
import { change, checkEtag, checkRequestId, put } from '../change.js';
import { checkReason } from '../checks.js';
import type { Answer, Core } from '../core.js';
import { checkId, checkOrgId, createFaults, refuseFaults } from '../parse.js';
import { chargeNow } from './charge.js';
import { failed, findLive, refuseUnlessSelfServe, tenureOf } from './parts.js';
import { basePeriod, toSubscription } from './to-subscription.js';

const KIND = 'subscription';

interface Reply {
  readonly subscription: Subscription | undefined;
}

interface Call {
  readonly orgId: string;
  readonly subscriptionId: string;
  readonly reason: string;
  readonly requestId: string;
  readonly etag: string;
}

interface Next {
  readonly value: SubscriptionRecord;
  readonly terms: TermsDocument;
  /** Base price that was due before it. */
  readonly lines?: readonly LineDocument[];
}

type Decide = (account: AccountState, value: SubscriptionRecord, atMs: EpochMs) => Next;

export function cancelSubscription(
  core: Core,
  request: CancelSubscriptionRequest,
): Promise<Answer<Reply>> {
  const isNow = request.timing === ChangeTiming.CHANGE_TIMING_NOW;
  return changeLive(core, 'subscriptions.cancel', request, 0, (account, before, atMs) => {
    if (!isNow && before.cancel_at_ms !== null) return { value: before, terms: account.terms };
    const endMs = isNow ? atMs : basePeriod(before, atMs).endMs;
    // A period is charged up to its end: that of now, where nothing of it was charged yet.
    const { value, lines } = settledBase(core, { ...before, cancel_at_ms: endMs }, atMs);
    const cancelled = {
      ...value,
      cancelled_ms: atMs,
      cancel_reason: request.reason,
      pending: null,
    };
    const ended = { ...cancelled, state: 'CANCELLED' as const, ended_ms: atMs };
    return { value: isNow ? ended : cancelled, terms: endedAt(account, endMs), lines };
  });
}

export function resumeSubscription(
  core: Core,
  request: ResumeSubscriptionRequest,
): Promise<Answer<Reply>> {
  return changeLive(core, 'subscriptions.resume', request, 0, (account, value, atMs) => {
    const isSuspended = value.state === 'SUSPENDED';
    if (isSuspended) requirePermission(core, 'billing.admin', 'ending a suspension');
    const { cancel_at_ms: cancelMs } = value;
    if (!isSuspended && cancelMs === null) {
      throw failed('NOTHING_TO_RESUME', 'it is neither suspended nor to be cancelled');
    }
    if (cancelMs !== null && cancelMs <= atMs) {
      throw failed('SUBSCRIPTION_ENDED', 'its cancellation has taken effect: subscribe anew');
    }
    const { terms, stored } = account;
    const tenures = cancelMs === null ? terms.tenures : goingOn(terms.tenures, value, cancelMs);
    const suspended = stored.organisation?.value.suspended ?? false;
    const resumed = { cancel_at_ms: null, cancelled_ms: null, cancel_reason: '' };
    return {
      value: {
        ...value,
        ...resumed,
        ...(isSuspended ? { state: value.suspended_in_trial ? 'TRIALING' : 'ACTIVE' } : {}),
        suspend_reason: '',
        suspended_in_trial: false,
      },
      terms: { ...terms, tenures, suspended },
    };
  });
}

export function suspendSubscription(
  core: Core,
  request: SuspendSubscriptionRequest,
): Promise<Answer<Reply>> {
  return changeLive(core, 'subscriptions.suspend', request, 1, ({ terms }, value) => ({
    value: {
      ...value,
      state: 'SUSPENDED',
      suspend_reason: request.reason,
      suspended_in_trial: value.state === 'TRIALING' || value.suspended_in_trial === true,
    },
    terms: { ...terms, suspended: true },
  }));
}

/** As if it had not been cancelled: what followed a trial follows it again. */
function goingOn(
  tenures: TermsDocument['tenures'],
  value: SubscriptionRecord,
  cancelMs: EpochMs,
): TermsDocument['tenures'] {
  const { trial_end_ms: trialEndMs } = value;
  const own = trialEndMs !== null && trialEndMs >= cancelMs ? [tenureOf(value, trialEndMs)] : [];
  return tenuresFrom(tenures, cancelMs, own);
}

/** From then on the organisation is on its own plan, or the default one. */
export function endedAt({ terms, stored }: AccountState, endMs: EpochMs): TermsDocument {
  const plan = stored.organisation?.value.plan ?? '';
  const suspended = stored.organisation?.value.suspended ?? false;
  const tenures = tenuresFrom(terms.tenures, endMs, [unsubscribed(plan, endMs)]);
  return { ...terms, tenures, suspended };
}

/** The record, the terms, and the organisation where it has no live subscription any more. */
export function endingChanges(
  { orgId, stored }: AccountState,
  before: Stored<typeof KIND>,
  { value, terms }: Next,
  atMs: EpochMs,
): readonly Change[] {
  const { organisation } = stored;
  const updated = { ...value, updated_ms: atMs };
  const own = [put(KIND, orgId, before.id, before, updated), ...termsChange(orgId, stored, terms)];
  if (value.ended_ms === null || organisation === undefined) return own;
  const freed = { ...organisation.value, subscription_id: '', updated_ms: atMs };
  return [...own, put('organization', '', orgId, organisation, freed)];
}

function changeLive(
  core: Core,
  action: string,
  call: Call,
  reasonMin: 0 | 1,
  decide: Decide,
): Promise<Answer<Reply>> {
  const { orgId, reason, etag } = call;
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  if (call.subscriptionId !== '') checkId(call.subscriptionId, 'subscription_id', faults);
  checkReason(reason, reasonMin, faults);
  checkRequestId(call.requestId, faults);
  refuseFaults(faults);
  return change(core, {
    action,
    orgId,
    reason,
    etag,
    request: call,
    async plan(atMs) {
      const account = await readAccount(core, orgId);
      const before = await findLive(core, account, call.subscriptionId);
      refuseUnlessSelfServe(core, soldPlanOf(core, before.value));
      checkEtag(etag, before);
      const next = decide(account, before.value, atMs);
      const changes = endingChanges(account, before, next, atMs);
      const { lines = [] } = next;
      const plan = soldPlanOf(core, next.value);
      return chargeNow(core, account, { kind: 'RECURRING', lines, plan, atMs, changes });
    },
    reply(changed) {
      core.dues.touch(orgId);
      const stored = changed.first(KIND);
      return { subscription: stored && toSubscription(stored, core.clock.wallMs()) };
    },
  });
}
