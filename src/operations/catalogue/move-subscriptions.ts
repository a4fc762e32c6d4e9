// Live subscriptions on older versions of a plan move to its new one, all in the transaction that
// makes it. Rules and prices of usage are the new version's from now on; what is billed in advance,
// and the intervals, follow with the next base period.

import type { EpochMs } from '../../base/units.js';
import { planKey } from '../../domain/plans/catalogue.js';
import type { PlanDocument } from '../../domain/plans/document.js';
import { LIVE_STATES, type SubscriptionRecord } from '../../domain/subscriptions/document.js';
import { tenuresFrom } from '../../domain/subscriptions/tenures.js';
import {
  type TenureDocument,
  type TermsDocument,
  tenureAt,
} from '../../domain/subscriptions/terms.js';
import type { Change } from '../../ledger/ledger.js';
import { limits } from '../../limits.js';
import { readOrganisation, termsChange, termsOf } from '../billing/terms-change.js';
import { create, put } from '../change.js';
import type { Core } from '../core.js';
import { Refusal } from '../refusal.js';
import { basePeriod } from '../subscriptions/to-subscription.js';
import { bytesOf, scan } from './lists.js';

export async function moveSubscriptions(
  core: Core,
  plan: PlanDocument,
  version: number,
  atMs: EpochMs,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  let moved = 0;
  let bytes = 0;
  const where = { plan: [plan.id], state: LIVE_STATES };
  for await (const subscription of scan(core, { kind: 'subscription', where })) {
    const { orgId, id, value } = subscription;
    if (value.plan_version >= version) continue;
    const stored = await readOrganisation(core, orgId);
    const terms = movedTerms(termsOf(stored), value, plan, version, atMs);
    const own = [
      put('subscription', orgId, id, subscription, movedRecord(value, version, atMs)),
      ...termsChange(orgId, stored, terms),
    ];
    moved++;
    bytes += bytesOf(own);
    if (moved > limits.movedSubscriptions || bytes > MOVED_BYTES_MAX) throw tooMany();
    changes.push(...own);
  }
  return moved === 0 ? [] : [...changes, ...(await soldChange(core, plan.id, version))];
}

/** Beside the plan itself, which is written twice. */
const MOVED_BYTES_MAX = limits.messageBytes - 2 * limits.catalogueObjectBytes;

/** The rules of a version that somebody is on are counted for everybody. */
async function soldChange(core: Core, plan: string, version: number): Promise<readonly Change[]> {
  const id = planKey(plan, version);
  const sold = await core.ledger.get('sold', '', id);
  return sold === undefined ? [create('sold', '', id, {})] : [];
}

/** A change of seats that waits is one on the new version too. */
function movedRecord(
  value: SubscriptionRecord,
  version: number,
  atMs: EpochMs,
): SubscriptionRecord {
  const { pending } = value;
  const follows = pending?.plan === value.plan && pending.plan_version < version;
  return {
    ...value,
    plan_version: version,
    pending: pending !== null && follows ? { ...pending, plan_version: version } : pending,
    updated_ms: atMs,
  };
}

function movedTerms(
  terms: TermsDocument,
  value: SubscriptionRecord,
  plan: PlanDocument,
  version: number,
  atMs: EpochMs,
): TermsDocument {
  const { tenures } = terms;
  const interval = plan.usage_interval ?? 'MONTH';
  const isOwn = (each: TenureDocument) =>
    each.subscription_id === value.subscription_id &&
    each.plan === plan.id &&
    each.plan_version < version;
  const current = tenureAt(terms, atMs).document;
  const planned = tenures.filter(({ from_ms }) => from_ms > atMs);
  const later = planned.map((each) => {
    return isOwn(each) ? { ...each, plan_version: version, interval } : each;
  });
  if (!isOwn(current)) return { ...terms, tenures: tenuresFrom(tenures, atMs + 1, later) };
  const moved = { ...current, from_ms: atMs, plan_version: version };
  const nextMs = basePeriod(value, atMs).endMs;
  const isPlanned = planned.some(({ from_ms }) => from_ms <= nextMs);
  const next = isPlanned ? [] : [{ ...moved, from_ms: nextMs, interval }];
  const all = [moved, ...next, ...later];
  return { ...terms, tenures: tenuresFrom(tenures, atMs, all) };
}

function tooMany(): Refusal {
  const text =
    `more than ${limits.movedSubscriptions} live subscriptions, or too large ones, are on older ` +
    'versions: update the plan without apply_to_existing, and move them with ChangeSubscription';
  return new Refusal('RESOURCE_EXHAUSTED', 'SUBSCRIPTIONS_EXHAUSTED', text);
}
