import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Book, createBook, record, sendLoad, total } from '../support/load.js';
import { spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

/** 200 with `make faults`. */
const CYCLES = Number(process.env['TOLLGATE_KILLS'] ?? 6);
const TIMEOUT_MS = 60_000 + CYCLES * 6000;

test(
  `killed ${CYCLES} times under load, it loses and repeats nothing`,
  async () => {
    const directory = temporaryDirectory();
    const book = createBook();
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const server = await spawnServer(directory);
      let stopped = false;
      const load = sendLoad(server.client, book, `c${cycle}`, 16, () => stopped);
      await new Promise((done) => setTimeout(done, 30 + Math.random() * 250));
      await server.kill();
      stopped = true;
      await load;
    }
    const server = await spawnServer(directory);
    let events = 0;
    for (const [orgId, ids] of book.acknowledged) {
      // Whatever is unsure is settled by sending it again: then it counts exactly once.
      for (const eventId of book.unsure.get(orgId) ?? [])
        await record(server.client, orgId, eventId);
      const expected = ids.size + (book.unsure.get(orgId)?.size ?? 0);
      expect(await total(server.client, orgId), orgId).toBe(expected);
      events += expected;
    }
    expect(events).toBeGreaterThan(CYCLES);
    await sample(book, (orgId, eventId) => record(server.client, orgId, eventId));
    const exit = await server.stop();
    expect(exit.code).toBe(0);
    rmSync(directory, { recursive: true });
  },
  TIMEOUT_MS,
);

/** What was acknowledged is known: the same id is a duplicate. */
async function sample(
  book: Book,
  send: (orgId: string, eventId: string) => Promise<string>,
): Promise<void> {
  for (const [orgId, ids] of book.acknowledged) {
    for (const eventId of [...ids].slice(-100)) {
      expect(await send(orgId, eventId), eventId).toBe('duplicate');
    }
  }
}
