import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hash32, hashWords } from '../../src/base/hash.js';

const anyText = fc.string({ unit: 'grapheme' });

test('the words of "abc" are the beginning of its SHA-256 in FIPS 180-4', () => {
  expect([...hashWords('abc')]).toEqual([0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223]);
});

test('the words of any text are unsigned and those of its UTF-8 bytes', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const bytes = createHash('sha256').update(text, 'utf8').digest();
      expect([...hashWords(text)]).toEqual([0, 4, 8, 12].map((at) => bytes.readUInt32BE(at)));
    }),
  );
});

// FNV-1a values of the test vectors in its RFC; the mix is laid over them here.
test.each([
  ['', 0x811c9dc5n],
  ['a', 0xe40c292cn],
  ['foobar', 0xbf9cf968n],
])('the 32 bits of "%s" are its FNV-1a, mixed', (text, fnv) => {
  expect(hash32(text)).toBe(mixed(fnv));
});

test('the 32 bits of any text are unsigned and agree with arithmetic on big integers', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      let fnv = 0x811c9dc5n;
      for (let i = 0; i < text.length; i++) {
        fnv = ((fnv ^ BigInt(text.charCodeAt(i))) * 0x01000193n) % 2n ** 32n;
      }
      expect(hash32(text)).toBe(mixed(fnv));
    }),
  );
});

function mixed(fnv: bigint): number {
  const once = ((fnv ^ (fnv / 2n ** 16n)) * 0x85ebca6bn) % 2n ** 32n;
  const twice = ((once ^ (once / 2n ** 13n)) * 0xc2b2ae35n) % 2n ** 32n;
  return Number(twice ^ (twice / 2n ** 16n));
}
