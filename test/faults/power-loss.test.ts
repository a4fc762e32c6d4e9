// Power lost under load on real file systems. The loads' own book says what was acknowledged.

import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { ensureBuilt } from '../support/fault-build.js';
import { createBook, record, sendLoad, total } from '../support/load.js';
import { openLoopFilesystem, unableToLoop } from '../support/loop-filesystem.js';
import { spawnServer } from '../support/server-process.js';

/** Only with `make faults`, which sets ten of each: they take the right to mount, and minutes. */
const CYCLES = Number(process.env['TOLLGATE_POWER_LOSSES'] ?? 0);
const LOAD_MS_MAX = 600;
const SMALL = { TOLLGATE_JOURNAL_SEGMENT_BYTES: '16MiB', TOLLGATE_DISK_RESERVE_BYTES: '16MiB' };

beforeAll(() => ensureBuilt());

for (const kind of ['ext4', 'xfs'] as const) {
  const unable = CYCLES === 0 ? 'not asked for' : unableToLoop(kind);
  test.skipIf(unable !== '')(
    `power lost on ${kind}, ${CYCLES} times: nothing acknowledged is lost or counted twice`,
    async () => {
      const filesystem = openLoopFilesystem(kind);
      onTestFinished(() => filesystem.remove());
      const data = () => join(filesystem.directory(), 'data');
      const book = createBook();
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        const server = await spawnServer(data(), { env: SMALL });
        let stopped = false;
        const load = sendLoad(server.client, book, `c${cycle}`, 16, () => stopped);
        await new Promise((done) => setTimeout(done, 50 + Math.random() * LOAD_MS_MAX));
        filesystem.cutPower();
        await server.kill();
        stopped = true;
        await load;
        filesystem.remount();
      }
      const server = await spawnServer(data(), { env: SMALL });
      try {
        for (const [orgId, ids] of book.acknowledged) {
          const unsure = [...(book.unsure.get(orgId) ?? [])];
          for (const eventId of unsure) await record(server.client, orgId, eventId);
          expect(await total(server.client, orgId), orgId).toBe(ids.size + unsure.length);
          const last = [...ids].at(-1) ?? '';
          expect(await record(server.client, orgId, last)).toBe('duplicate');
        }
        expect(book.acknowledged.size).toBe(4);
      } finally {
        await server.kill();
      }
    },
    30_000 + CYCLES * 15_000,
  );
}
