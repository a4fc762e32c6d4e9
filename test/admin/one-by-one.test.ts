import { expect, test } from 'vitest';
import { limits } from '../../src/limits.js';
import { getRevenue } from '../../src/operations/admin/revenue.js';
import { openOneByOne } from '../../src/operations/admin/steps.js';
import { openVerify } from '../../src/operations/admin/verify.js';
import type { Core } from '../../src/operations/core.js';
import { use } from '../support/billing.js';
import { start } from '../support/service.js';

test('work runs in order, one at a time, whatever becomes of the one before', async () => {
  const oneByOne = openOneByOne();
  const log: string[] = [];
  const work = (name: string, failure?: Error) => async () => {
    log.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    log.push(`${name} ends`);
    if (failure !== undefined) throw failure;
    return name;
  };
  const first = oneByOne(work('a', new Error('no')));
  const second = oneByOne(work('b'));
  await expect(first).rejects.toThrow('no');
  expect(await second).toBe('b');
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

test('no more than a few wait', async () => {
  const oneByOne = openOneByOne();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const all = Array.from({ length: limits.reportsWaiting }, () => oneByOne(() => held));
  await expect(oneByOne(() => held)).rejects.toMatchObject({
    status: 'UNAVAILABLE',
    reason: 'OVERLOADED',
  });
  release();
  await Promise.all(all);
  expect(await oneByOne(async () => 'again')).toBe('again');
});

/** A core whose clock moves on at each look, so that every slice is used up at once. */
function hurried(core: Core, draining: () => boolean): Core {
  let ms = 0;
  return { ...core, draining, clock: { wallMs: core.clock.wallMs, monotonicMs: () => ms++ } };
}

test('a report lets the event loop turn, and ends where the process stops', async () => {
  const running = await start();
  try {
    for (const orgId of ['a', 'b', 'c', 'd', 'e'])
      await use(running, { orgId, meter: 'executions' });
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    const verify = openVerify();
    const { reply } = await verify(
      hurried(running.core, () => false),
      { checks: [] },
    );
    clearInterval(counting);
    expect(reply.ok).toBe(true);
    expect(turns).toBeGreaterThan(0);
    const stopped = { status: 'UNAVAILABLE', reason: 'DRAINING' };
    const times = { startTime: undefined, endTime: undefined, currency: '' };
    const now = hurried(running.core, () => true);
    await expect(getRevenue(now, times)).rejects.toMatchObject(stopped);
    let asked = 0;
    const later = hurried(running.core, () => ++asked > 3);
    await expect(verify(later, { checks: [] })).rejects.toMatchObject(stopped);
    expect(asked).toBe(4);
  } finally {
    await running.stop();
  }
});
