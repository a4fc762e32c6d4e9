import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openIdSource, uuidOf } from '../../src/base/ids.js';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const timeMs = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const random = fc.stringMatching(/^[0-9a-f]{20}$/);

describe('an id', () => {
  test('the example of RFC 9562, appendix A.6, comes out of its time and randomness', () => {
    const id = uuidOf(0x017f22e279b0, 'cc318c4dc0c0c07398f0');
    expect(id).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });

  test('any time and randomness give a UUID of version 7 and variant 10', () => {
    fc.assert(fc.property(timeMs, random, (at, random) => UUID_V7.test(uuidOf(at, random))));
  });

  test('the first 48 bits are the time', () => {
    fc.assert(
      fc.property(timeMs, random, (at, random) => {
        expect(Number.parseInt(uuidOf(at, random).slice(0, 13).replace('-', ''), 16)).toBe(at);
      }),
    );
  });

  test('a part of a millisecond does not show', () => {
    expect(uuidOf(1000.75, '0'.repeat(20))).toBe(uuidOf(1000, '0'.repeat(20)));
  });

  test('the text of a later millisecond sorts after, whatever the randomness', () => {
    fc.assert(
      fc.property(timeMs, timeMs, random, random, (a, b, randomA, randomB) => {
        fc.pre(a < b);
        expect(uuidOf(a, randomA) < uuidOf(b, randomB)).toBe(true);
      }),
    );
  });

  test('ids of one millisecond differ, also past the end of the pool of randomness', () => {
    const ids = openIdSource();
    const made = Array.from({ length: 2000 }, () => ids.uuid(1_790_000_000_000));
    expect(new Set(made).size).toBe(made.length);
    expect(made.filter((id) => !UUID_V7.test(id))).toEqual([]);
  });
});
