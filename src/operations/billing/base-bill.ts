// The base part of an invoice: base price and seats of the subscription, in advance. A change that
// waits for the end of the base period takes effect with the next one.

import type { EpochMs } from '../../base/units.js';
import { baseLines } from '../../domain/invoicing/base-lines.js';
import type { LineDocument } from '../../domain/invoicing/document.js';
import type { Interval } from '../../domain/metering/calendar.js';
import type { Plan } from '../../domain/plans/catalogue.js';
import type { PlanDocument } from '../../domain/plans/document.js';
import type { SubscriptionRecord } from '../../domain/subscriptions/document.js';
import { type Anchor, periodAt } from '../../domain/subscriptions/period.js';
import { anchorOfTenure, tenureAt } from '../../domain/subscriptions/terms.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { put } from '../change.js';
import { type Core, catalogueOf } from '../core.js';
import { listAll } from '../paging.js';
import type { AccountState } from './account-state.js';

export interface BaseBill {
  readonly lines: readonly LineDocument[];
  readonly changes: readonly Change[];
}

export const NO_BASE: BaseBill = { lines: [], changes: [] };

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

export function soldPlanOf(core: Core, { plan, plan_version }: SubscriptionRecord): Plan {
  const catalogue = catalogueOf(core);
  return catalogue.plan(plan, plan_version) ?? catalogue.defaultPlan;
}

export function planOf(core: Core, value: SubscriptionRecord): PlanDocument {
  return soldPlanOf(core, value).document;
}

/** When base price is due next; Infinity where it never is. */
export function nextBaseMs(value: SubscriptionRecord | undefined): EpochMs {
  if (value === undefined || hasEnded(value, value.base_billed_to_ms)) return Infinity;
  return value.base_billed_to_ms;
}

/** What has begun and was not charged. */
export interface DueBase {
  /** As it is once that is charged. */
  readonly value: SubscriptionRecord;
  readonly lines: readonly LineDocument[];
}

/** Every base period that has begun by `atMs` and was not charged. */
export function dueBase(core: Core, before: SubscriptionRecord, atMs: EpochMs): DueBase {
  let value = before;
  const lines: LineDocument[] = [];
  while (value.base_billed_to_ms <= atMs && !hasEnded(value, value.base_billed_to_ms)) {
    const startMs = value.base_billed_to_ms;
    value = inNewPeriod(core, value);
    const endMs = endOf(value, basePeriodAt(value, startMs));
    const { seats, zone } = value;
    const service = { startMs, endMs };
    const whole = wholeBaseAt(value, startMs);
    const number = value.base_charges + 1;
    lines.push(...baseLines({ plan: planOf(core, value), seats, service, whole, zone, number }));
    value = { ...value, base_billed_to_ms: endMs, base_charges: number };
  }
  return { value, lines };
}

/**
 * What a change has to reckon with: what began before it is charged, and a change that waited has
 * taken effect. A period that begins with it is charged as it is after it.
 */
export function settledBase(core: Core, before: SubscriptionRecord, atMs: EpochMs): DueBase {
  const due = dueBase(core, before, atMs - 1);
  const { pending } = due.value;
  if (pending === null || pending.at_ms > atMs) return due;
  return { ...due, value: inNewPeriod(core, due.value) };
}

export function billBase(
  core: Core,
  subscription: Stored<'subscription'> | undefined,
  atMs: EpochMs,
): BaseBill {
  if (subscription === undefined) return NO_BASE;
  const { value, lines } = dueBase(core, subscription.value, atMs);
  if (value === subscription.value) return NO_BASE;
  const { org_id, subscription_id } = value;
  const changes = [put('subscription', org_id, subscription_id, subscription, value)];
  return { lines, changes };
}

/**
 * What a voided invoice had of base price, once more: whether its subscription lives or not. An
 * invoice of usage has that of its own subscription only, one of no time that of any.
 */
export async function billVoidedBase(
  core: Core,
  { orgId, terms }: Pick<AccountState, 'orgId' | 'terms'>,
  { startMs, endMs: dueMs }: Interval,
): Promise<{ readonly lines: readonly LineDocument[]; readonly changed: ChangedRecords }> {
  const lines: LineDocument[] = [];
  const changed = new Map<string, Stored<'subscription'>>();
  const ownId = tenureAt(terms, startMs).document.subscription_id;
  for (const stored of await listAll(core.ledger, { kind: 'subscription', orgId })) {
    if (startMs < dueMs && stored.id !== ownId) continue;
    const own = stored.value.base_voided.filter(({ due_ms }) => due_ms === dueMs);
    if (own.length === 0) continue;
    lines.push(...own.flatMap((each) => each.lines));
    const base_voided = stored.value.base_voided.filter(({ due_ms }) => due_ms !== dueMs);
    changed.set(stored.id, { ...stored, value: { ...stored.value, base_voided } });
  }
  return { lines, changed };
}

/** By id, each with the version that it replaces. */
export type ChangedRecords = ReadonlyMap<string, Stored<'subscription'>>;

function hasEnded({ cancel_at_ms, ended_ms }: SubscriptionRecord, atMs: EpochMs): boolean {
  const endMs = ended_ms ?? cancel_at_ms;
  return endMs !== null && endMs <= atMs;
}

/** A cancellation within a period is billed up to it. */
function endOf({ cancel_at_ms }: SubscriptionRecord, { endMs }: Interval): EpochMs {
  return cancel_at_ms === null ? endMs : Math.min(endMs, cancel_at_ms);
}

/**
 * At the start of a base period: a change that waited takes effect, and so do the intervals of the
 * plan. Another interval is counted from there.
 */
function inNewPeriod(core: Core, before: SubscriptionRecord): SubscriptionRecord {
  const { pending, base_billed_to_ms: atMs } = before;
  let value = before;
  if (pending !== null && pending.at_ms <= atMs) {
    const { plan, plan_version, seats } = pending;
    value = { ...value, plan, plan_version, seats, pending: null };
  }
  return inIntervals(value, planOf(core, value), atMs);
}

/** The record with the intervals of a plan from `atMs` on. */
export function inIntervals(
  value: SubscriptionRecord,
  { base_interval = 'MONTH', usage_interval = 'MONTH' }: PlanDocument,
  atMs: EpochMs,
): SubscriptionRecord {
  const isSame = base_interval === value.base_interval;
  const anchor_ms = isSame ? value.anchor_ms : atMs;
  return { ...value, base_interval, usage_interval, anchor_ms };
}
