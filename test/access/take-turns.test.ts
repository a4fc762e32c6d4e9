import { expect, test } from 'vitest';
import { takeTurns } from '../../src/access/take-turns.js';

const pause = () => new Promise((done) => setImmediate(done));

test('no more than so much is under way, and the rest begins in order', async () => {
  const turns = takeTurns(2);
  const begun: number[] = [];
  let running = 0;
  let runningMax = 0;
  const work = (i: number) => async () => {
    begun.push(i);
    runningMax = Math.max(runningMax, ++running);
    for (let waits = 0; waits < i % 3; waits++) await pause();
    running--;
    return i;
  };
  const all = Array.from({ length: 20 }, (_, i) => i);
  expect(await Promise.all(all.map((i) => turns(work(i))))).toEqual(all);
  expect(begun).toEqual(all);
  expect([runningMax, running]).toEqual([2, 0]);
});

test('what fails gives its place to the next', async () => {
  const turns = takeTurns(1);
  const failing = () => Promise.reject(new Error('no'));
  const results = await Promise.allSettled([turns(failing), turns(failing), turns(async () => 7)]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  expect(await turns(async () => 8)).toBe(8);
});
