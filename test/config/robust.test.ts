// Whatever a file says, it is refused with its problems or it compiles: nothing throws.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { compiled } from '../support/compiled.js';

const EXAMPLE = readFileSync(
  new URL('../../deploy/examples/catalogue.yaml', import.meta.url),
  'utf8',
);
/** Lines without comments, in words: what a slip of the hand may swap, drop or double. */
const WORDS = EXAMPLE.replace(/^ *#.*\n/gm, '').split(/(?<=[\s{}[\],:"])|(?=[\s{}[\],:"])/);
const SPLINTERS = ['', '0', '-1', '1e9', '0.5', 'x', '"', '{', '}', '[', ']', ':', '\n', '&a', '*a']
  .concat(['__proto__', 'null', 'UNIQUE', 'LAST', 'FIXED_FROM_FIRST_USE', '\u0000', '9'.repeat(80)])
  .concat(WORDS.filter((word) => /^\w+$/.test(word)));

const slip = fc.record({ at: fc.nat(WORDS.length - 1), word: fc.constantFrom(...SPLINTERS) });

test('a file with slips is refused, or it compiles', () => {
  fc.assert(
    fc.property(fc.array(slip, { minLength: 1, maxLength: 3 }), (slips) => {
      const words = [...WORDS];
      for (const { at, word } of slips) words[at] = word;
      expectRefusedOrSound(words.join(''));
    }),
    { numRuns: 300 },
  );
});

test('any text is refused, or it compiles', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.constant('a: &a [*a, *a]'));
  fc.assert(fc.property(text, expectRefusedOrSound), { numRuns: 300 });
});

function expectRefusedOrSound(yaml: string): void {
  const argv = ['--config', 'slips.yaml'];
  const loaded = loadConfig({ argv, env: {}, readFile: () => yaml });
  if ('problems' in loaded) expect(loaded.problems.length).toBeGreaterThan(0);
  else expect(() => compiled(loaded.config.catalogue)).not.toThrow();
}
