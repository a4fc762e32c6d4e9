// Before the work and after it: checks, holds, and functions that are metered.

import { expect, test } from 'vitest';
import { type Hold, TollgateDenied } from '../../src/client/client.js';
import { openCutProxy } from '../support/cut-proxy.js';
import { ask } from '../support/requests.js';
import { sharedService } from '../support/shared-service.js';
import { openClient, totalOf, until } from './given.js';

/** The built-in catalogue: 100 run units a month for whoever has no plan. */
const { now, org } = sharedService();
const units = (quantity: string) => [{ meter: 'run_units', quantity }];
const heldBy = async (orgId: string) => {
  const { quotas } = await ask(now(), 'checkQuota', { orgId });
  return quotas.find(({ meter }) => meter === 'run_units')?.reserved;
};

test('a check says whether the items fit, and why not', async () => {
  const { tollgate } = openClient(now().address, { orgId: org() });
  expect(await tollgate.check(units('100'))).toMatchObject({
    allowed: true,
    reason: 'WITHIN_LIMIT',
    degraded: false,
    quotas: [{ quotaKey: 'run_units', limit: '100' }],
  });
  expect(await tollgate.check(units('101'))).toMatchObject({
    allowed: false,
    reason: 'HARD_LIMIT_EXCEEDED',
  });
  await tollgate.close();
});

test('a hold becomes what was really used; settled again it answers the same', async () => {
  const orgId = org();
  const { tollgate } = openClient(now().address, { orgId });
  const hold = await granted(tollgate.reserve(units('20'), { ttlMs: 30_000 }));
  expect(await heldBy(orgId)).toBe('20');
  const used = [{ meter: 'run_units', quantity: '13.2', dimensions: { tool: 'search' } }];
  const settled = await hold.settle(used);
  expect(settled).toMatchObject([
    { outcome: 'RECORDED', eventId: `rsv:${hold.reservationId}:0`, quantity: '13.2' },
  ]);
  expect(await heldBy(orgId)).toBe('0');
  expect(await hold.settle(used)).toEqual(settled);
  expect(await totalOf(now(), orgId, 'run_units')).toEqual({ quantity: '13.2', events: 1 });
  await tollgate.close();
});

test('a hold that is released gives everything back, and one can be made longer', async () => {
  const orgId = org();
  const { tollgate } = openClient(now().address, { orgId });
  const hold = await granted(tollgate.reserve(units('100'), { ttlMs: 5000 }));
  expect(await tollgate.reserve(units('1'))).toMatchObject({
    granted: false,
    reason: 'HARD_LIMIT_EXCEEDED',
  });
  const end = await hold.extend(60_000);
  expect(end?.getTime()).toBeGreaterThan((hold.expireTime?.getTime() ?? 0) + 50_000);
  await hold.release();
  await hold.release();
  expect(await heldBy(orgId)).toBe('0');
  await expect(hold.extend(60_000)).rejects.toMatchObject({ code: 'RESERVATION_ENDED' });
  await tollgate.close();
});

test('bad items reject with the fields at fault', async () => {
  const { tollgate } = openClient(now().address, { orgId: org() });
  await expect(tollgate.reserve([{ meter: 'Run Units' }])).rejects.toMatchObject({
    code: 'FIELD_INVALID',
    retriable: false,
    fields: [{ field: 'items[0].meter' }],
  });
  await expect(tollgate.reserve(units('1'), { ttlMs: 0.5 })).rejects.toThrow(TypeError);
  await tollgate.close();
});

test('a settlement whose answer was lost is made again, and counts once', async () => {
  const orgId = org();
  const proxy = await openCutProxy(now().address);
  const { tollgate } = openClient(proxy.address, { orgId });
  const hold = await granted(tollgate.reserve(units('5')));
  const settling = hold.settle(units('2'));
  proxy.cut();
  expect(await settling).toMatchObject([{ outcome: 'RECORDED', quantity: '2' }]);
  expect((await totalOf(now(), orgId, 'run_units')).quantity).toBe('2');
  await tollgate.close();
  await proxy.close();
});

test('a metered function keeps its arguments and result, and its latency is its usage', async () => {
  const orgId = org();
  const { tollgate } = openClient(now().address, { orgId });
  const search = tollgate.withMetering(
    'build_module',
    async (words: string, limit: number) => {
      expect(await heldBy(orgId)).toBe('20');
      return words.split(' ').slice(0, limit);
    },
    { expected: 20, dimensions: { tier: 'heavy' }, eventId: (words) => `step-${words.length}` },
  );
  const found: string[] = await search('a b c', 2);
  expect(found).toEqual(['a', 'b']);
  expect(await heldBy(orgId)).toBe('0');
  const { events } = await ask(now(), 'listUsageEvents', { orgId });
  expect(events).toMatchObject([{ eventId: 'step-5', meter: 'run_units' }]);
  const labels = Object.fromEntries(events[0]?.dimensions ?? []);
  expect(labels).toEqual({ tool: 'build_module', tier: 'heavy' });
  expect(events[0]?.run?.latencyMs).toBeGreaterThan(0);
  expect(events[0]?.run?.cpuSeconds).toBeUndefined();
  await tollgate.close();
});

test('a function that throws is not billed: its hold is released', async () => {
  const orgId = org();
  const { tollgate } = openClient(now().address, { orgId });
  const fails = tollgate.withMetering(
    'search',
    () => {
      throw new RangeError('no such page');
    },
    { expected: 20 },
  );
  await expect(fails()).rejects.toThrow(RangeError);
  expect(await heldBy(orgId)).toBe('0');
  expect((await totalOf(now(), orgId, 'run_units')).events).toBe(0);
  await tollgate.close();
});

test.each(['reserve', 'check'] as const)(
  'by %s, a function beyond the quota is not run',
  async (gate) => {
    const { tollgate } = openClient(now().address, { orgId: org() });
    let runs = 0;
    const run = tollgate.withMetering('search', () => ++runs, { gate, expected: 101 });
    const denied = await run().catch((error: unknown) => error);
    expect(denied).toBeInstanceOf(TollgateDenied);
    expect(denied).toMatchObject({
      code: 'QUOTA_EXCEEDED',
      decision: { quotas: [{ limit: '100' }] },
    });
    expect(runs).toBe(0);
    await tollgate.close();
  },
);

test('by check, what was measured is recorded afterwards, CPU time where asked for', async () => {
  const orgId = org();
  const { tollgate } = openClient(now().address, { orgId });
  const run = tollgate.withMetering('search', () => 7, { gate: 'check', measure: 'cpu' });
  expect(await run()).toBe(7);
  const { events } = await ask(now(), 'listUsageEvents', { orgId });
  expect(events).toMatchObject([{ run: { cpuSeconds: expect.any(Number) } }]);
  await tollgate.close();
});

test('fail open: work goes on without the sidecar, and its usage arrives later', async () => {
  const orgId = org();
  const proxy = await openCutProxy('127.0.0.1:1');
  const options = { orgId, deadlineMs: 30, onUnavailable: 'fail_open' } as const;
  const { tollgate, troubles } = openClient(proxy.address, options);
  const degraded = { degraded: true, reason: 'DEGRADED' };
  expect(await tollgate.check(units('1'))).toMatchObject({ allowed: true, ...degraded });
  const hold = await granted(tollgate.reserve(units('5')));
  expect(hold).toMatchObject(degraded);
  const settled = await hold.settle(units('2'), { deadlineMs: 20 });
  expect(settled).toMatchObject([{ outcome: 'BUFFERED', degraded: true }]);
  const run = tollgate.withMetering('search', () => 'done', { eventId: () => 'step-1' });
  expect(await run()).toBe('done');
  proxy.point(now().address);
  await tollgate.flush();
  const { events } = await ask(now(), 'listUsageEvents', { orgId });
  expect(events.map(({ eventId }) => eventId).sort()).toEqual([
    `rsv:${hold.reservationId}:0`,
    'step-1',
  ]);
  const calls = troubles.flatMap((trouble) => (trouble.kind === 'degraded' ? [trouble.call] : []));
  expect(calls).toEqual(['check', 'reserve', 'reserve']);
  await tollgate.close();
  await proxy.close();
});

test('fail closed: what a function returned is returned, though its usage has to wait', async () => {
  const orgId = org();
  const proxy = await openCutProxy(now().address);
  const { tollgate } = openClient(proxy.address, { orgId, deadlineMs: 500 });
  const run = tollgate.withMetering('search', () => {
    proxy.point('127.0.0.1:1');
    proxy.cut();
    return 'done';
  });
  expect(await run()).toBe('done');
  proxy.point(now().address);
  await tollgate.flush();
  await until(() => proxy.connections() > 2);
  expect((await totalOf(now(), orgId, 'run_units')).events).toBe(1);
  await tollgate.close();
  await proxy.close();
});

async function granted(reserving: Promise<{ readonly granted: boolean }>): Promise<Hold> {
  const reserved = await reserving;
  expect(reserved.granted).toBe(true);
  return reserved as Hold;
}
