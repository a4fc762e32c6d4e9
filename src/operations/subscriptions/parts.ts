// What the calls about subscriptions have in common: finding one, its plan, its tenures, refusals.

import type { EpochMs } from '../../base/units.js';
import type { Plan } from '../../domain/plans/catalogue.js';
import { planKey } from '../../domain/plans/catalogue.js';
import type { SubscriptionRecord } from '../../domain/subscriptions/document.js';
import type { TenureDocument } from '../../domain/subscriptions/terms.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { type AccountState, isLive } from '../billing/account-state.js';
import { requirePermission } from '../caller.js';
import { create } from '../change.js';
import { type Core, catalogueOf } from '../core.js';
import { Refusal } from '../refusal.js';

export function subscriptionNotFound(): Refusal {
  const text = 'the organisation has no such subscription';
  return new Refusal('NOT_FOUND', 'SUBSCRIPTION_NOT_FOUND', text);
}

export function failed(reason: string, text: string): Refusal {
  return new Refusal('FAILED_PRECONDITION', reason, text);
}

/** `id` '' for the live one. */
export async function findSubscription(
  core: Core,
  account: AccountState,
  id: string,
): Promise<Stored<'subscription'>> {
  const { orgId, subscription } = account;
  const found = id === '' ? subscription : await core.ledger.get('subscription', orgId, id);
  if (found === undefined) throw subscriptionNotFound();
  return found;
}

export async function findLive(
  core: Core,
  account: AccountState,
  id: string,
): Promise<Stored<'subscription'>> {
  const found = await findSubscription(core, account, id);
  if (!isLive(found)) {
    throw failed('SUBSCRIPTION_ENDED', `subscription ${found.id} has ended: subscribe anew`);
  }
  return found;
}

/** Version 0: the latest. An archived plan is sold to nobody new. */
export async function findPlan(
  core: Core,
  orgId: string,
  id: string,
  version: number,
  use: 'new' | 'as it is',
): Promise<Plan> {
  const plan = catalogueOf(core).plan(id, version);
  const own = plan?.document.org_id;
  if (plan === undefined || (own !== undefined && own !== orgId)) {
    const what = version === 0 ? `plan "${id}"` : `version ${version} of plan "${id}"`;
    throw new Refusal('NOT_FOUND', 'PLAN_NOT_FOUND', `${what} is not in the catalogue`);
  }
  const head = await core.ledger.get('plan', '', id);
  if (use === 'new' && head?.value.archived === true) {
    throw failed('PLAN_ARCHIVED', `plan "${id}" is archived: take another one`);
  }
  return plan;
}

/** Whoever may only change their own subscription chooses among what is self-serve. */
export function refuseUnlessSelfServe(core: Core, { id, document }: Plan): void {
  if (document.self_serve === true) return;
  requirePermission(core, 'billing.admin', `plan "${id}", which is not self-serve,`);
}

/** The first sale of a version makes its rules count for everybody. */
export async function soldChange(core: Core, plan: Plan): Promise<readonly Change[]> {
  const id = planKey(plan.id, plan.version);
  const sold = await core.ledger.get('sold', '', id);
  return sold === undefined ? [create('sold', '', id, {})] : [];
}

export function tenureOf(
  value: SubscriptionRecord,
  fromMs: EpochMs,
  given: Partial<TenureDocument> = {},
): TenureDocument {
  return {
    from_ms: fromMs,
    subscription_id: value.subscription_id,
    plan: value.plan,
    plan_version: value.plan_version,
    trial: false,
    anchor_ms: value.anchor_ms,
    anchor_day: value.anchor_day,
    zone: value.zone,
    interval: value.usage_interval,
    ...given,
  };
}
