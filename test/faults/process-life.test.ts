import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from '../support/fault-build.js';
import { createBook, record, sendLoad, total } from '../support/load.js';
import { runServer, spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

beforeAll(() => ensureBuilt());

test('a second server on the same directory gives way', async () => {
  const directory = temporaryDirectory();
  const first = await spawnServer(directory);
  const second = await runServer(directory);
  expect(second.code).toBe(1);
  expect(second.output).toContain(`DIRECTORY_LOCKED: another process is using ${directory}`);
  expect(second.output).toContain(`process id ${first.pid}`);
  expect(second.output).toContain('or set another data_dir');
  expect(await record(first.client, 'acme', 'e')).toBe('recorded');
  await first.stop();
  rmSync(directory, { recursive: true });
});

test('SIGTERM under load: everything acknowledged is there, and the exit code is 0', async () => {
  const directory = temporaryDirectory();
  const book = createBook();
  const server = await spawnServer(directory);
  let stopped = false;
  const load = sendLoad(server.client, book, 't', 16, () => stopped);
  await new Promise((done) => setTimeout(done, 300));
  const exit = await server.stop();
  stopped = true;
  await load;
  expect(exit.code).toBe(0);
  expect(exit.output).toContain('"event":"closed"');
  const again = await spawnServer(directory);
  for (const [orgId, ids] of book.acknowledged) {
    const found = await total(again.client, orgId);
    expect(found).toBeGreaterThanOrEqual(ids.size);
    expect(found).toBeLessThanOrEqual(ids.size + (book.unsure.get(orgId)?.size ?? 0));
  }
  await again.stop();
  rmSync(directory, { recursive: true });
});

test('a second SIGTERM ends at once', async () => {
  const directory = temporaryDirectory();
  const server = await spawnServer(directory);
  const stream = server.client.recordStream();
  stream.on('error', () => undefined);
  stream.write({ message: { $case: 'options', value: { durability: 0, enforceQuota: false } } });
  await record(server.client, 'acme', 'e');
  server.signal('SIGTERM');
  server.signal('SIGTERM');
  const exit = await server.exited;
  expect([0, 1]).toContain(exit.code);
  server.client.close();
  const again = await spawnServer(directory);
  expect(await record(again.client, 'acme', 'e')).toBe('duplicate');
  await again.stop();
  rmSync(directory, { recursive: true });
});

test('a start says how the one before it ended', async () => {
  const directory = temporaryDirectory();
  const stops: unknown[] = [];
  for (const end of ['kill', 'stop', 'kill', 'kill', 'stop'] as const) {
    const server = await spawnServer(directory);
    const line = server
      .output()
      .split('\n')
      .find((text) => text.includes('"journal_open"'));
    stops.push(JSON.parse(line ?? '').last_stop);
    await server[end]();
  }
  expect(stops).toEqual(['none', 'unclean', 'clean', 'unclean', 'unclean']);
  rmSync(directory, { recursive: true });
});

test('an open stream hears UNAVAILABLE and does not delay the stop', async () => {
  const directory = temporaryDirectory();
  const server = await spawnServer(directory);
  const stream = server.client.recordStream();
  const ended = new Promise<number>((done) => {
    stream.on('error', (error: Error & { code?: number }) => done(error.code ?? -1));
  });
  stream.on('data', () => undefined);
  stream.write({ message: { $case: 'options', value: { durability: 0, enforceQuota: false } } });
  await record(server.client, 'acme', 'e');
  const exit = await server.stop();
  expect(exit.code).toBe(0);
  expect(await ended).toBe(14);
  rmSync(directory, { recursive: true });
});

test('a stale socket is replaced, one that answers is not', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'run', 'tollgate.sock');
  const env = { TOLLGATE_GRPC_LISTEN: `unix://${path}` };
  const first = await spawnServer(join(directory, 'a'), { env });
  await first.kill();
  const second = await spawnServer(join(directory, 'a'), { env });
  expect(await record(second.client, 'acme', 'e')).toBe('recorded');
  const third = await runServer(join(directory, 'b'), { env });
  expect(third.code).toBe(1);
  expect(third.output).toContain('another process is listening');
  await second.stop();
  rmSync(directory, { recursive: true });
});

test('a port that is taken is said so', async () => {
  const directory = temporaryDirectory();
  const holder = createServer();
  const port = await new Promise<number>((done) => {
    holder.listen(0, '127.0.0.1', () => {
      const address = holder.address();
      done(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  const env = { TOLLGATE_GRPC_LISTEN: `127.0.0.1:${port}` };
  const exit = await runServer(directory, { env });
  expect(exit.code).toBe(1);
  const text = `grpc_listen: cannot listen on 127.0.0.1:${port}: another process has this address`;
  const [event, ...others] = exit.output.split('\n').filter((line) => line.includes(text));
  expect(JSON.parse(event ?? '')).toMatchObject({
    level: 'fatal',
    event: 'start_failed',
    code: 'LISTEN_FAILED',
    exit_code: 1,
  });
  expect(others).toHaveLength(1);
  expect(others[0]).toMatch(/^tollgate: LISTEN_FAILED: /);
  holder.close();
  rmSync(directory, { recursive: true });
});
