// Percentages against arithmetic on decimal text done another way: by long division.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changePercent, percentText, usedHundredths } from '../../src/operations/admin/percent.js';

describe('the change against the window before', () => {
  test.each<[now: bigint, before: bigint, percent: string | undefined]>([
    [7n, 8n, '-12.50'],
    [4n, 3n, '33.33'],
    [5n, 3n, '66.67'],
    [801n, 800n, '0.13'],
    [799n, 800n, '-0.13'],
    [8n, 8n, '0.00'],
    [0n, 8n, '-100.00'],
    [8n, 0n, undefined],
    [0n, 0n, undefined],
    [10n ** 30n, 1n, '99999999999999999999999999999900.00'],
    [10n ** 30n + 1n, 10n ** 30n, '0.00'],
  ])('from %s to %s', (now, before, percent) => {
    expect(changePercent(now, before)).toBe(percent);
  });

  test('is the nearest hundredth of a percent, ties away from zero', () => {
    const quanta = fc.bigInt({ min: 0n, max: 10n ** 24n });
    fc.assert(
      fc.property(quanta, quanta, (now, before) => {
        fc.pre(before > 0n);
        const hundredths = BigInt((changePercent(now, before) ?? '').replace('.', ''));
        // Twice the error is at most one whole; where it is one, the text is the farther from 0.
        const twice = 2n * (hundredths * before - (now - before) * 10_000n);
        const size = twice < 0n ? -twice : twice;
        expect(size <= before).toBe(true);
        if (size === before) expect(twice > 0n).toBe(hundredths > 0n);
      }),
    );
  });
});

describe('the used part of a limit', () => {
  test.each<[used: bigint, limit: bigint, percent: string]>([
    [2n, 3n, '66.66'],
    [1n, 3n, '33.33'],
    [3n, 3n, '100.00'],
    [4n, 3n, '133.33'],
    [0n, 3n, '0.00'],
    [0n, 0n, '100.00'],
    [9n, 0n, '100.00'],
    [99_999n, 100_000n, '99.99'],
  ])('%s of %s', (used, limit, percent) => {
    expect(percentText(usedHundredths(used, limit))).toBe(percent);
  });
});
