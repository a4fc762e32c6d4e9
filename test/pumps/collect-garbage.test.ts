// When an idle process is collected, and that it is.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { limits } from '../../src/limits.js';
import { collectGarbageTurn, processMemory } from '../../src/pumps/collect-garbage.js';

const MIB = 1024 * 1024;
const IDLE = limits.idleUtilization / 2;
const BUSY = limits.idleUtilization * 2;

/** A process of which the test says how busy it is and what it uses. */
function openTold() {
  const told = { utilization: IDLE, usedBytes: 100 * MIB, collected: 0 };
  const turn = collectGarbageTurn({
    utilization: () => told.utilization,
    usedBytes: () => told.usedBytes,
    collect() {
      told.collected++;
      told.usedBytes = 100 * MIB;
    },
  });
  const turns = (count: number) => {
    for (let i = 0; i < count; i++) turn();
  };
  return { told, turns };
}

describe('an idle process', () => {
  test('is collected once after a busy time, when it was idle for some turns', () => {
    const { told, turns } = openTold();
    told.utilization = BUSY;
    told.usedBytes += 2 * limits.garbageBytes;
    turns(10);
    told.utilization = IDLE;
    turns(limits.idleTurns - 1);
    expect(told.collected).toBe(0);
    turns(1);
    expect(told.collected).toBe(1);
    turns(10);
    expect(told.collected).toBe(1);
  });

  test('is left alone where little has come since the last collection', () => {
    const { told, turns } = openTold();
    told.usedBytes += limits.garbageBytes - 1;
    turns(10);
    expect(told.collected).toBe(0);
  });
});

test('a process that works now and then is not collected', () => {
  const { told, turns } = openTold();
  told.usedBytes += 2 * limits.garbageBytes;
  for (let i = 0; i < 5; i++) {
    told.utilization = IDLE;
    turns(limits.idleTurns - 1);
    told.utilization = BUSY;
    turns(1);
  }
  expect(told.collected).toBe(0);
});

test('garbage of this very process is collected', async () => {
  const { usedBytes, collect } = processMemory();
  const garbage = new WeakRef({});
  // What a WeakRef was made for lives until the turn ends.
  await nextTurn();
  expect(usedBytes()).toBeGreaterThan(MIB);
  collect();
  expect(garbage.deref()).toBeUndefined();
});
