import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, maxQuanta, QUANTA_MAX } from '../../src/base/units.js';
import { limits } from '../../src/limits.js';

describe('the bounds', () => {
  test.each<[bound: keyof typeof limits, value: number]>([
    ['eventPastMs', 35 * 24 * 60 * 60 * 1000],
    ['eventFutureMs', 5 * 60 * 1000],
    ['idRetentionMs', 62 * 24 * 60 * 60 * 1000],
    ['reservationTtlMs', 24 * 60 * 60 * 1000],
    ['labelSetsPerMonth', 10_000],
    ['quantityScale', 9],
    ['priceScale', 14],
    ['batchEvents', 1000],
    ['pageMax', 1000],
  ])('%s is what the rules say: %i', (bound, value) => {
    expect(limits[bound]).toBe(value);
  });

  test('ids are kept longer than the late bound by a day at least', () => {
    expect(limits.idRetentionMs - limits.eventPastMs).toBeGreaterThanOrEqual(DAY_MS);
  });

  test('every bound is a positive number', () => {
    expect(Object.entries(limits).filter(([, value]) => !(value > 0))).toEqual([]);
  });
});

describe('the units', () => {
  test('one event is at most 2^63 − 1 quanta', () => {
    expect(QUANTA_MAX).toBe(2n ** 63n - 1n);
  });

  test('a day is 24 hours of 60 minutes', () => {
    expect([DAY_MS, HOUR_MS, MINUTE_MS]).toEqual([86_400_000, 3_600_000, 60_000]);
  });

  test.each([
    [1n, 2n, 2n],
    [2n, 1n, 2n],
    [-2n, -1n, -1n],
    [3n, 3n, 3n],
  ])('the greater of %s and %s is %s', (a, b, greater) => {
    expect(maxQuanta(a, b)).toBe(greater);
  });

  test('the machine tells epoch milliseconds, and its monotonic time never goes back', () => {
    const monotonic = [systemClock.monotonicMs(), systemClock.monotonicMs()] as const;
    expect(monotonic[1]).toBeGreaterThanOrEqual(monotonic[0]);
    expect(systemClock.wallMs()).toBeGreaterThan(Date.parse('2024-01-01T00:00:00Z'));
  });
});
