// What a subscription brings in by the month at one moment, whatever its interval.

import { type Fraction, multiplyFractions, ratioOf } from '../../base/fraction.js';
import type { EpochMs } from '../../base/units.js';
import { basePrice } from '../invoicing/base-lines.js';
import type { PlanDocument } from '../plans/document.js';
import type { SubscriptionRecord } from './document.js';
import { monthsOf } from './period.js';

export type Charged = Pick<SubscriptionRecord, 'plan' | 'plan_version' | 'seats'>;

/**
 * What it was on at `atMs`, as the record of then, or its first one, tells: what takes effect by
 * itself has done so on time, whenever the record followed. Undefined where it was in a trial,
 * suspended, ended or not begun.
 */
export function chargedAt(value: SubscriptionRecord, atMs: EpochMs): Charged | undefined {
  const { state, trial_end_ms: trialEndMs, pending } = value;
  const endMs = value.ended_ms ?? value.cancel_at_ms;
  if (value.start_ms > atMs || (endMs !== null && endMs <= atMs)) return undefined;
  if (trialEndMs !== null && trialEndMs > atMs) return undefined;
  if (state === 'SUSPENDED' || state === 'EXPIRED') return undefined;
  return pending !== null && pending.at_ms <= atMs ? pending : value;
}

/** A trial that is over and that nothing follows is an ended one, though nobody noted it yet. */
export function endsWithTrial(
  { state, payment_method }: SubscriptionRecord,
  plan: PlanDocument,
): boolean {
  return state === 'TRIALING' && plan.requires_payment_method === true && payment_method === '';
}

/** Base price and seats, in the plan's currency. */
export function monthlyPrice(plan: PlanDocument, seats: number): Fraction {
  const months = monthsOf(plan.base_interval ?? 'MONTH');
  return multiplyFractions(basePrice(plan, seats), ratioOf(1n, BigInt(months)));
}
