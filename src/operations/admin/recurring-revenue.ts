// Recurring revenue at the ends of months: every subscription as it was then. How it was is in the
// versions of its record.

import type { Fraction } from '../../base/fraction.js';
import type { EpochMs } from '../../base/units.js';
import type { Interval } from '../../domain/metering/calendar.js';
import type { SubscriptionRecord } from '../../domain/subscriptions/document.js';
import { chargedAt, endsWithTrial, monthlyPrice } from '../../domain/subscriptions/recurring.js';
import type { Stored } from '../../ledger/ledger.js';
import { type Core, catalogueOf } from '../core.js';
import { scanRecords } from './scan-records.js';
import type { Steps } from './steps.js';

export type AddRecurring = (currency: string, month: number, amount: Fraction) => void;

/** Months that have not begun have none. */
export async function addRecurring(
  core: Core,
  steps: Steps,
  months: readonly Interval[],
  nowMs: EpochMs,
  add: AddRecurring,
): Promise<void> {
  const begun = months.filter(({ startMs }) => startMs <= nowMs);
  // Just before the end: what begins with the next month is not in this one.
  const moments = begun.map(({ endMs }) => Math.min(endMs - 1, nowMs));
  const first = moments[0];
  const last = moments.at(-1);
  if (first === undefined || last === undefined) return;
  for await (const stored of scanRecords(core, steps, 'subscription')) {
    if (!meets(stored.value, first, last)) continue;
    const versions = await versionsOf(core, stored, first);
    for (const [month, atMs] of moments.entries()) {
      const version = versions.find((each) => each.atMs <= atMs) ?? versions.at(-1);
      const charged = version && pricedAt(core, version.value, atMs);
      if (charged !== undefined) add(charged.currency, month, charged.amount);
    }
    if (steps.due()) await steps.turn();
  }
}

function meets(value: SubscriptionRecord, firstMs: EpochMs, lastMs: EpochMs): boolean {
  return value.start_ms <= lastMs && (value.ended_ms ?? Number.POSITIVE_INFINITY) > firstMs;
}

interface Version {
  /** When it was written. */
  readonly atMs: EpochMs;
  readonly value: SubscriptionRecord;
}

/** Newest first, down to the one of `sinceMs`. */
async function versionsOf(
  core: Core,
  { orgId, id }: Stored<'subscription'>,
  sinceMs: EpochMs,
): Promise<readonly Version[]> {
  const versions = await core.ledger.history('subscription', orgId, id, sinceMs);
  return versions.flatMap(({ atMs, value }) => (value === undefined ? [] : [{ atMs, value }]));
}

function pricedAt(core: Core, value: SubscriptionRecord, atMs: EpochMs) {
  const charged = chargedAt(value, atMs);
  if (charged === undefined) return undefined;
  const plan = catalogueOf(core).plan(charged.plan, charged.plan_version);
  if (plan === undefined || endsWithTrial(value, plan.document)) return undefined;
  return { currency: value.currency, amount: monthlyPrice(plan.document, charged.seats) };
}
