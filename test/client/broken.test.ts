// What a client goes through: servers that are killed, drained, slow, silent, and connections that
// are cut. Nothing that was answered is lost, and nothing counts twice.

import { rmSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Recorded, Tollgate } from '../../src/client/client.js';
import { failure, openMeteringServer } from '../replay/metering-server.js';
import { type CutProxy, openCutProxy } from '../support/cut-proxy.js';
import { ensureBuilt } from '../support/fault-build.js';
import { heldFiles } from '../support/fault-files.js';
import { spawnServer } from '../support/server-process.js';
import { start, temporaryDirectory } from '../support/service.js';
import { openClient, totalOf, until } from './given.js';

beforeAll(() => ensureBuilt());

interface Load {
  readonly recorded: Promise<Recorded>[];
  readonly stop: () => Promise<void>;
}

/** A few dozen events under way at any time. */
function load(tollgate: Tollgate): Load {
  const recorded: Promise<Recorded>[] = [];
  let isStopped = false;
  const loop = async () => {
    while (!isStopped) {
      const one = tollgate.record({ meter: 'executions', quantity: 1 });
      recorded.push(one);
      await one;
    }
  };
  const loops = Array.from({ length: 64 }, loop);
  return {
    recorded,
    async stop() {
      isStopped = true;
      await Promise.all(loops);
    },
  };
}

async function proxyForTest(target: string): Promise<CutProxy> {
  const proxy = await openCutProxy(target);
  onTestFinished(() => proxy.close());
  return proxy;
}

test('a server killed again and again: nothing answered is lost, nothing counts twice', async () => {
  const directory = temporaryDirectory();
  let server = await spawnServer(directory);
  onTestFinished(async () => {
    await server.kill();
    rmSync(directory, { recursive: true });
  });
  const proxy = await proxyForTest(server.address);
  const { tollgate, troubles } = openClient(proxy.address, { orgId: 'acme' });
  const { recorded, stop } = load(tollgate);
  for (let kills = 1; kills <= 2; kills++) {
    const before = recorded.length;
    await until(() => recorded.length > before + 100);
    await server.kill();
    server = await spawnServer(directory);
    proxy.point(server.address);
  }
  await stop();
  const outcomes = await Promise.all(recorded);
  expect(new Set(outcomes.map(({ eventId }) => eventId)).size).toBe(outcomes.length);
  // What was on the disk when the server died comes back as a duplicate.
  expect(outcomes.every(({ outcome }) => /^(RECORDED|DUPLICATE)$/.test(outcome))).toBe(true);
  const total = await totalOf(server, 'acme', 'executions');
  expect(total).toEqual({ quantity: `${outcomes.length}`, events: outcomes.length });
  const kinds = troubles.map(({ kind }) => kind);
  expect(kinds.length).toBeGreaterThanOrEqual(4);
  expect(kinds.slice(0, 2)).toEqual(['disconnected', 'reconnected']);
  await tollgate.close();
});

test('connections that are cut at any moment: each event is counted once', async () => {
  const running = await start();
  const proxy = await proxyForTest(running.address);
  const { tollgate } = openClient(proxy.address, { orgId: 'acme' });
  const { recorded, stop } = load(tollgate);
  for (let cuts = 1; cuts <= 20; cuts++) {
    const before = recorded.length;
    await until(() => recorded.length > before + 20 + cuts);
    proxy.cut();
  }
  await stop();
  // A cut may find no connection: the one before is not opened again yet.
  expect(proxy.connections()).toBeGreaterThan(10);
  const { events } = await totalOf(running, 'acme', 'executions');
  expect(events).toBe(recorded.length);
  await tollgate.close();
  await running.stop();
});

test('a connection that falls silent is given up, and its events go over another one', async () => {
  const running = await start();
  const proxy = await proxyForTest(running.address);
  const { tollgate } = openClient(proxy.address, { orgId: 'acme', usageDeadlineMs: 3000 });
  await tollgate.record({ meter: 'executions', eventId: 'before' });
  proxy.freeze();
  const frozen = tollgate.record({ meter: 'executions', eventId: 'frozen' });
  await new Promise((resolve) => setTimeout(resolve, 1200));
  proxy.cut();
  proxy.thaw();
  expect(await frozen).toMatchObject({ outcome: expect.stringMatching(/RECORDED|DUPLICATE/) });
  expect((await totalOf(running, 'acme', 'executions')).events).toBe(2);
  await tollgate.close();
  await running.stop();
});

test('a slow disk delays the answer and changes nothing', async () => {
  const disk = heldFiles();
  const running = await start({ files: disk.files });
  const { tollgate, troubles } = openClient(running.address, { orgId: 'acme' });
  await tollgate.record({ meter: 'executions', eventId: 'first' });
  disk.hold();
  let answered = 0;
  const slow = ['a', 'b', 'a'].map((eventId) =>
    tollgate.record({ meter: 'executions', eventId }).then((recorded) => {
      answered++;
      return recorded.outcome;
    }),
  );
  const { land } = await disk.next();
  expect(answered).toBe(0);
  land();
  disk.release();
  expect(await Promise.all(slow)).toEqual(['RECORDED', 'RECORDED', 'DUPLICATE']);
  expect(troubles).toEqual([]);
  await tollgate.close();
  await running.stop();
});

test('a server that drains takes what it has read; the rest goes to the next one', async () => {
  const running = await start();
  const proxy = await proxyForTest(running.address);
  const { tollgate } = openClient(proxy.address, { orgId: 'acme' });
  const { recorded, stop } = load(tollgate);
  await until(() => recorded.length > 300);
  const again = await running.restart();
  proxy.point(again.address);
  await stop();
  expect((await totalOf(again, 'acme', 'executions')).events).toBe(recorded.length);
  await tollgate.close();
  await again.stop();
});

test('a refusal that names no event is everybody’s, and is not tried again', async () => {
  const refuseAll = failure(status.PERMISSION_DENIED, 'PERMISSION_MISSING');
  const server = await openMeteringServer({ refuseAll });
  const { tollgate } = openClient(server.target, { orgId: 'acme' });
  const both = [tollgate.record({ meter: 'tokens' }), tollgate.record({ meter: 'tokens' })];
  const refused = { code: 'PERMISSION_MISSING', retriable: false };
  for (const one of both) await expect(one).rejects.toMatchObject(refused);
  expect(server.calls.recordStream).toBe(1);
  await tollgate.close();
  server.close();
});

test('an event that the server cannot read is refused alone', async () => {
  const running = await start();
  const { tollgate } = openClient(running.address);
  const outcomes = await Promise.allSettled([
    tollgate.record({ meter: 'executions', orgId: 'acme' }),
    tollgate.record({ meter: 'executions', orgId: 'acme', eventId: '' }),
    tollgate.record({ meter: 'executions', orgId: 'acme' }),
  ]);
  expect(outcomes).toMatchObject([
    { status: 'fulfilled', value: { outcome: 'RECORDED' } },
    {
      status: 'rejected',
      reason: { code: 'FIELD_INVALID', fields: [{ field: 'batch.items[1].event.event_id' }] },
    },
    { status: 'fulfilled', value: { outcome: 'RECORDED' } },
  ]);
  await tollgate.close();
  await running.stop();
});

test('fail closed: a server out of reach rejects after the deadline, and says why', async () => {
  const options = { orgId: 'acme', usageDeadlineMs: 60, deadlineMs: 30 };
  const { tollgate } = openClient('127.0.0.1:1', options);
  // Which of the two depends on whether the machine refuses in time.
  const code = expect.stringMatching(/^(UNAVAILABLE|DEADLINE_EXCEEDED)$/);
  const unavailable = { name: 'TollgateUnavailable', code, retriable: true };
  const item = { meter: 'executions' };
  await expect(tollgate.record(item)).rejects.toMatchObject(unavailable);
  await expect(tollgate.check([item])).rejects.toMatchObject(unavailable);
  await expect(tollgate.reserve([item])).rejects.toMatchObject(unavailable);
  await tollgate.close();
});

test('fail open: usage is answered BUFFERED, and is sent once the server is back', async () => {
  const { target, close } = await openMeteringServer();
  close();
  const options = { orgId: 'acme', usageDeadlineMs: 40, onUnavailable: 'fail_open' } as const;
  const { tollgate, troubles } = openClient(target, options);
  const usages = ['tokens', 'unknown'].map((meter) => ({ meter, eventId: meter }));
  for (const usage of usages) {
    const buffered = { outcome: 'BUFFERED', eventId: usage.eventId, degraded: true };
    expect(await tollgate.record(usage)).toEqual(buffered);
  }
  const again = await openMeteringServer({}, target);
  await tollgate.flush();
  expect([...again.events.keys()]).toEqual(['acme/tokens']);
  // That it was not counted is told, because its promise said otherwise.
  await until(() => troubles.length === 3);
  expect(troubles.toSorted((a, b) => a.kind.localeCompare(b.kind))).toMatchObject([
    { kind: 'disconnected' },
    { kind: 'dropped', orgId: 'acme', eventId: 'unknown', code: 'UNKNOWN_METER' },
    { kind: 'reconnected' },
  ]);
  await tollgate.close();
  again.close();
});
