// A small file system that is really full. Ordinary work is refused and everything else goes on;
// with room again the same process takes work again, by itself.

import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { cold, type Json } from '../support/cold.js';
import { ensureBuilt } from '../support/fault-build.js';
import { countKnown, recordLarge } from '../support/large-events.js';
import { record, total, usage } from '../support/load.js';
import { mountTmpfs, unableToMount } from '../support/privileges.js';
import { refused } from '../support/refusals.js';
import { ask, duration, item } from '../support/requests.js';
import { type ServerProcess, spawnServer } from '../support/server-process.js';

const MIB = 1024 ** 2;
const FILE_SYSTEM_BYTES = 64 * MIB;
/** The smallest that the settings allow. */
const SMALL = {
  TOLLGATE_JOURNAL_SEGMENT_BYTES: '16MiB',
  TOLLGATE_DISK_RESERVE_BYTES: '16MiB',
  TOLLGATE_JOURNAL_BYTES_MAX: '1GiB',
  TOLLGATE_CHECKPOINT_INTERVAL_MS: '1500',
};
const ORG = 'acme';
const HOLDS = ['settled', 'released', 'left'];

const unable = unableToMount();
beforeAll(() => ensureBuilt());

describe.skipIf(unable !== '')('on a full disk', () => {
  test('reads and the ending of holds go on, and work when there is room again', async () => {
    const { server, directory, again } = await serverOnSmallDisk();
    const known = await recordAll(server, 'before', 20);
    for (const reservationId of HOLDS) await hold(server, reservationId);
    await recordForMany(server);
    fill(join(directory, 'foreign'), 'to the last byte');
    await untilRefused(server, known);
    expect(await refused(record(server.client, ORG, 'refused'))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'DISK_FULL',
      retrySeconds: 10,
    });
    expect(await refused(hold(server, 'refused'))).toMatchObject({ reason: 'DISK_FULL' });
    // LMDB finds no room either: what it lacks is in the journal.
    await expect.poll(() => brokenParts(server), { timeout: 10_000 }).toContain('checkpoint');
    await settle(server, 'settled', known);
    await ask(server, 'release', { orgId: ORG, reservationId: 'released' });
    expect((await ask(server, 'checkQuota', { orgId: ORG })).quotas).not.toEqual([]);
    expect(await total(server.client, ORG)).toBe(known.size);
    expect(await brokenParts(server)).toEqual(expect.arrayContaining(['disk', 'journal']));

    rmSync(join(directory, 'foreign'));
    await untilRecorded(server, known, 'room');
    await expect.poll(() => brokenParts(server), { timeout: 10_000 }).toEqual([]);
    await recordAll(server, 'after', 20, known);

    const next = await again();
    await expectAll(next, known);
    const { reservations } = await ask(next, 'listReservations', { orgId: ORG, state: 1 });
    expect(reservations.map(({ reservationId }) => reservationId)).toEqual(['left']);
  });

  test('the journal itself is what fills it, and nothing acknowledged is lost', async () => {
    const { server, directory, again } = await serverOnSmallDisk();
    // Less than another segment and what is written when one is compressed.
    fill(join(directory, 'foreign'), 12 * MIB);
    const known = new Set<string>();
    await hold(server, 'settled');
    for (let n = 0; ; n++) {
      const sent = await recordLarge(server, ORG, `large-${n}`).catch(refusedOrThrow);
      if (typeof sent === 'string') {
        expect(sent).toBe('DISK_FULL');
        break;
      }
      for (const id of sent) known.add(id);
    }
    expect(known.size).toBeGreaterThan(1000);
    await settle(server, 'settled', known);
    expect(await total(server.client, ORG)).toBe(known.size);

    rmSync(join(directory, 'foreign'));
    await untilRecorded(server, known, 'room');
    const next = await again();
    await expectAll(next, known);
  });

  test('a server that is killed there starts there, and works when there is room', async () => {
    const { server, directory, again } = await serverOnSmallDisk();
    const known = await recordAll(server, 'before', 20);
    fill(join(directory, 'foreign'), 20 * MIB);
    await untilRefused(server, known);
    await server.kill();
    const next = await again();
    await untilRefused(next, known);
    expect(await total(next.client, ORG)).toBe(known.size);
    rmSync(join(directory, 'foreign'));
    await untilRecorded(next, known, 'room');
    await expectAll(next, known);
  });
});

async function serverOnSmallDisk() {
  const { directory, unmount } = mountTmpfs(FILE_SYSTEM_BYTES);
  const servers: ServerProcess[] = [];
  onTestFinished(async () => {
    for (const each of servers) await each.kill();
    unmount();
  });
  const data = join(directory, 'data');
  const start = async () => {
    const started = await spawnServer(data, { env: SMALL });
    servers.push(started);
    return started;
  };
  const server = await start();
  return {
    server,
    /** Of the file system. */
    directory,
    /** Stops the server and starts another one. */
    async again() {
      await server.stop();
      return start();
    },
  };
}

function fill(path: string, bytes: number | 'to the last byte'): void {
  const fd = openSync(path, 'w');
  try {
    let size = bytes === 'to the last byte' ? MIB : Math.min(bytes, MIB);
    for (let written = 0; size > 0 && written !== bytes; ) {
      try {
        written += writeSync(fd, Buffer.alloc(size, 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        size = Math.floor(size / 2);
      }
    }
  } finally {
    closeSync(fd);
  }
}

const hold = (server: ServerProcess, reservationId: string) =>
  ask(server, 'reserve', {
    orgId: ORG,
    reservationId,
    items: [item('executions')],
    ttl: duration(3600),
  });

async function settle(server: ServerProcess, reservationId: string, known: Set<string>) {
  const events = [usage('', `settle:${reservationId}`)];
  await ask(server, 'settle', { orgId: ORG, reservationId, events });
  known.add(`settle:${reservationId}`);
}

async function recordAll(
  server: ServerProcess,
  prefix: string,
  count: number,
  known = new Set<string>(),
): Promise<Set<string>> {
  for (let n = 0; n < count; n++) {
    await record(server.client, ORG, `${prefix}-${n}`);
    known.add(`${prefix}-${n}`);
  }
  return known;
}

/** More than the pages that LMDB has already: it must grow to store them. */
async function recordForMany(server: ServerProcess): Promise<void> {
  const events = Array.from({ length: 1000 }, (_, i) => usage(`other-${i}`, 'e'));
  await ask(server, 'recordBatch', { events });
}

/** The disk is looked at once a second: what is taken meanwhile is taken. */
async function untilRefused(server: ServerProcess, known: Set<string>): Promise<void> {
  await expect
    .poll(() => tryOne(server, known, `filling-${known.size}`), { timeout: 10_000 })
    .toBe('DISK_FULL');
}

async function untilRecorded(server: ServerProcess, known: Set<string>, eventId: string) {
  await expect.poll(() => tryOne(server, known, eventId), { timeout: 10_000 }).toBe('recorded');
}

async function tryOne(server: ServerProcess, known: Set<string>, eventId: string) {
  const outcome = await record(server.client, ORG, eventId).catch(refusedOrThrow);
  if (outcome === 'recorded') known.add(eventId);
  return outcome;
}

/** The reason of a refusal; the end of the server is none. */
async function refusedOrThrow(error: Error): Promise<string> {
  const { reason } = await refused(Promise.reject(error));
  if (reason === '') throw error;
  return reason;
}

async function brokenParts(server: ServerProcess): Promise<readonly string[]> {
  const { parts } = await cold(server, 'Admin', 'GetStatus');
  return parts.filter(({ ok }: Json) => !ok).map(({ name }: Json) => name);
}

async function expectAll(server: ServerProcess, known: ReadonlySet<string>): Promise<void> {
  expect(await total(server.client, ORG)).toBe(known.size);
  expect(await countKnown(server, ORG, [...known])).toBe(known.size);
}
