// Random histories of what an organisation is on, made by the functions that make them.

import fc from 'fast-check';
import type { BillingInterval } from '../../../src/domain/subscriptions/period.js';
import { tenuresFrom, withFallbackPlan } from '../../../src/domain/subscriptions/tenures.js';
import { type TenureDocument, unsubscribed } from '../../../src/domain/subscriptions/terms.js';
import { DAY_MS } from './given.js';

type Tenures = readonly TenureDocument[];

export interface Step {
  readonly what: 'subscribe' | 'change' | 'later' | 'end' | 'fallback';
  readonly atMs: number;
  readonly plan: string;
  readonly interval: BillingInterval;
  readonly zone: string;
  /** Days of trial; 0 for none. */
  readonly trialDays: number;
  readonly day: number;
}

const FROM = Date.parse('2026-10-01T00:00:00Z');

/** Times come together: on days, a second and a millisecond apart. */
const time = fc
  .tuple(fc.nat({ max: 400 }), fc.constantFrom(0, 0, 1, 1000, 437_000, 6 * 3_600_000))
  .map(([days, ms]) => FROM + days * DAY_MS + ms);

export const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('subscribe', 'change', 'change', 'later', 'end', 'fallback'),
  atMs: time,
  plan: fc.constantFrom('a', 'b', 'c'),
  interval: fc.constantFrom('MONTH', 'QUARTER', 'YEAR'),
  zone: fc.constantFrom('UTC', 'America/New_York', 'Asia/Kathmandu'),
  trialDays: fc.constantFrom(0, 0, 7, 30),
  day: fc.constantFrom(1, 15, 29, 30, 31),
});

export function subscribed(
  id: string,
  plan: string,
  fromMs: number,
  given: Partial<TenureDocument> = {},
): TenureDocument {
  return {
    ...unsubscribed(plan, fromMs),
    subscription_id: id,
    plan_version: 1,
    anchor_ms: fromMs,
    anchor_day: new Date(fromMs).getUTCDate(),
    ...given,
  };
}

export function changed(before: Tenures, each: Step): Tenures {
  const { what, atMs, plan, interval, zone, trialDays, day } = each;
  const last = before.findLast(({ from_ms }) => from_ms <= atMs) as TenureDocument;
  if (what === 'end') return tenuresFrom(before, atMs, [unsubscribed('', atMs)]);
  if (what === 'fallback') return withFallbackPlan(before, atMs, plan);
  if (what === 'subscribe' || last.subscription_id === '') {
    const startMs = atMs + trialDays * DAY_MS;
    const own = subscribed(`s${atMs}`, plan, atMs, {
      anchor_ms: startMs,
      anchor_day: day,
      zone,
      interval,
    });
    const trial = trialDays > 0 ? [{ ...own, trial: true }] : [];
    return tenuresFrom(before, atMs, [...trial, { ...own, from_ms: startMs }]);
  }
  const next = { ...last, plan, interval, from_ms: atMs, trial: false };
  if (what === 'change') return tenuresFrom(before, atMs, [next]);
  return tenuresFrom(before, atMs, [next, { ...next, plan: 'later', from_ms: atMs + 30 * DAY_MS }]);
}

export function tenuresAfter(steps: readonly Step[]): Tenures {
  return steps.reduce(changed, [unsubscribed('')]);
}
