// The calls of one turn: decided in order, handed to the disk once, then answered in order.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openTurn, type Turn } from '../../src/grpc/turn.js';
import { limits } from '../../src/limits.js';

/** `entriesPerCall`: what a decision appends. */
function openTold(entriesPerCall = 0): { readonly turn: Turn; readonly told: string[] } {
  const told: string[] = [];
  const lastSequence = () =>
    told.filter((line) => line.startsWith('decide')).length * entriesPerCall;
  return { told, turn: openTurn({ lastSequence, submit: () => told.push('submit') }) };
}

function add({ turn, told }: ReturnType<typeof openTold>, name: string): void {
  turn.add({
    decide: () => told.push(`decide ${name}`),
    answer: () => told.push(`answer ${name}`),
  });
}

test('all are decided before any is answered, in the order in which they came', async () => {
  const one = openTold();
  for (const name of ['a', 'b', 'c']) add(one, name);
  expect(one.told).toEqual([]);
  await nextTurn();
  const decided = ['decide a', 'decide b', 'decide c'];
  expect(one.told).toEqual([...decided, 'submit', 'answer a', 'answer b', 'answer c']);
  add(one, 'd');
  await nextTurn();
  expect(one.told.slice(7)).toEqual(['decide d', 'submit', 'answer d']);
});

test('what comes while a turn is decided is in the next one', async () => {
  const one = openTold();
  one.turn.add({ decide: () => add(one, 'later'), answer: () => one.told.push('answer first') });
  await nextTurn();
  expect(one.told).toEqual(['submit', 'answer first']);
  await nextTurn();
  expect(one.told.slice(2)).toEqual(['decide later', 'submit', 'answer later']);
});

test('a turn has a bound, and what is beyond it comes in the next ones, in order', async () => {
  const one = openTold();
  const count = 2 * limits.turnCalls + 1;
  for (let i = 0; i < count; i++) add(one, `${i}`);
  await nextTurn();
  add(one, 'new');
  for (let i = 0; i < 3; i++) await nextTurn();
  const decided = one.told.filter((line) => line.startsWith('decide'));
  expect(decided).toEqual([...Array(count).keys(), 'new'].map((name) => `decide ${name}`));
  expect(one.told.filter((line) => line === 'submit')).toHaveLength(3);
  expect(one.told.indexOf('submit')).toBe(limits.turnCalls);
});

test('a turn ends where it has appended much, so that the disk works while the rest is decided', async () => {
  const one = openTold(limits.turnEntries / 2);
  for (const name of ['a', 'b', 'c']) add(one, name);
  await nextTurn();
  expect(one.told).toEqual(['decide a', 'decide b', 'submit', 'answer a', 'answer b']);
  await nextTurn();
  expect(one.told.slice(5)).toEqual(['decide c', 'submit', 'answer c']);
});

test('what comes while a full turn is decided goes behind what is left of it', async () => {
  const one = openTold(limits.turnEntries);
  one.turn.add({
    decide: () => {
      one.told.push('decide a');
      add(one, 'later');
    },
    answer: () => one.told.push('answer a'),
  });
  add(one, 'b');
  for (let i = 0; i < 3; i++) await nextTurn();
  const decided = one.told.filter((line) => line.startsWith('decide'));
  expect(decided).toEqual(['decide a', 'decide b', 'decide later']);
});
