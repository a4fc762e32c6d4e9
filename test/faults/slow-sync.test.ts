// A client that waits too long sends its event again while the first call still waits for the disk.
// DUPLICATE means "it is recorded": nobody may hear that before it is.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { MeteringServiceClient } from '../../generated/ts/tollgate/v1/metering_service.js';
import { ensureBuilt } from '../support/fault-build.js';
import { record, total } from '../support/load.js';
import { ask } from '../support/requests.js';
import { spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

const FAULTY = join(import.meta.dirname, 'children', 'faulty-disk.mjs');

beforeAll(() => ensureBuilt());

/** A server with one event on its way to the disk, and a retry of it from another client. */
async function withRetry() {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const env = { FAULT: 'wait', FAULT_AT: '3', TOLLGATE_JOURNAL_SEGMENT_BYTES: '16MiB' };
  const server = await spawnServer(directory, { program: [FAULTY], env });
  const other = new MeteringServiceClient(server.address, credentials.createInsecure());
  onTestFinished(async () => {
    other.close();
    await server.kill();
  });
  expect(await record(server.client, 'acme', 'before')).toBe('recorded');
  const answers: string[] = [];
  const send = (client: MeteringServiceClient, who: string) =>
    record(client, 'acme', 'slow').then(
      (outcome) => answers.push(`${who}: ${outcome}`),
      () => answers.push(`${who}: broken off`),
    );
  const first = send(server.client, 'first');
  await expect.poll(server.output, { timeout: 10_000 }).toContain('FAULT wait');
  const retry = send(other, 'retry');
  // Answered behind the retry on its own connection: the server has decided both by now.
  await ask({ client: other }, 'checkQuota', { orgId: 'acme' });
  return { directory, server, answers, ended: Promise.all([first, retry]) };
}

describe('a retry while the sync of the first call hangs', () => {
  test('waits with it, and is DUPLICATE once the event is durable', async () => {
    const { server, answers, ended } = await withRetry();
    expect(answers).toEqual([]);
    server.signal('SIGUSR2');
    await ended;
    expect(answers.toSorted()).toEqual(['first: recorded', 'retry: duplicate']);
    expect(await total(server.client, 'acme')).toBe(2);
  });

  test('hears nothing where the server dies first, and counts once when it is sent again', async () => {
    const { directory, server, answers, ended } = await withRetry();
    await server.kill();
    await ended;
    expect(answers.toSorted()).toEqual(['first: broken off', 'retry: broken off']);
    const again = await spawnServer(directory);
    onTestFinished(() => again.kill());
    expect(await record(again.client, 'acme', 'slow')).toBe('recorded');
    expect(await total(again.client, 'acme')).toBe(2);
  });
});
