// A server that may open few files, and connections that take them all. Who is connected is served,
// others are shed, and nothing that was acknowledged depends on a file that could not be opened.

import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { credentials } from '@grpc/grpc-js';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { MeteringServiceClient } from '../../generated/ts/tollgate/v1/metering_service.js';
import { connectionsMax } from '../../src/grpc/descriptors.js';
import { limits } from '../../src/limits.js';
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
/** Of a server from its start. */
const FEW_FILES = 640;
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

test.skipIf(unable !== '')(
  'a server that may open few files lets a crowd take only so many of them',
  async () => {
    const directory = temporaryDirectory();
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const few = ['prlimit', `--nofile=${FEW_FILES}:${FEW_FILES}`];
    const server = await spawnServer(directory, { env, within: few });
    onTestFinished(() => server.kill());
    const most = connectionsMax(limits.grpcConnections, FEW_FILES);
    const told = server.output().split('\n');
    const line = told.find((text) => text.includes('"few_descriptors"')) ?? '{}';
    expect(JSON.parse(line)).toMatchObject({ descriptors: FEW_FILES, connections: most });

    for (const address of [server.address, server.http]) await crowd(address, most + 100, most);
    const known = new Set<string>();
    for (let n = 0; n < 20; n++) {
      for (const id of await recordLarge(server, ORG, `large-${n}`)) known.add(id);
    }
    expect(await countKnown(server, ORG, [...known])).toBe(known.size);
  },
  120_000,
);

/** Connects so often; resolves when no more than `most` of them are open. */
async function crowd(address: string, count: number, most: number): Promise<void> {
  const sockets = connectTo(address, count);
  const open = () => sockets.filter(({ closed }) => !closed).length;
  await expect.poll(open, { timeout: 10_000 }).toBeLessThanOrEqual(most);
}

/** Only now: loading the program opens many at a time. */
function limitFiles({ pid }: ServerProcess): void {
  const files = readdirSync(`/proc/${pid}/fd`).length + MORE_FILES;
  execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${files}:`]);
}

/** Until the server has shed those for which it has no file. */
async function takeAll(server: ServerProcess): Promise<readonly Socket[]> {
  const sockets = connectTo(server.address, SOCKETS);
  const shed = () => sockets.filter(({ closed }) => closed).length;
  await expect.poll(shed, { timeout: 10_000 }).toBeGreaterThan(SOCKETS - 2 * MORE_FILES);
  return sockets;
}

function connectTo(address: string, count: number): readonly Socket[] {
  const [host = '', port = ''] = address.split(':');
  const sockets = Array.from({ length: count }, () => {
    const socket = connect(Number(port), host);
    socket.on('error', () => undefined);
    // Without it an end that the server sends is not seen.
    socket.resume();
    return socket;
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
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
