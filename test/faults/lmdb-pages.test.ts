// LMDB checks nothing of its pages. Whatever a disk makes of one, a supervisor that starts the
// process again after each end gets to the right answers.

import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureBuilt } from '../support/fault-build.js';
import { total, usage } from '../support/load.js';
import { ask } from '../support/requests.js';
import { type ServerProcess, spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

const PAGE_BYTES = 4096;
const ORGANISATIONS = Array.from({ length: 60 }, (_, i) => `org-${i}`);
const EVENTS = 20;
const STARTS_MAX = 3;
/** Of each harm; 4 with `make faults`. */
const PAGES = Number(process.env['TOLLGATE_LMDB_PAGES'] ?? 1);

const original = temporaryDirectory();
afterAll(() => rmSync(original, { recursive: true }));

beforeAll(async () => {
  await ensureBuilt();
  const server = await spawnServer(original);
  for (const orgId of ORGANISATIONS) {
    const events = Array.from({ length: EVENTS }, (_, i) => ({
      ...usage(orgId, `e-${i}`),
      dimensions: new Map([['tool', `tool-${i}`]]),
    }));
    await ask(server, 'recordBatch', { orgId, events });
  }
  await server.stop();
});

function lmdbOf(directory: string): string {
  return join(directory, 'state', 'data.mdb');
}

/** Pages with a text in them, spread over the file: with a header to damage, and not free. */
function pagesWith(text: string, count: number): readonly number[] {
  const bytes = readFileSync(lmdbOf(original));
  const pages = Array.from({ length: bytes.length / PAGE_BYTES }, (_, page) => page).filter(
    (page) => bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES).includes(text),
  );
  return Array.from(
    { length: count },
    (_, i) => pages[Math.floor((i * pages.length) / count)] ?? 0,
  );
}

const HARM: readonly (readonly [string, (page: Buffer) => void])[] = [
  ['zeroed', (page) => void page.fill(0)],
  ['filled with ones', (page) => void page.fill(0xff)],
  ['changed in its header', (page) => void page.subarray(0, 40).forEach(invert)],
];

function invert(byte: number, at: number, bytes: Uint8Array): void {
  bytes[at] = byte ^ 0x15;
}

describe('a page of LMDB that a disk has', () => {
  test.each(HARM)(
    '%s is built again, and the answers are right',
    async (_name, harm) => {
      for (const page of pagesWith('executions', PAGES)) {
        const directory = temporaryDirectory();
        cpSync(original, directory, { recursive: true });
        const bytes = readFileSync(lmdbOf(directory));
        harm(bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
        writeFileSync(lmdbOf(directory), bytes);
        expect(await totalsAfterStarts(directory), `page ${page}`).toEqual(
          ORGANISATIONS.map(() => EVENTS),
        );
        rmSync(directory, { recursive: true });
      }
    },
    60_000 + PAGES * 30_000,
  );
});

/** Asks for everything, and starts again as long as the process ends instead. */
async function totalsAfterStarts(directory: string): Promise<readonly number[] | string> {
  let last = '';
  for (let starts = 0; starts < STARTS_MAX; starts++) {
    const server = await spawnServer(directory);
    try {
      return await totals(server);
    } catch (error) {
      last = String(error);
    } finally {
      await server.kill();
    }
  }
  return `no answers after ${STARTS_MAX} starts: ${last}`;
}

async function totals(server: ServerProcess): Promise<readonly number[]> {
  const found: number[] = [];
  for (const orgId of ORGANISATIONS) found.push(await total(server.client, orgId));
  return found;
}
