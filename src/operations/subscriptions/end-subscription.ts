// CancelSubscription, ResumeSubscription, SuspendSubscription.

import { ChangeTiming, type Subscription } from '../../../generated/ts/tollgate/v1/subscription.js';
import type {
  CancelSubscriptionRequest,
  ResumeSubscriptionRequest,
  SuspendSubscriptionRequest,
} from '../../../generated/ts/tollgate/v1/subscription_service.js';
import type { EpochMs } from '../../base/units.js';
import type { SubscriptionRecord } from '../../domain/subscriptions/document.js';
import { tenuresFrom } from '../../domain/subscriptions/tenures.js';
import { type TermsDocument, unsubscribed } from '../../domain/subscriptions/terms.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { type AccountState, readAccount } from '../billing/account-state.js';
import { termsChange } from '../billing/terms-change.js';
import { change, checkEtag, checkRequestId, put } from '../change.js';
import { checkReason } from '../checks.js';
import type { Answer, Core } from '../core.js';
import { checkId, checkOrgId, createFaults, refuseFaults } from '../parse.js';
import { failed, findLive } from './parts.js';
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
}

type Decide = (account: AccountState, value: SubscriptionRecord, atMs: EpochMs) => Next;

export function cancelSubscription(
  core: Core,
  request: CancelSubscriptionRequest,
): Promise<Answer<Reply>> {
  const isNow = request.timing === ChangeTiming.CHANGE_TIMING_NOW;
  return changeLive(core, 'subscriptions.cancel', request, 0, (account, value, atMs) => {
    const endMs = isNow ? atMs : basePeriod(value, atMs).endMs;
    if (!isNow && value.cancel_at_ms !== null) return { value, terms: account.terms };
    const cancelled = {
      ...value,
      cancel_at_ms: endMs,
      cancelled_ms: atMs,
      cancel_reason: request.reason,
      pending: null,
    };
    const ended = { ...cancelled, state: 'CANCELLED' as const, ended_ms: atMs };
    return { value: isNow ? ended : cancelled, terms: endedAt(account, endMs) };
  });
}

export function resumeSubscription(
  core: Core,
  request: ResumeSubscriptionRequest,
): Promise<Answer<Reply>> {
  return changeLive(core, 'subscriptions.resume', request, 0, (account, value) => {
    const isSuspended = value.state === 'SUSPENDED';
    const { cancel_at_ms: cancelMs } = value;
    if (!isSuspended && cancelMs === null) {
      throw failed('NOTHING_TO_RESUME', 'it is neither suspended nor to be cancelled');
    }
    const { terms, stored } = account;
    const tenures =
      cancelMs === null ? terms.tenures : terms.tenures.filter(({ from_ms }) => from_ms < cancelMs);
    const suspended = stored.organisation?.value.suspended ?? false;
    const resumed = { cancel_at_ms: null, cancelled_ms: null, cancel_reason: '' };
    return {
      value: {
        ...value,
        ...resumed,
        state: isSuspended ? 'ACTIVE' : value.state,
        suspend_reason: '',
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
    value: { ...value, state: 'SUSPENDED', suspend_reason: request.reason },
    terms: { ...terms, suspended: true },
  }));
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
      checkEtag(etag, before);
      const next = decide(account, before.value, atMs);
      return { changes: () => endingChanges(account, before, next, atMs) };
    },
    reply(changed) {
      core.dues.touch(orgId);
      const stored = changed.first(KIND);
      return { subscription: stored && toSubscription(stored, core.clock.wallMs()) };
    },
  });
}
