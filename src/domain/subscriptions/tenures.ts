// Changing what an organisation is on: what was before stays as it was.

import type { EpochMs } from '../../base/units.js';
import type { Interval } from '../metering/calendar.js';
import { type TenureDocument, unsubscribed } from './terms.js';

type Tenures = readonly TenureDocument[];

/** From `atMs` on it is `next`, whatever was planned. */
export function tenuresFrom(before: Tenures, atMs: EpochMs, next: Tenures): Tenures {
  const kept = before.filter(({ from_ms }) => from_ms < atMs);
  return joined([...kept, ...next]);
}

/** The plan without a subscription is another one from `atMs` on. */
export function withFallbackPlan(before: Tenures, atMs: EpochMs, plan: string): Tenures {
  const last = before.findLast(({ from_ms }) => from_ms <= atMs) as TenureDocument;
  const after = before.filter(({ from_ms }) => from_ms > atMs);
  const changed = after.map((each) => (each.subscription_id === '' ? { ...each, plan } : each));
  if (last.subscription_id !== '') return tenuresFrom(before, atMs + 1, changed);
  return tenuresFrom(before, atMs, [unsubscribed(plan, atMs), ...changed]);
}

/** The same, but that `period`, which lies in one tenure, stays a usage period of its own. */
export function withKept(before: Tenures, period: Interval, whole: Interval): Tenures {
  const { startMs, endMs } = period;
  const held = before.findLast(({ from_ms }) => from_ms <= startMs) as TenureDocument;
  const { kept: _, ...free } = held;
  const kept = { start_ms: whole.startMs, end_ms: whole.endMs };
  const later = before.filter(({ from_ms }) => from_ms >= endMs);
  const isFollowed = later[0]?.from_ms === endMs;
  return [
    ...before.filter(({ from_ms }) => from_ms < startMs),
    { ...free, from_ms: startMs, kept },
    ...(isFollowed ? [] : [{ ...free, from_ms: endMs }]),
    ...later,
  ];
}

/** Neighbours that are alike are one. */
function joined(tenures: Tenures): Tenures {
  return tenures.filter((each, i) => i === 0 || !isAlike(each, tenures[i - 1] as TenureDocument));
}

function isAlike(a: TenureDocument, b: TenureDocument): boolean {
  return JSON.stringify({ ...a, from_ms: 0 }) === JSON.stringify({ ...b, from_ms: 0 });
}
