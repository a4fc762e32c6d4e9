// What an organisation is on, and when: its tenures, one after the other, each on one plan. Usage
// is billed by the tenure that its event time lies in; the rules of now are those of the tenure of
// now. A change that is known ahead (end of a trial, a downgrade at period end, a cancellation) is
// a tenure that begins later, so it takes effect on time without anybody doing anything.

import type { EpochMs } from '../../base/units.js';
import type { Interval } from '../metering/calendar.js';
import type { OverrideDocument } from '../plans/document.js';
import { type Anchor, type BillingInterval, CALENDAR, periodAt } from './period.js';

export interface TenureDocument {
  /** It lasts until the next one begins. */
  readonly from_ms: EpochMs;
  /** '' without a subscription. */
  readonly subscription_id: string;
  /** '' for the default plan. */
  readonly plan: string;
  /** 0: always the latest. */
  readonly plan_version: number;
  /** Usage costs nothing. */
  readonly trial: boolean;
  readonly anchor_ms: EpochMs;
  readonly anchor_day: number;
  readonly zone: string;
  /** Of the usage periods. */
  readonly interval: BillingInterval;
  /**
   * It is one usage period, which was invoiced as such, whatever the rules of its zone say by now:
   * the whole that it is, or is a part of.
   */
  readonly kept?: { readonly start_ms: EpochMs; readonly end_ms: EpochMs };
}

/** The hot path's copy of what holds for an organisation; written with every change of it. */
export interface TermsDocument {
  /** Of calendar windows. */
  readonly zone: string;
  readonly suspended: boolean;
  /** Ascending; at least one, the first from 0 on. */
  readonly tenures: readonly TenureDocument[];
  readonly overrides: readonly OverrideDocument[];
}

/** From the beginning of time, on `plan`, by UTC month. */
export function unsubscribed(plan: string, fromMs: EpochMs = 0): TenureDocument {
  return {
    from_ms: fromMs,
    subscription_id: '',
    plan,
    plan_version: 0,
    trial: false,
    anchor_ms: CALENDAR.atMs,
    anchor_day: CALENDAR.day,
    zone: CALENDAR.zone,
    interval: 'MONTH',
  };
}

export const NO_TERMS: TermsDocument = {
  zone: CALENDAR.zone,
  suspended: false,
  tenures: [unsubscribed('')],
  overrides: [],
};

export interface Tenure {
  readonly document: TenureDocument;
  /** -Infinity for the first one. */
  readonly startMs: EpochMs;
  /** Infinity for the last one. */
  readonly endMs: EpochMs;
}

export function tenureAt({ tenures }: Pick<TermsDocument, 'tenures'>, atMs: EpochMs): Tenure {
  let place = tenures.length - 1;
  while (place > 0 && (tenures[place] as TenureDocument).from_ms > atMs) place--;
  const document = tenures[place] as TenureDocument;
  const endMs = tenures[place + 1]?.from_ms ?? Number.POSITIVE_INFINITY;
  const startMs = place === 0 ? Number.NEGATIVE_INFINITY : document.from_ms;
  return { document, startMs, endMs };
}

/** A stretch of usage that is rated together: tiers and included quantities start at its start. */
export interface UsagePeriod extends Interval {
  readonly tenure: TenureDocument;
  /** The interval of the anchor that it is, or is a part of. */
  readonly whole: Interval;
}

/** The usage period that holds `atMs`: the part of an anchored period that lies in one tenure. */
export function usagePeriodAt(terms: Pick<TermsDocument, 'tenures'>, atMs: EpochMs): UsagePeriod {
  const tenure = tenureAt(terms, atMs);
  const { document } = tenure;
  if (document.kept !== undefined) {
    const whole = { startMs: document.kept.start_ms, endMs: document.kept.end_ms };
    return { startMs: document.from_ms, endMs: tenure.endMs, tenure: document, whole };
  }
  const grid = periodAt(anchorOfTenure(document), document.interval, atMs);
  const startMs = Math.max(grid.startMs, tenure.startMs);
  const endMs = Math.min(grid.endMs, tenure.endMs);
  return { startMs, endMs, tenure: document, whole: wholeOf(terms, tenure, grid) };
}

/**
 * A subscription that starts within a quarter of an hour begins its first period late by so much;
 * that period is whole all the same.
 */
function wholeOf(
  { tenures }: Pick<TermsDocument, 'tenures'>,
  { document }: Tenure,
  grid: Interval,
): Interval {
  const first = tenures.find((each) => isSameGrid(each, document)) ?? document;
  const late = first.from_ms > grid.startMs && first.from_ms < grid.startMs + GRID_MS;
  return late ? { startMs: first.from_ms, endMs: grid.endMs } : grid;
}

/** The window of rules per subscription period: a change of plan within it does not cut it. */
export function subscriptionWindowAt(
  terms: Pick<TermsDocument, 'tenures'>,
  atMs: EpochMs,
): Interval {
  const { document } = tenureAt(terms, atMs);
  const grid = periodAt(anchorOfTenure(document), document.interval, atMs);
  const place = terms.tenures.indexOf(document);
  let startMs = grid.startMs;
  let endMs = grid.endMs;
  for (let i = place; i >= 0; i--) {
    const each = terms.tenures[i] as TenureDocument;
    if (!isSameGrid(each, document)) break;
    if (each.from_ms <= grid.startMs) {
      startMs = grid.startMs;
      break;
    }
    startMs = each.from_ms;
  }
  for (let i = place + 1; i < terms.tenures.length; i++) {
    const each = terms.tenures[i] as TenureDocument;
    if (each.from_ms >= grid.endMs) break;
    if (isSameGrid(each, document)) continue;
    endMs = each.from_ms;
    break;
  }
  return { startMs, endMs };
}

const GRID_MS = 15 * 60_000;

function isSameGrid(a: TenureDocument, b: TenureDocument): boolean {
  return (
    a.subscription_id === b.subscription_id &&
    a.anchor_ms === b.anchor_ms &&
    a.anchor_day === b.anchor_day &&
    a.zone === b.zone &&
    a.interval === b.interval
  );
}

export function anchorOfTenure({
  anchor_ms,
  anchor_day,
  zone,
}: Pick<TenureDocument, 'anchor_ms' | 'anchor_day' | 'zone'>): Anchor {
  return { atMs: anchor_ms, day: anchor_day, zone };
}
