// A stop: nothing that a client keeps open delays it, and nothing acknowledged is lost by it.

import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ensureBuilt } from '../support/fault-build.js';
import { createBook, record, sendLoad, total } from '../support/load.js';
import { refusedOf } from '../support/refusals.js';
import { event } from '../support/requests.js';
import { type ServerProcess, spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';
import { openStream } from '../support/streams.js';

/** A busy machine takes its time. */
const PATIENT = { timeout: 20_000 };

beforeAll(() => ensureBuilt());

/** Killed when the test is over, however it went. */
async function serverForTest(): Promise<ServerProcess> {
  const directory = temporaryDirectory();
  const server = await spawnServer(directory);
  onTestFinished(async () => {
    await server.kill();
    rmSync(directory, { recursive: true });
  });
  return server;
}

/** grpc.health.v1.Health/Watch for the whole server; statuses as they come. */
function watchHealth(address: string) {
  const client = new Client(address, credentials.createInsecure());
  const statuses: number[] = [];
  const stream = client.makeServerStreamRequest(
    '/grpc.health.v1.Health/Watch',
    () => Buffer.alloc(0),
    (bytes) => bytes[1] ?? 0,
    {},
  );
  const first = new Promise<void>((done) => stream.once('data', () => done()));
  stream.on('data', (value: number) => statuses.push(value));
  const ended = new Promise<void>((done) => {
    stream.on('error', () => undefined);
    stream.on('close', done);
    stream.on('end', done);
  });
  return { statuses, first, ended, close: () => client.close() };
}

test('an open health watch hears NOT_SERVING and does not delay a stop', async () => {
  const server = await serverForTest();
  const watch = watchHealth(server.address);
  await watch.first;
  server.signal('SIGTERM');
  const exit = await server.exited;
  await watch.ended;
  watch.close();
  expect(exit.code).toBe(0);
  expect(watch.statuses).toEqual([1, 2]);
});

test('an open RecordStream gets its last acknowledgement and does not delay a stop', async () => {
  const server = await serverForTest();
  const stream = openStream(server);
  stream.options();
  for (let n = 1; n <= 50; n++) {
    stream.item(n, event({ orgId: 'acme', eventId: `s-${n}`, meter: 'executions' }));
  }
  await stream.acked(1);
  server.signal('SIGTERM');
  const exit = await server.exited;
  expect(exit.code).toBe(0);
  expect(await stream.end).toMatchObject({
    code: 'UNAVAILABLE',
    refused: { reason: 'DRAINING' },
  });
  expect(stream.replies.at(-1)?.ackedSequence).toBe(50n);
});

test('connections that say nothing do not delay a stop', { timeout: 8000 }, async () => {
  const server = await serverForTest();
  const [host = '', port = ''] = server.address.split(':');
  const sockets = Array.from({ length: 5 }, () => connect(Number(port), host));
  await Promise.all(sockets.map((socket) => new Promise((done) => socket.once('connect', done))));
  for (const socket of sockets) socket.on('error', () => undefined);
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await record(server.client, 'acme', 'e');
  server.signal('SIGTERM');
  const exit = await server.exited;
  expect(exit.code).toBe(0);
});

test('a client that stays connected does not delay a stop', async () => {
  const server = await serverForTest();
  await record(server.client, 'acme', 'e');
  server.signal('SIGINT');
  const exit = await server.exited;
  expect(exit.code).toBe(0);
  expect(exit.output).toContain('"event":"closed"');
});

describe('under load', () => {
  test.each([
    ['one SIGTERM', 1, 0],
    ['two', 2, 1],
  ])('%s: each call ends, and each end means what it says', async (_what, signals, code) => {
    const directory = temporaryDirectory();
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const server = await spawnServer(directory);
    onTestFinished(() => server.kill());
    const ends = new Map<string, string>();
    const workers = Array.from({ length: 16 }, (_, worker) => sendUntilGone(server, worker, ends));
    await expect.poll(() => ends.size, PATIENT).toBeGreaterThan(100);
    for (let n = 0; n < signals; n++) {
      // The second comes while the first is obeyed.
      if (n > 0) await expect.poll(server.output, PATIENT).toContain('"event":"draining"');
      server.signal('SIGTERM');
    }
    const exit = await server.exited;
    // No call is left that never hears anything.
    await Promise.all(workers);
    // A drain may be over before the second signal is there.
    expect([0, code]).toContain(exit.code);

    const again = await spawnServer(directory);
    onTestFinished(() => again.kill());
    for (const [eventId, end] of ends) {
      const now = await record(again.client, 'acme', eventId);
      if (end === 'recorded') expect([eventId, now]).toEqual([eventId, 'duplicate']);
      if (end === 'DRAINING') expect([eventId, now]).toEqual([eventId, 'recorded']);
    }
    expect(await total(again.client, 'acme')).toBe(ends.size);
    expect([...new Set(ends.values())].toSorted()).toEqual(
      expect.arrayContaining(['recorded', expect.stringMatching(/^(DRAINING|gone)$/)]),
    );
  });
});

/** How each of its calls ended: as an outcome, the reason of a refusal, or with the connection. */
async function sendUntilGone(server: ServerProcess, worker: number, ends: Map<string, string>) {
  for (let n = 0; ends.get(`${worker}-${n - 1}`) !== 'gone'; n++) {
    const eventId = `${worker}-${n}`;
    const end = await record(server.client, 'acme', eventId).catch((error: ServiceError) => {
      expect(error.code).toBe(status.UNAVAILABLE);
      return refusedOf(error).reason || 'gone';
    });
    ends.set(eventId, end);
  }
}

test('what is refused while the server drains was not recorded', async () => {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const server = await spawnServer(directory);
  const book = createBook();
  let stopped = false;
  const load = sendLoad(server.client, book, 'd', 8, () => stopped);
  while ((book.acknowledged.get('org-0')?.size ?? 0) < 20) {
    await new Promise((done) => setTimeout(done, 5));
  }
  server.signal('SIGTERM');
  const exit = await server.exited;
  stopped = true;
  await load;
  server.client.close();
  expect(exit.code).toBe(0);
  const again = await spawnServer(directory);
  for (const [orgId, ids] of book.acknowledged) {
    for (const eventId of book.unsure.get(orgId) ?? []) await record(again.client, orgId, eventId);
    const sent = ids.size + (book.unsure.get(orgId)?.size ?? 0);
    expect(await total(again.client, orgId)).toBe(sent);
  }
  await again.stop();
});
