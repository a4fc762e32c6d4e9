// ChangeSubscription and its preview: another plan, version or number of seats.
//
// At once: what was charged and not used is credited by the second, the new charged, and the usage
// period ends, so that tiers start at 0. At the end of the base period: the change waits.

import { ChangeTiming } from '../../../generated/ts/tollgate/v1/subscription.js';
import type {
  ChangeSubscriptionRequest,
  ChangeSubscriptionResponse,
  PreviewSubscriptionChangeRequest,
  PreviewSubscriptionChangeResponse,
} from '../../../generated/ts/tollgate/v1/subscription_service.js';
import { divideHalfAway } from '../../base/division.js';
import { compareFractions, multiplyFractions, ratioOf } from '../../base/fraction.js';
import type { EpochMs } from '../../base/units.js';
import {
  type BaseCharge,
  baseLines,
  basePrice,
  chargeKey,
} from '../../domain/invoicing/base-lines.js';
import type { LineDocument } from '../../domain/invoicing/document.js';
import type { Plan } from '../../domain/plans/catalogue.js';
import type { SubscriptionRecord, VoidedBase } from '../../domain/subscriptions/document.js';
import { monthsOf } from '../../domain/subscriptions/period.js';
import { tenuresFrom } from '../../domain/subscriptions/tenures.js';
import type { TermsDocument } from '../../domain/subscriptions/terms.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { limits } from '../../limits.js';
import { type AccountState, readAccount } from '../billing/account-state.js';
import {
  basePeriodAt,
  type DueBase,
  inIntervals,
  planOf,
  settledBase,
  wholeBaseAt,
} from '../billing/base-bill.js';
import { termsChange } from '../billing/terms-change.js';
import { toInvoice } from '../billing/to-invoice.js';
import { type Committed, change, checkEtag, checkRequestId, etagOf, put } from '../change.js';
import { checkText } from '../checks.js';
import { type Answer, advisory, type Core } from '../core.js';
import {
  checkId,
  checkOrgId,
  createFaults,
  type Faults,
  refuseFaults,
  toTimestamp,
} from '../parse.js';
import { type Charge, chargeNow, previewCharge } from './charge.js';
import {
  failed,
  findLive,
  findPlan,
  refuseUnlessSelfServe,
  soldChange,
  tenureOf,
} from './parts.js';
import { basePeriod, toSubscription } from './to-subscription.js';

const KIND = 'subscription';

type Asked = Pick<
  ChangeSubscriptionRequest,
  'orgId' | 'subscriptionId' | 'plan' | 'planVersion' | 'seats' | 'timing'
> & { readonly paymentMethod?: string | undefined };

export function changeSubscription(
  core: Core,
  request: ChangeSubscriptionRequest,
): Promise<Answer<ChangeSubscriptionResponse>> {
  const faults = createFaults();
  check(request, faults);
  checkRequestId(request.requestId, faults);
  refuseFaults(faults);
  return change(core, {
    action: 'subscriptions.change',
    orgId: request.orgId,
    request,
    etag: request.etag,
    async plan(atMs) {
      const account = await readAccount(core, request.orgId);
      const decided = await decide(core, account, request, atMs);
      refuseUnlessSelfServe(core, decided.plan);
      checkEtag(request.etag, decided.before);
      return chargeNow(core, decided.account, await chargeOf(core, account, decided, atMs));
    },
    reply: (changed) => replyOf(core, changed),
  });
}

export async function previewSubscriptionChange(
  core: Core,
  request: PreviewSubscriptionChangeRequest,
): Promise<Answer<PreviewSubscriptionChangeResponse>> {
  const faults = createFaults();
  check(request, faults);
  refuseFaults(faults);
  const atMs = core.clock.wallMs();
  const account = await readAccount(core, request.orgId);
  const decided = await decide(core, account, request, atMs);
  const charge = await chargeOf(core, account, decided, atMs);
  const invoice = previewCharge(core, decided.account, charge);
  const { before, value, effectiveMs } = decided;
  return advisory({
    subscription: toSubscription({ ...before, value }, atMs),
    effectiveTime: toTimestamp(effectiveMs),
    invoice: invoice && toInvoice(invoice, ''),
  });
}

function check(asked: Asked, faults: Faults): void {
  checkOrgId(asked.orgId, 'org_id', faults);
  if (asked.subscriptionId !== '') checkId(asked.subscriptionId, 'subscription_id', faults);
  if (asked.plan !== '') checkId(asked.plan, 'plan', faults);
  if (asked.planVersion < 0) faults.add('plan_version', 'must be 0 or more');
  const { seats = 0 } = asked;
  if (seats < 0 || seats > limits.seats) faults.add('seats', `must be 0 to ${limits.seats}`);
  checkText(asked.paymentMethod ?? '', 'payment_method', { max: 256 }, faults);
}

interface Decided {
  readonly before: Stored<typeof KIND>;
  /** Before the change, with everything that was due by then. */
  readonly settled: DueBase;
  readonly value: SubscriptionRecord;
  readonly plan: Plan;
  readonly terms: TermsDocument;
  /** As it is after the change. */
  readonly account: AccountState;
  readonly effectiveMs: EpochMs;
  readonly isNow: boolean;
}

async function decide(
  core: Core,
  account: AccountState,
  asked: Asked,
  atMs: EpochMs,
): Promise<Decided> {
  const before = await findLive(core, account, asked.subscriptionId);
  const settled = settledBase(core, before.value, atMs);
  const { value } = settled;
  if (value.cancel_at_ms !== null) {
    throw failed('SUBSCRIPTION_CANCELLING', 'the subscription is to be cancelled: resume it first');
  }
  const plan = await planAsked(core, value, asked);
  if (plan.currency !== value.currency) {
    const text = `plan "${plan.id}" is in ${plan.currency}, the subscription in ${value.currency}`;
    throw failed('CURRENCY_DIFFERS', `${text}: cancel it and subscribe anew`);
  }
  const seats = asked.seats ?? value.seats;
  const paid = { ...value, payment_method: asked.paymentMethod ?? value.payment_method };
  const same = plan.id === value.plan && plan.version === value.plan_version;
  const wanted = { plan: plan.id, plan_version: plan.version, seats };
  const endMs = basePeriod(value, atMs).endMs;
  const tenures = account.terms.tenures.filter(
    ({ from_ms }) => from_ms <= atMs || isTrialEnd(value, from_ms),
  );
  const done = (
    next: SubscriptionRecord,
    changed: TermsDocument['tenures'],
    effectiveMs: EpochMs,
  ): Decided => {
    const terms = { ...account.terms, tenures: changed };
    const after = { ...account, terms, subscription: { ...before, value: next } };
    const isNow = effectiveMs === atMs;
    return { before, settled, value: next, plan, terms, account: after, effectiveMs, isNow };
  };
  if (same && seats === value.seats) {
    if (value.pending === null && paid.payment_method === value.payment_method) throw unchanged();
    const next = { ...paid, pending: null, updated_ms: atMs };
    return done(next, tenures, atMs);
  }
  const isNow = isAtOnce(core, value, plan, seats, asked.timing);
  if (!isNow) {
    const pending = { ...wanted, at_ms: endMs };
    const next = { ...paid, pending, updated_ms: atMs };
    const later = tenureOf(inIntervals({ ...value, ...wanted }, plan.document, endMs), endMs);
    return done(next, same ? tenures : tenuresFrom(tenures, endMs, [later]), endMs);
  }
  const since = same ? {} : { plan_since_ms: atMs };
  const changed = { ...wanted, ...intervalsOf(plan), ...since };
  const next = { ...paid, ...changed, pending: null, updated_ms: atMs };
  return done(next, same ? tenures : changedTenures(tenures, next, atMs), atMs);
}

function isTrialEnd({ trial_end_ms }: SubscriptionRecord, fromMs: EpochMs): boolean {
  return fromMs === trial_end_ms;
}

/** A trial goes on with the new plan. */
function changedTenures(
  tenures: TermsDocument['tenures'],
  next: SubscriptionRecord,
  atMs: EpochMs,
): TermsDocument['tenures'] {
  const { trial_end_ms: trialEndMs } = next;
  if (trialEndMs === null || atMs >= trialEndMs) {
    return tenuresFrom(tenures, atMs, [tenureOf(next, atMs)]);
  }
  const own = [tenureOf(next, atMs, { trial: true }), tenureOf(next, trialEndMs)];
  return tenuresFrom(tenures, atMs, own);
}

function intervalsOf({ document }: Plan) {
  return {
    base_interval: document.base_interval ?? 'MONTH',
    usage_interval: document.usage_interval ?? 'MONTH',
  } as const;
}

async function planAsked(core: Core, value: SubscriptionRecord, asked: Asked): Promise<Plan> {
  const isOwn = asked.plan === '' || asked.plan === value.plan;
  const version =
    asked.plan === '' && asked.planVersion === 0 ? value.plan_version : asked.planVersion;
  const use = isOwn && version === value.plan_version ? 'as it is' : 'new';
  return findPlan(core, value.org_id, asked.plan || value.plan, version, use);
}

/** By default what costs more per month is had at once, what costs less at the period's end. */
function isAtOnce(
  core: Core,
  value: SubscriptionRecord,
  plan: Plan,
  seats: number,
  timing: ChangeTiming,
): boolean {
  if (timing === ChangeTiming.CHANGE_TIMING_NOW) return true;
  if (timing === ChangeTiming.CHANGE_TIMING_PERIOD_END) return false;
  const monthly = (document: Plan['document'], of: number) =>
    multiplyFractions(
      basePrice(document, of),
      ratioOf(1n, BigInt(monthsOf(document.base_interval ?? 'MONTH'))),
    );
  const now = monthly(planOf(core, value), value.seats);
  return compareFractions(monthly(plan.document, seats), now) >= 0;
}

async function chargeOf(
  core: Core,
  account: AccountState,
  decided: Decided,
  atMs: EpochMs,
): Promise<Charge> {
  const { before, settled, plan, terms, isNow } = decided;
  const proration = isNow ? prorate(core, decided, atMs) : NO_PRORATION;
  const value = { ...decided.value, ...proration.billed };
  const { orgId, stored } = account;
  const changes: readonly Change[] = [
    put(KIND, orgId, before.id, before, value),
    ...termsChange(orgId, stored, terms),
    ...(await soldChange(core, plan)),
  ];
  const lines = [...settled.lines, ...proration.lines];
  return { kind: 'PRORATION', lines, plan, atMs, changes };
}

const NO_PRORATION = { lines: [], billed: {} } as const;

/** Credit for the rest of what was charged, and the new price for the rest of its period. */
function prorate(
  core: Core,
  { settled, value, plan }: Decided,
  atMs: EpochMs,
): { readonly lines: readonly LineDocument[]; readonly billed: Partial<SubscriptionRecord> } {
  const old = settled.value;
  const isSame =
    old.plan === value.plan && old.plan_version === value.plan_version && old.seats === value.seats;
  const billedToMs = old.base_billed_to_ms;
  // In a trial nothing was charged, and after it the new price is.
  const inTrial = old.trial_end_ms !== null && atMs < old.trial_end_ms;
  if (isSame || inTrial || billedToMs <= atMs) return NO_PRORATION;
  const { zone } = value;
  const number = old.base_charges + 1;
  const credit: BaseCharge = {
    plan: planOf(core, old),
    seats: old.seats,
    service: { startMs: atMs, endMs: billedToMs },
    whole: wholeBaseAt(old, atMs),
    zone,
    number,
  };
  const period = basePeriodAt(value, atMs);
  const service = { startMs: atMs, endMs: period.endMs };
  const whole = wholeBaseAt(value, atMs);
  const charge = { plan: plan.document, seats: value.seats, service, whole, zone, number };
  const lines = [
    ...(isVoided(old) ? [] : baseLines(credit)).map((line) => asProration(line, -1n, 'unused')),
    ...baseLines(charge).map((line) => asProration(line, 1n, 'from now')),
  ];
  const base_voided = old.base_voided.map((each) => upTo(each, old.base_charges, atMs));
  const billed = { base_billed_to_ms: period.endMs, base_charges: number, base_voided };
  return { lines, billed };
}

/** What was charged last is on no living invoice: there is nothing to give back. */
function isVoided({ base_voided, base_charges }: SubscriptionRecord): boolean {
  return base_voided.some(({ lines }) => lines.some((line) => isOf(line, base_charges)));
}

/** What a charge gave back has the number of the charge, too. */
function isOf({ key, amount }: LineDocument, charge: number): boolean {
  return key === chargeKey(charge) && BigInt(amount) > 0n;
}

/** What of that charge lies after a change is charged with the change. */
function upTo(voided: VoidedBase, charge: number, atMs: EpochMs): VoidedBase {
  const lines = voided.lines.flatMap((line): readonly LineDocument[] => {
    if (line.end_ms <= atMs || !isOf(line, charge)) return [line];
    if (line.start_ms >= atMs) return [];
    const length = BigInt(line.end_ms - line.start_ms);
    const kept = BigInt(line.amount) * BigInt(atMs - line.start_ms);
    return [{ ...line, end_ms: atMs, amount: `${divideHalfAway(kept, length)}` }];
  });
  return { ...voided, lines };
}

function asProration(line: LineDocument, sign: bigint, what: string): LineDocument {
  return {
    ...line,
    kind: 'PRORATION',
    description: `${line.description} (${what})`,
    amount: `${sign * BigInt(line.amount)}`,
  };
}

function replyOf(core: Core, changed: Committed): ChangeSubscriptionResponse {
  const stored = changed.first(KIND);
  const invoice = changed.first('invoice');
  core.dues.touch(stored?.orgId ?? '');
  return {
    subscription: stored && toSubscription(stored, core.clock.wallMs()),
    invoice: invoice && toInvoice(invoice.value, etagOf(invoice)),
  };
}

function unchanged() {
  return failed('NOTHING_TO_CHANGE', 'plan, version, seats and payment method are as they are');
}
