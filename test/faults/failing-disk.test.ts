// A write that fails in a running server: nothing is acknowledged after it, the process ends, and
// the next one has everything that was.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ensureBuilt } from '../support/fault-build.js';
import { createBook, record, sendLoad, total } from '../support/load.js';
import { refused } from '../support/refusals.js';
import { ask } from '../support/requests.js';
import { type ServerProcess, spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

const FAULTY = join(import.meta.dirname, 'children', 'faulty-disk.mjs');
const WORKERS = 8;

beforeAll(() => ensureBuilt());

function spawnFaulty(
  directory: string,
  env: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  const size = { TOLLGATE_JOURNAL_SEGMENT_BYTES: '16MiB', UV_THREADPOOL_SIZE: '8' };
  return spawnServer(directory, { program: [FAULTY], env: { ...size, ...env } });
}

describe('one failed write', () => {
  test.each([
    ['fail', '2'],
    ['fail', '60'],
    ['tear', '17'],
    ['lie', '33'],
  ])('(%s, batch %s) ends the process, and no acknowledgement is lost', async (fault, at) => {
    const directory = temporaryDirectory();
    const server = await spawnFaulty(directory, { FAULT: fault, FAULT_AT: at });
    const book = createBook();
    await sendLoad(server.client, book, 'f', WORKERS, () => false);
    const exit = await server.exited;
    server.client.close();
    expect(exit).toMatchObject({ code: 1, signal: null });
    expect(exit.output).toContain(`FAULT ${fault}`);
    expect(exit.output).not.toContain('WRITTEN AFTER THE FAULT');
    expect(exit.output).toMatch(/"level":"fatal".*EIO/);

    const again = await spawnServer(directory);
    for (let worker = 0; worker < 4; worker++) {
      const orgId = `org-${worker}`;
      const acknowledged = book.acknowledged.get(orgId) ?? new Set();
      const unsure = book.unsure.get(orgId) ?? new Set();
      for (const eventId of acknowledged) {
        expect(await record(again.client, orgId, eventId), eventId).toBe('duplicate');
      }
      const found = await total(again.client, orgId);
      expect(found).toBeGreaterThanOrEqual(acknowledged.size);
      expect(found).toBeLessThanOrEqual(acknowledged.size + unsure.size);
      for (const eventId of unsure) await record(again.client, orgId, eventId);
      expect(await total(again.client, orgId)).toBe(acknowledged.size + unsure.size);
    }
    await again.stop();
    rmSync(directory, { recursive: true });
  });
});

describe('a write that never ends', () => {
  /** Time goes twenty times faster, so that the limits are met in a second and a half. */
  const HANG = { FAULT: 'hang', FAULT_AT: '3', CLOCK_RATE: '20' };

  test('is met with refusals after two seconds, with the end after thirty', async () => {
    const directory = temporaryDirectory();
    const server = await spawnFaulty(directory, HANG);
    expect(await record(server.client, 'acme', 'before')).toBe('recorded');
    const stuck = record(server.client, 'acme', 'stuck').then(
      () => 'answered',
      () => 'broken off',
    );
    const refusal = await untilRefused(server);
    expect(refusal).toMatchObject({ code: 'UNAVAILABLE', reason: 'OVERLOADED' });
    // Advice is still given, and the probes answer.
    const { quotas } = await ask(server, 'checkQuota', { orgId: 'acme' });
    expect(quotas.length).toBeGreaterThan(0);
    expect(await probe(server, '/livez')).toBe(200);
    expect(await probe(server, '/readyz')).toBe(200);
    const exit = await server.exited;
    expect(exit).toMatchObject({ code: null, signal: 'SIGKILL' });
    expect(exit.output).toContain('"event":"journal_hangs"');
    expect(await stuck).toBe('broken off');
    server.client.close();

    const again = await spawnServer(directory);
    expect(await record(again.client, 'acme', 'before')).toBe('duplicate');
    expect(await record(again.client, 'acme', 'stuck')).toBe('recorded');
    expect(await total(again.client, 'acme')).toBe(2);
    await again.stop();
    rmSync(directory, { recursive: true });
  });

  test('does not keep the process from ending when it is asked to', async () => {
    const directory = temporaryDirectory();
    const server = await spawnFaulty(directory, { ...HANG, TOLLGATE_DRAIN_SECONDS: '1' });
    await record(server.client, 'acme', 'before');
    const stuck = record(server.client, 'acme', 'stuck').catch(() => 'broken off');
    await untilRefused(server);
    server.signal('SIGTERM');
    server.signal('SIGTERM');
    const exit = await server.exited;
    expect(exit.code === 0).toBe(false);
    expect(await stuck).toBe('broken off');
    server.client.close();
    rmSync(directory, { recursive: true });
  });
});

/** Sends until the server says no; what it takes before that stays without an answer. */
async function untilRefused(server: ServerProcess) {
  for (let n = 0; ; n++) {
    const tried = refused(record(server.client, 'acme', `more-${n}`));
    const waited = new Promise<undefined>((done) => setTimeout(done, 20, undefined));
    const refusal = await Promise.race([tried, waited]);
    if (refusal !== undefined) return refusal;
    tried.catch(() => undefined);
  }
}

async function probe(server: ServerProcess, path: string): Promise<number> {
  const reply = await fetch(`http://${server.ops}${path}`);
  await reply.text();
  return reply.status;
}
