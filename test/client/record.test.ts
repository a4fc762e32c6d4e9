// record: outcomes, ids, batches on one stream, the bound of the buffer, flush and close.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TollgateError } from '../../src/client/client.js';
import { openMeteringServer } from '../replay/metering-server.js';
import { rulesYaml } from '../support/catalogue.js';
import { ask } from '../support/requests.js';
import { start, temporaryDirectory } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';
import { openClient, totalOf, until } from './given.js';

const yaml = rulesYaml('{key: tokens, meter: tokens, limit: 10}');
const { now, org } = sharedService({ yaml });
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('an event without an id gets one of its own, and is counted', async () => {
  const orgId = org();
  const { tollgate } = openClient(now().address, { orgId });
  const recorded = await tollgate.record({ meter: 'tokens', quantity: 3 });
  expect(recorded).toEqual({
    outcome: 'RECORDED',
    eventId: expect.stringMatching(UUID_V7),
    degraded: false,
  });
  expect(await totalOf(now(), orgId)).toEqual({ quantity: '3', events: 1 });
  await tollgate.close();
});

test('text, bigints and whole numbers count exactly, up to the largest quantity', async () => {
  const orgId = org();
  const { tollgate } = openClient(now().address, { orgId });
  const quantities = ['1', 2n, 3, 9_223_372_036_854_775_801n];
  await Promise.all(quantities.map((quantity) => tollgate.record({ meter: 'tokens', quantity })));
  expect((await totalOf(now(), orgId)).quantity).toBe('9223372036854775807');
  await tollgate.close();
});

test('what is not recorded comes with its own outcome, beside others that are', async () => {
  const orgId = org();
  const { tollgate, troubles } = openClient(now().address, { orgId });
  const one = { meter: 'tokens', quantity: 1 };
  const outcomes = await Promise.all([
    tollgate.record({ ...one, eventId: 'a' }),
    tollgate.record({ ...one, eventId: 'a' }),
    tollgate.record({ ...one, eventId: 'a', quantity: 2 }),
    tollgate.record({ ...one, eventId: 'b', meter: 'unheard_of' }),
    tollgate.record({ ...one, eventId: 'c', quantity: '1e3' }),
    tollgate.record({ ...one, eventId: 'd', eventTime: new Date('2020-01-01') }),
    tollgate.record({ ...one, eventId: 'e' }),
  ]);
  expect(outcomes.map(({ outcome }) => outcome)).toEqual([
    'RECORDED',
    'DUPLICATE',
    'CONFLICT',
    'UNKNOWN_METER',
    'INVALID',
    'TOO_OLD',
    'RECORDED',
  ]);
  expect(outcomes.map(({ eventId }) => eventId)).toEqual(['a', 'a', 'a', 'b', 'c', 'd', 'e']);
  expect(outcomes[3]?.message).toContain('unheard_of');
  expect((await totalOf(now(), orgId)).events).toBe(2);
  expect(troubles).toEqual([]);
  await tollgate.close();
});

test('an enforced event is denied where there is no room, and a fact is recorded', async () => {
  const orgId = org();
  const { tollgate } = openClient(now().address, { orgId });
  const usage = { meter: 'tokens', quantity: 8 };
  const enforced = { enforceQuota: true };
  expect((await tollgate.record(usage, enforced)).outcome).toBe('RECORDED');
  expect(await tollgate.record(usage, enforced)).toMatchObject({
    outcome: 'DENIED',
    reason: 'HARD_LIMIT_EXCEEDED',
  });
  expect((await tollgate.record(usage)).outcome).toBe('RECORDED');
  expect(await totalOf(now(), orgId)).toEqual({ quantity: '16', events: 2 });
  await tollgate.close();
});

test('many at once share one stream and one connection, over a Unix socket', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'grpc', 't.sock');
  const tcp = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const running = await start({ change: { grpcListen: [tcp, { kind: 'unix', path }] } });
  const { tollgate } = openClient(`unix://${path}`, { orgId: 'acme' });
  const all = Array.from({ length: 9000 }, () =>
    tollgate.record({ meter: 'executions', quantity: 1 }),
  );
  await tollgate.flush();
  const outcomes = new Set((await Promise.all(all)).map(({ outcome }) => outcome));
  expect([...outcomes]).toEqual(['RECORDED']);
  expect(await totalOf(running, 'acme', 'executions')).toEqual({ quantity: '9000', events: 9000 });
  await tollgate.close();
  await running.stop();
  rmSync(directory, { recursive: true });
});

test('every record of a process is on one stream, numbered from 1 without gaps', async () => {
  const server = await openMeteringServer();
  const { tollgate } = openClient(server.target, { orgId: 'acme', batchWaitMs: 2 });
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 50 }, () => tollgate.record({ meter: 'tokens' })));
  }
  await tollgate.close();
  expect(server.events.size).toBe(250);
  expect(server.calls.recordStream).toBe(1);
  expect(server.violations).toEqual([]);
  server.close();
});

test('a full buffer rejects at once, takes no more, and keeps what it has', async () => {
  const server = await openMeteringServer();
  server.close();
  const { tollgate } = openClient(server.target, { orgId: 'acme', bufferEventsMax: 3 });
  const kept = [1, 2, 3].map(() => tollgate.record({ meter: 'tokens' }));
  await expect(tollgate.record({ meter: 'tokens' })).rejects.toMatchObject({
    name: 'TollgateError',
    code: 'BUFFER_FULL',
    retriable: true,
  });
  await expect(tollgate.record({ meter: 'tokens' }, { enforceQuota: true })).rejects.toThrow(
    TollgateError,
  );
  const again = await openMeteringServer({}, server.target);
  for (const recorded of await Promise.all(kept)) expect(recorded.outcome).toBe('RECORDED');
  expect((await tollgate.record({ meter: 'tokens' })).outcome).toBe('RECORDED');
  await tollgate.close();
  again.close();
});

test('close sends what waits; then nothing is taken', async () => {
  const orgId = org();
  const { tollgate } = openClient(now().address, { orgId, batchWaitMs: 1000 });
  const waiting = tollgate.record({ meter: 'tokens', quantity: 1 });
  await tollgate.close();
  expect((await waiting).outcome).toBe('RECORDED');
  await expect(tollgate.record({ meter: 'tokens' })).rejects.toMatchObject({ code: 'CLOSED' });
  await expect(tollgate.check([{ meter: 'tokens' }])).rejects.toMatchObject({ code: 'CLOSED' });
});

test('close gives up after its time and rejects the rest', async () => {
  const { tollgate } = openClient('127.0.0.1:1', { orgId: 'acme' });
  const waiting = tollgate.record({ meter: 'tokens' });
  const told = expect(waiting).rejects.toMatchObject({ code: 'CLOSED', retriable: true });
  await tollgate.close({ timeoutMs: 20 });
  await told;
});

test('the server takes the time at which an event was handed over, however late it comes', async () => {
  const running = await start();
  const { tollgate, troubles } = openClient(running.address, { orgId: 'acme' });
  await running.service.close();
  running.client.close();
  const handedOver = Date.now();
  const recorded = tollgate.record({ meter: 'executions', quantity: 1 });
  await until(() => troubles.length > 0 && Date.now() > handedOver + 1500);
  const port = Number(running.address.split(':')[1]);
  const change = { grpcListen: [{ kind: 'tcp', host: '127.0.0.1', port } as const] };
  const again = await start({ directory: running.directory, change });
  await recorded;
  const { events } = await ask(again, 'listUsageEvents', { orgId: 'acme' });
  const { eventTime, recordedTime } = events[0] ?? {};
  const ms = (time = { seconds: 0n, nanos: 0 }) => Number(time.seconds) * 1000 + time.nanos / 1e6;
  expect(Math.abs(ms(eventTime) - handedOver)).toBeLessThan(500);
  expect(ms(recordedTime)).toBeGreaterThan(handedOver + 1000);
  await tollgate.close();
  await again.stop();
  rmSync(running.directory, { recursive: true });
});
