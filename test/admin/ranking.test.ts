import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openRanking } from '../../src/operations/admin/ranking.js';

const byNumber = (a: { n: number }, b: { n: number }) => a.n - b.n;

test('page by page a ranking gives all of them in order, each once', () => {
  const numbers = fc.uniqueArray(fc.nat({ max: 300 }), { maxLength: 100 });
  fc.assert(
    fc.property(numbers, fc.integer({ min: 1, max: 20 }), (all, limit) => {
      const listed: number[] = [];
      for (let after: { n: number } | undefined; ; ) {
        const ranking = openRanking(limit, byNumber, after);
        for (const n of all) ranking.add({ n });
        const page = ranking.first();
        expect(page.length).toBeLessThanOrEqual(limit);
        listed.push(...page.map(({ n }) => n));
        if (!ranking.isMore()) break;
        after = page.at(-1);
      }
      expect(listed).toEqual(all.toSorted((a, b) => a - b));
    }),
  );
});

test('an item that comes again stands in the place of the first one', () => {
  const ranking = openRanking<{ n: number }, { n: number; text: string }>(5, byNumber, undefined);
  for (const text of ['first', 'second']) ranking.add({ n: 1, text });
  expect(ranking.first()).toEqual([{ n: 1, text: 'second' }]);
  expect(ranking.isMore()).toBe(false);
});
