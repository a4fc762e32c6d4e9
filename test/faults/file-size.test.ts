// A limit on the size of files, as `ulimit -f` sets it: needs no privilege. In the open segment it
// is a failed write, which ends the process; for the next segment it is want of room.

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ensureBuilt } from '../support/fault-build.js';
import { countKnown, recordLarge } from '../support/large-events.js';
import { record, total } from '../support/load.js';
import { unableTo } from '../support/privileges.js';
import { refused } from '../support/refusals.js';
import { ask } from '../support/requests.js';
import { type ServerProcess, spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

const MIB = 1024 ** 2;
const SEGMENT_BYTES = 16 * MIB;
const ORG = 'acme';
const SMALL = { TOLLGATE_JOURNAL_SEGMENT_BYTES: '16MiB' };
const unable = unableTo('prlimit', 'prlimit', '--fsize=1000000:', 'true');

beforeAll(() => ensureBuilt());

describe.skipIf(unable !== '')('a limit on the size of files', () => {
  test('within the open segment ends the process, and loses nothing acknowledged', async () => {
    const { server, again } = await serverForTest();
    limitFiles(server, 4 * MIB);
    const { known, end } = await recordUntilRefused(server);
    expect(end).toBe('');
    expect(await server.exited).toMatchObject({ code: 1, signal: null });
    expect(server.output()).toMatch(/"level":"fatal".*(EFBIG|SHORT_WRITE)/);
    await expectAll(await again(), known);
  });

  test('that lets no next segment be made is DISK_FULL, until it is lifted', async () => {
    const { server, again } = await serverForTest();
    // Both segments are there; the last page of the third is too much.
    limitFiles(server, SEGMENT_BYTES - 4096);
    const { known, end } = await recordUntilRefused(server);
    expect(end).toBe('DISK_FULL');
    expect(await refused(record(server.client, ORG, 'full'))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'DISK_FULL',
    });
    expect((await ask(server, 'checkQuota', { orgId: ORG })).quotas).not.toEqual([]);
    expect(await total(server.client, ORG)).toBe(known.size);
    limitFiles(server, 'unlimited');
    const one = () => record(server.client, ORG, 'room').catch(() => 'refused');
    await expect.poll(one, { timeout: 10_000 }).not.toBe('refused');
    known.add('room');
    await server.stop();
    await expectAll(await again(), known);
  });
});

async function serverForTest() {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const start = async () => {
    const server = await spawnServer(directory, { env: SMALL });
    onTestFinished(() => server.kill());
    return server;
  };
  return { server: await start(), again: start };
}

/** The soft limit only: it can be lifted again. */
function limitFiles({ pid }: ServerProcess, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', `${pid}`, `--fsize=${bytes}:`]);
}

/** `end`: the reason of the refusal, '' where the server was gone. */
async function recordUntilRefused(server: ServerProcess) {
  const known = new Set<string>();
  for (let n = 0; ; n++) {
    const sent = await recordLarge(server, ORG, `large-${n}`).catch(async (error: Error) => {
      const { reason } = await refused(Promise.reject(error));
      return reason;
    });
    if (typeof sent === 'string') return { known, end: sent };
    for (const id of sent) known.add(id);
  }
}

/** What was under way when the process ended may be there too. */
async function expectAll(server: ServerProcess, known: ReadonlySet<string>): Promise<void> {
  expect(known.size).toBeGreaterThan(250);
  expect(await countKnown(server, ORG, [...known])).toBe(known.size);
}
