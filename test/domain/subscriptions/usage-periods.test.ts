import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tenuresFrom } from '../../../src/domain/subscriptions/tenures.js';
import {
  subscriptionWindowAt,
  type TenureDocument,
  tenureAt,
  unsubscribed,
  usagePeriodAt,
} from '../../../src/domain/subscriptions/terms.js';
import { utc } from '../given.js';
import { DAY_MS, QUARTER_HOUR_MS, shown, tilingFaults } from './given.js';
import { step, subscribed, tenuresAfter } from './histories.js';

const NONE: readonly TenureDocument[] = [unsubscribed('')];

/** "2026-11-01T00:00/2026-11-10T00:00 pro trial of 2026-…/2026-…", the whole where it is another. */
function at(tenures: readonly TenureDocument[], text: string): string {
  const period = usagePeriodAt({ tenures }, utc(text));
  const { plan, trial } = period.tenure;
  const whole = shown(period.whole) === shown(period) ? [] : ['of', shown(period.whole)];
  return [shown(period), plan, ...(trial ? ['trial'] : []), ...whole]
    .filter((word) => word !== '')
    .join(' ');
}

/** Where something changes, and a little before and after it. */
function timesAround(tenures: readonly TenureDocument[]): readonly number[] {
  const bounds = tenures.slice(1).flatMap(({ from_ms }) => [from_ms - 1, from_ms, from_ms + 1]);
  return [
    0,
    utc('2026-10-01'),
    utc('2027-03-01'),
    ...bounds,
    ...bounds.map((ms) => ms + 20 * DAY_MS),
  ];
}

describe('a usage period', () => {
  test('is the calendar month without a subscription', () => {
    expect(at(NONE, '2026-11-20T12:00:00Z')).toBe('2026-11-01T00:00/2026-12-01T00:00');
    expect(at(NONE, '2024-02-29T23:59:59.999Z')).toBe('2024-02-01T00:00/2024-03-01T00:00');
    expect(at(NONE, '1970-01-01T00:00:00Z')).toBe('1970-01-01T00:00/1970-02-01T00:00');
  });

  test('is cut where a subscription begins, on the quarter of an hour before it whole', () => {
    const start = utc('2026-11-10T10:07:00Z');
    const own = subscribed('s1', 'pro', start, { anchor_ms: utc('2026-11-10T10:00:00Z') });
    const tenures = tenuresFrom(NONE, start, [own]);
    expect(at(tenures, '2026-11-10T10:06:59.999Z')).toBe(
      '2026-11-01T00:00/2026-11-10T10:07 of 2026-11-01T00:00/2026-12-01T00:00',
    );
    expect(at(tenures, '2026-11-10T10:07:00Z')).toBe('2026-11-10T10:07/2026-12-10T10:00 pro');
    expect(at(tenures, '2026-12-10T10:00:00Z')).toBe('2026-12-10T10:00/2027-01-10T10:00 pro');
  });

  test('in a trial ends with it, and the first paid one is whole', () => {
    const [start, end] = [utc('2026-11-03T09:00:00Z'), utc('2026-11-17T09:00:00Z')];
    const own = { anchor_ms: end, anchor_day: 17 };
    const tenures = tenuresFrom(NONE, start, [
      subscribed('s1', 'pro', start, { ...own, trial: true }),
      subscribed('s1', 'pro', end, own),
    ]);
    expect(at(tenures, '2026-11-17T08:59:59.999Z')).toBe(
      '2026-11-03T09:00/2026-11-17T09:00 pro trial of 2026-10-17T09:00/2026-11-17T09:00',
    );
    expect(at(tenures, '2026-11-17T09:00:00Z')).toBe('2026-11-17T09:00/2026-12-17T09:00 pro');
  });

  test('is cut by each change of plan, down to a millisecond', () => {
    const start = utc('2026-11-01');
    const anchor = { anchor_ms: start, anchor_day: 1 };
    const own = (plan: string, fromMs: number) => subscribed('s1', plan, fromMs, anchor);
    const first = tenuresFrom(NONE, start, [own('a', start)]);
    const tenth = utc('2026-11-10');
    const cut = tenuresFrom(tenuresFrom(first, tenth, [own('b', tenth)]), tenth + 1, [
      own('a', tenth + 1),
    ]);
    const lengths = [tenth - 1, tenth, tenth + 1].map((ms) => {
      const { startMs, endMs, tenure } = usagePeriodAt({ tenures: cut }, ms);
      return [tenure.plan, endMs - startMs];
    });
    expect(lengths).toEqual([
      ['a', 9 * DAY_MS],
      ['b', 1],
      ['a', 21 * DAY_MS - 1],
    ]);
    // The window of quotas is not cut.
    const window = shown(subscriptionWindowAt({ tenures: cut }, tenth));
    expect(window).toBe('2026-11-01T00:00/2026-12-01T00:00');
  });

  test('at the exact bound of a period is not cut to nothing', () => {
    const start = utc('2026-11-01');
    const anchor = { anchor_ms: start, anchor_day: 1 };
    const first = tenuresFrom(NONE, start, [subscribed('s1', 'a', start, anchor)]);
    const december = utc('2026-12-01');
    const tenures = tenuresFrom(first, december, [subscribed('s1', 'b', december, anchor)]);
    expect(at(tenures, '2026-11-30T23:59:59.999Z')).toBe('2026-11-01T00:00/2026-12-01T00:00 a');
    expect(at(tenures, '2026-12-01T00:00:00Z')).toBe('2026-12-01T00:00/2027-01-01T00:00 b');
  });

  test('holds its time before 1970 too', () => {
    const { startMs, endMs } = usagePeriodAt({ tenures: NONE }, utc('1969-11-20'));
    expect([startMs, endMs]).toEqual([utc('1969-11-01'), utc('1969-12-01')]);
  });
});

describe('usage periods, whatever the tenures', () => {
  const tenures = fc.array(step, { maxLength: 8 }).map(tenuresAfter);

  test('hold every instant once: they tile time, each within one tenure and its whole', () => {
    fc.assert(
      fc.property(tenures, (own) => {
        for (const atMs of timesAround(own)) {
          const period = usagePeriodAt({ tenures: own }, atMs);
          const faults = tilingFaults(
            (ms) => usagePeriodAt({ tenures: own }, Math.max(0, ms)),
            atMs,
          );
          const known = period.startMs === 0 ? ['does not meet the one before'] : [];
          expect(faults.filter((fault) => !known.includes(fault))).toEqual([]);
          const tenure = tenureAt({ tenures: own }, atMs);
          expect(period.startMs).toBeGreaterThanOrEqual(tenure.startMs);
          expect(period.endMs).toBeLessThanOrEqual(tenure.endMs);
          expect(period.whole.startMs).toBeLessThanOrEqual(period.startMs);
          expect(period.whole.endMs).toBeGreaterThanOrEqual(period.endMs);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('lie within one window of quotas each', () => {
    fc.assert(
      fc.property(tenures, (own) => {
        for (const atMs of timesAround(own)) {
          const { startMs, endMs } = subscriptionWindowAt({ tenures: own }, atMs);
          expect(startMs <= atMs && atMs < endMs).toBe(true);
          const period = usagePeriodAt({ tenures: own }, atMs);
          expect(period.startMs).toBeGreaterThanOrEqual(startMs);
          expect(period.endMs).toBeLessThanOrEqual(endMs);
          expect(subscriptionWindowAt({ tenures: own }, startMs)).toEqual({ startMs, endMs });
          expect(subscriptionWindowAt({ tenures: own }, endMs - 1)).toEqual({ startMs, endMs });
        }
      }),
      { numRuns: 60 },
    );
  });

  test('are a part of their whole only where a tenure begins or ends inside it', () => {
    fc.assert(
      fc.property(tenures, (own) => {
        for (const atMs of timesAround(own)) {
          const { startMs, endMs, whole } = usagePeriodAt({ tenures: own }, atMs);
          const bounds = own.map(({ from_ms }) => from_ms);
          if (startMs !== whole.startMs) expect(bounds).toContain(startMs);
          if (endMs !== whole.endMs) expect(bounds).toContain(endMs);
          // A start within a quarter of an hour is no part.
          if (startMs !== whole.startMs && endMs === whole.endMs) {
            const first = own.find(({ from_ms }) => from_ms === startMs);
            const before = own[own.indexOf(first as TenureDocument) - 1];
            const isNew = before?.subscription_id !== first?.subscription_id;
            const late = startMs - whole.startMs;
            if (isNew && first?.subscription_id !== '')
              expect(late).toBeGreaterThanOrEqual(QUARTER_HOUR_MS);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
