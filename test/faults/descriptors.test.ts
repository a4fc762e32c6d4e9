// A server that may open few files, and connections that take them all. Who is connected is served,
// others are shed, and nothing that was acknowledged depends on a file that could not be opened.

import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { credentials } from '@grpc/grpc-js';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { MeteringServiceClient } from '../../generated/ts/tollgate/v1/metering_service.js';
import { ensureBuilt } from '../support/fault-build.js';
import { countKnown, recordLarge } from '../support/large-events.js';
import { record, total } from '../support/load.js';
import { unableTo } from '../support/privileges.js';
import { ask } from '../support/requests.js';
import { type ServerProcess, spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

/** That the server may open beyond those that it has when it serves. */
const MORE_FILES = 30;
const SOCKETS = 100;
const ORG = 'acme';
const env = { TOLLGATE_JOURNAL_SEGMENT_BYTES: '16MiB', TOLLGATE_CHECKPOINT_INTERVAL_MS: '200' };
const unable = unableTo('prlimit', 'prlimit', '--nofile=100:', 'true');

beforeAll(() => ensureBuilt());

test.skipIf(unable !== '')(
  'connections that take every file cost nothing acknowledged, and do not last',
  async () => {
    const directory = temporaryDirectory();
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const server = await spawnServer(directory, { env });
    onTestFinished(() => server.kill());
    const known = new Set(await recordLarge(server, ORG, 'before'));
    limitFiles(server);

    const crowd = await takeAll(server);
    for (let n = 0; n < 20; n++) {
      expect(await record(server.client, ORG, `among-${n}`)).toBe('recorded');
      known.add(`among-${n}`);
    }
    expect((await ask(server, 'checkQuota', { orgId: ORG })).quotas).not.toEqual([]);
    expect(await total(server.client, ORG)).toBe(known.size);

    // What needs a file, an entry that is read and more than a segment, is done, or the server
    // ends and nothing more is acknowledged.
    await record(server.client, ORG, 'among-0').catch(() => 'gone');
    for (let n = 0; n < 20; n++) {
      const sent = await recordLarge(server, ORG, `large-${n}`).catch(() => []);
      for (const id of sent) known.add(id);
    }
    for (const socket of crowd) socket.destroy();

    const serving = await untilServed(server, directory);
    expect(await total(serving.client, ORG)).toBe(known.size);
    expect(await countKnown(serving, ORG, [...known])).toBe(known.size);
  },
  120_000,
);

/** Only now: loading the program opens many at a time. */
function limitFiles({ pid }: ServerProcess): void {
  const files = readdirSync(`/proc/${pid}/fd`).length + MORE_FILES;
  execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${files}:`]);
}

/** Until the server has shed those for which it has no file. */
async function takeAll(server: ServerProcess): Promise<readonly Socket[]> {
  const [host = '', port = ''] = server.address.split(':');
  let shed = 0;
  const sockets = Array.from({ length: SOCKETS }, () => {
    const socket = connect(Number(port), host);
    socket.on('error', () => undefined);
    socket.on('close', () => shed++);
    // Without it an end that the server sends is not seen.
    socket.resume();
    return socket;
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await expect.poll(() => shed, { timeout: 10_000 }).toBeGreaterThan(SOCKETS - 2 * MORE_FILES);
  return sockets;
}

/** New connections are taken again; where the server ended, by the next one. */
async function untilServed(server: ServerProcess, directory: string): Promise<ServerProcess> {
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  const tryNew = async () => {
    const client = new MeteringServiceClient(server.address, credentials.createInsecure());
    try {
      return await record(client, ORG, 'among-0');
    } catch (error) {
      return ended ? 'ended' : String(error);
    } finally {
      client.close();
    }
  };
  await expect.poll(tryNew, { timeout: 20_000 }).toMatch(/^(duplicate|ended)$/);
  if (!ended) return server;
  expect((await server.exited).code).toBe(1);
  const next = await spawnServer(directory, { env });
  onTestFinished(() => next.kill());
  return next;
}
