// Changing what an organisation is on: what was before stays as it was.

import type { EpochMs } from '../../base/units.js';
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

/** Neighbours that are alike are one. */
function joined(tenures: Tenures): Tenures {
  return tenures.filter((each, i) => i === 0 || !isAlike(each, tenures[i - 1] as TenureDocument));
}

function isAlike(a: TenureDocument, b: TenureDocument): boolean {
  return JSON.stringify({ ...a, from_ms: 0 }) === JSON.stringify({ ...b, from_ms: 0 });
}
