// The base part of an invoice: base price and seats of the subscription, in advance. A change that
// waits for the end of the base period takes effect with it.

import type { EpochMs } from '../../base/units.js';
import { baseLines } from '../../domain/invoicing/base-lines.js';
import type { LineDocument } from '../../domain/invoicing/document.js';
import type { Interval } from '../../domain/metering/calendar.js';
import type { PlanDocument } from '../../domain/plans/document.js';
import type { SubscriptionRecord } from '../../domain/subscriptions/document.js';
import { type Anchor, periodAt } from '../../domain/subscriptions/period.js';
import { anchorOfTenure } from '../../domain/subscriptions/terms.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { put } from '../change.js';
import { type Core, catalogueOf } from '../core.js';

export interface BaseBill {
  readonly lines: readonly LineDocument[];
  /** What it charges for; undefined where nothing is due. */
  readonly service: Interval | undefined;
  readonly changes: readonly Change[];
}

export const NO_BASE: BaseBill = { lines: [], service: undefined, changes: [] };

export function anchorOf(value: SubscriptionRecord): Anchor {
  const { anchor_ms, anchor_day, zone } = value;
  return anchorOfTenure({ anchor_ms, anchor_day, zone });
}

/** The base period of a subscription that holds `atMs`; the first one begins with it. */
export function basePeriodAt(value: SubscriptionRecord, atMs: EpochMs): Interval {
  const grid = periodAt(anchorOf(value), value.base_interval, atMs);
  const beginsMs = value.trial_end_ms ?? value.start_ms;
  return { startMs: Math.max(grid.startMs, beginsMs), endMs: grid.endMs };
}

/** The whole that a base period is, or is a part of. */
export function wholeBaseAt(value: SubscriptionRecord, atMs: EpochMs): Interval {
  const grid = periodAt(anchorOf(value), value.base_interval, atMs);
  const beginsMs = value.trial_end_ms ?? value.start_ms;
  const late = beginsMs > grid.startMs && beginsMs < grid.startMs + GRID_MS;
  return late ? { startMs: beginsMs, endMs: grid.endMs } : grid;
}

const GRID_MS = 15 * 60_000;

export function planOf(core: Core, value: SubscriptionRecord): PlanDocument {
  const catalogue = catalogueOf(core);
  const plan = catalogue.plan(value.plan, value.plan_version) ?? catalogue.defaultPlan;
  return plan.document;
}

/** When base price is due next; Infinity where it never is. */
export function nextBaseMs(value: SubscriptionRecord | undefined): EpochMs {
  if (value === undefined || hasEnded(value, value.base_billed_to_ms)) return Infinity;
  return value.base_billed_to_ms;
}

/**
 * Every base period that has begun by `atMs` and was not billed; and, where an invoice is made in
 * the place of a voided one, what that one had: it began then.
 */
export function billBase(
  core: Core,
  subscription: Stored<'subscription'> | undefined,
  atMs: EpochMs,
): BaseBill {
  if (subscription === undefined) return NO_BASE;
  let { value } = subscription;
  const lines: LineDocument[] = [];
  let service: Interval | undefined;
  const charge = (startMs: EpochMs, endMs: EpochMs) => {
    const { seats, zone } = value;
    const of = { startMs, endMs };
    const whole = wholeBaseAt(value, startMs);
    lines.push(...baseLines({ plan: planOf(core, value), seats, service: of, whole, zone }));
    service = { startMs: service?.startMs ?? startMs, endMs };
  };
  for (const each of value.base_voided.filter(({ start_ms }) => start_ms === atMs)) {
    charge(each.start_ms, each.end_ms);
    const base_voided = value.base_voided.filter((other) => other !== each);
    value = { ...value, base_voided };
  }
  while (value.base_billed_to_ms <= atMs && !hasEnded(value, value.base_billed_to_ms)) {
    value = withPending(value);
    const period = basePeriodAt(value, value.base_billed_to_ms);
    const endMs = endOf(value, period);
    charge(value.base_billed_to_ms, endMs);
    value = { ...value, base_billed_to_ms: endMs };
  }
  if (service === undefined) return NO_BASE;
  const { org_id, subscription_id } = value;
  return {
    lines,
    service,
    changes: [put('subscription', org_id, subscription_id, subscription, value)],
  };
}

function hasEnded({ cancel_at_ms, ended_ms }: SubscriptionRecord, atMs: EpochMs): boolean {
  const endMs = ended_ms ?? cancel_at_ms;
  return endMs !== null && endMs <= atMs;
}

/** A cancellation within a period is billed up to it. */
function endOf({ cancel_at_ms }: SubscriptionRecord, { endMs }: Interval): EpochMs {
  return cancel_at_ms === null ? endMs : Math.min(endMs, cancel_at_ms);
}

function withPending(value: SubscriptionRecord): SubscriptionRecord {
  const { pending } = value;
  if (pending === null || pending.at_ms > value.base_billed_to_ms) return value;
  const { plan, plan_version, seats } = pending;
  return { ...value, plan, plan_version, seats, pending: null };
}
