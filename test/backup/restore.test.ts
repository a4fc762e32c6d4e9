// Restoring: what comes back, what is refused, and what an interrupted one leaves.

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import type { Identity } from '../../src/journal/identity.js';
import { closeAt, use } from '../support/billing.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold, type Json } from '../support/cold.js';
import { runMain } from '../support/commands.js';
import { flipBit } from '../support/fault-journal.js';
import { refused } from '../support/refusals.js';
import { ask, event } from '../support/requests.js';
import { type Running, start, temporaryDirectory } from '../support/service.js';

const yaml = catalogueYaml({
  price_lists: '\n    - {id: usd, prices: [{meter: tokens, unit_price: 0.10}]}',
});

function folder(): string {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function open(clock: TestClock, directory?: string): Promise<Running> {
  const running = await start({ yaml, clock, ...(directory === undefined ? {} : { directory }) });
  onTestFinished(async () => {
    await running.stop();
    expect(running.fatal).toEqual([]);
  });
  return running;
}

async function withUsage(): Promise<{ running: Running; clock: TestClock }> {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await open(clock);
  for (const orgId of ['acme', 'bolt']) {
    for (const quantity of ['50', '7', '3']) {
      await use(running, { orgId, meter: 'tokens', quantity, dimensions: { model: 'm' } });
    }
    await use(running, { orgId, meter: 'tokens', quantity: '1', eventId: 'wrong' });
    await cold(running, 'Correction', 'VoidEvent', {
      org_id: orgId,
      event_id: 'wrong',
      reason: 't',
    });
  }
  await closeAt(running, clock, '2026-12-01T01:00:00Z', 'acme', 'bolt');
  await use(running, { orgId: 'acme', meter: 'tokens', quantity: '9', dimensions: { model: 'm' } });
  return { running, clock };
}

async function backedUp(running: Running): Promise<{ from: string; report: Json }> {
  const from = folder();
  const { code, out } = await runMain(
    ...['backup', '--target', running.address, '--output', from, '--json'],
  );
  expect(code).toBe(0);
  return { from, report: JSON.parse(out) };
}

const restore = (from: string, to: string, ...flags: readonly string[]) =>
  runMain('restore', '--from', from, '--data-dir', to, ...flags);

function identityIn(directory: string): Identity {
  return JSON.parse(readFileSync(join(directory, 'identity.json'), 'utf8'));
}

/** Everything that an organisation could ask about its money. */
async function answers(running: Running): Promise<unknown> {
  const of = async (orgId: string) => ({
    usage: await ask(running, 'getUsage', { orgId, period: '2026-11' }),
    quotas: await ask(running, 'checkQuota', { orgId }),
    events: (await ask(running, 'listUsageEvents', { orgId, pageSize: 1000 })).events,
    invoices: await cold(running, 'Invoice', 'ListInvoices', { org_id: orgId }),
    draft: (await ask(running, 'getInvoice', { orgId })).invoice,
  });
  return [await of('acme'), await of('bolt')];
}

test('a restored server answers as the old one did at the end of the backup', async () => {
  const { running, clock } = await withUsage();
  const before = await answers(running);
  const { from, report } = await backedUp(running);
  await use(running, { orgId: 'acme', meter: 'tokens', quantity: '400', eventId: 'later' });
  const to = folder();
  const restored = await restore(from, to);
  expect([restored.code, restored.err]).toEqual([0, '']);
  expect(restored.out).toContain(
    `incarnation 2 begins behind sequence ${report.sequence} of incarnation 1\n`,
  );
  expect((await runMain('verify', '--data-dir', to)).code).toBe(0);
  const { uuid } = identityIn(running.directory);
  expect(identityIn(to)).toMatchObject({
    uuid,
    incarnation: 2,
    forks: [{ incarnation: 2, parent: 1, forkSequence: report.sequence }],
    lastSequence: report.sequence,
  });
  const second = await open(clock, to);
  expect(await answers(second)).toEqual(before);
  // What was in the backup is known by its id still, what came later is not.
  const record = (eventId: string) => {
    const given = { orgId: 'acme', meter: 'tokens', quantity: '1', eventId };
    return ask(second, 'record', { event: event(given) });
  };
  expect((await record('wrong')).outcome).toBe(Outcome.OUTCOME_DUPLICATE);
  expect((await record('later')).outcome).toBe(Outcome.OUTCOME_RECORDED);
  expect((await cold(second, 'Admin', 'Verify')).ok).toBe(true);
});

test('a listing that began behind the end of the backup has to begin anew', async () => {
  const { running, clock } = await withUsage();
  const page = (from: Running, pageToken = '') =>
    ask(from, 'listUsageEvents', { orgId: 'acme', pageSize: 1, pageToken });
  const early = (await page(running)).nextPageToken;
  const { from } = await backedUp(running);
  await use(running, { orgId: 'acme', meter: 'tokens', quantity: '400' });
  const late = (await page(running)).nextPageToken;
  const to = folder();
  expect((await restore(from, to)).code).toBe(0);
  const second = await open(clock, to);
  expect((await page(second, early)).events).toHaveLength(1);
  expect(await refused(page(second, late))).toMatchObject({
    code: 'INVALID_ARGUMENT',
    fields: ['page_token'],
  });
});

test('the restored server is backed up on; the old one no more, where it has lost something', async () => {
  const { running, clock } = await withUsage();
  const { from } = await backedUp(running);
  const older = folder();
  cpSync(from, older, { recursive: true, filter: (path) => !path.includes('lock.') });
  await use(running, { orgId: 'acme', meter: 'tokens', quantity: '1' });
  const newer = await runMain('backup', '--target', running.address, '--output', from);
  expect(newer.code).toBe(0);
  const to = folder();
  expect((await restore(older, to)).code).toBe(0);
  const second = await open(clock, to);
  await use(second, { orgId: 'acme', meter: 'tokens', quantity: '2' });
  const gone = await runMain('backup', '--target', second.address, '--output', from);
  expect([gone.code, gone.out]).toEqual([1, '']);
  expect(gone.err).toMatch(
    /holds sequence \d+ of incarnation 1, and the server has that one up to/,
  );
  const on = await runMain('backup', '--target', second.address, '--output', older);
  expect([on.code, on.err]).toEqual([0, '']);
  expect((await runMain('verify', '--data-dir', older)).code).toBe(0);
});

test('one flipped bit in a file is found, and named; nothing is written', async () => {
  const { running } = await withUsage();
  const { from } = await backedUp(running);
  const [name = ''] = readdirSync(join(from, 'journal'));
  const path = join(from, 'journal', name);
  flipBit(path, Math.floor(readFileSync(path).length / 2), 3);
  const to = folder();
  const { code, err } = await restore(from, to);
  expect([code, err]).toEqual([
    3,
    `tollgate: BACKUP_DAMAGED: ${path} is damaged: its SHA-256 is not the one in its name\n`,
  ]);
  expect(readdirSync(to)).toEqual([]);
  const verified = await runMain('verify', '--data-dir', from);
  expect([verified.code, verified.out]).toEqual([3, expect.stringContaining(path)]);
  rmSync(path);
  expect(await restore(from, to)).toMatchObject({
    code: 3,
    err: expect.stringContaining(`${path} is missing`),
  });
});

test('a directory that holds anything is refused', async () => {
  const { running } = await withUsage();
  const { from } = await backedUp(running);
  const to = folder();
  writeFileSync(join(to, 'identity.json'), '{}');
  const { code, out, err } = await restore(from, to);
  expect([code, out]).toEqual([1, '']);
  expect(err).toBe(
    `tollgate: DATA_DIR_NOT_EMPTY: ${to} is not empty (identity.json): ` +
      'restore into an empty directory\n',
  );
  expect(readdirSync(to)).toEqual(['identity.json']);
  // What a new volume brings along is nothing.
  rmSync(join(to, 'identity.json'));
  mkdirSync(join(to, 'lost+found'));
  expect((await restore(from, to)).code).toBe(0);
});

test('one that was interrupted is no data directory, and begins again', async () => {
  const { running, clock } = await withUsage();
  const { from } = await backedUp(running);
  const to = folder();
  expect((await restore(from, to)).code).toBe(0);
  rmSync(join(to, 'identity.json'));
  writeFileSync(join(to, 'restoring'), '');
  await expect(start({ yaml, clock, directory: to })).rejects.toMatchObject({
    code: 'IDENTITY_MISSING',
  });
  for (const name of ['bootstrap.key', 'addresses.json', 'state']) {
    rmSync(join(to, name), { recursive: true, force: true });
  }
  expect((await restore(from, to)).code).toBe(0);
  expect(existsSync(join(to, 'restoring'))).toBe(false);
  expect((await runMain('verify', '--data-dir', to)).code).toBe(0);
});

test('a dry run checks everything and writes nothing', async () => {
  const { running } = await withUsage();
  const { from, report } = await backedUp(running);
  const to = join(folder(), 'data');
  const { code, out } = await restore(from, to, '--dry-run', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    directory: to,
    sequence: report.sequence,
    incarnation: 2,
    parent: 1,
    written: false,
  });
  expect(existsSync(to)).toBe(false);
});

test.each([
  [[], 2, '--from: is required: the directory of the backup\n'],
  [
    ['--from', '/nowhere'],
    1,
    'tollgate: BACKUP_MISSING: /nowhere holds no backup: no manifest.json\n',
  ],
  [['--from', 'x', 'y'], 2, 'y: unexpected argument\n'],
])('restore %j is refused', async (argv, code, err) => {
  expect(await runMain('restore', ...argv)).toEqual({ code, out: '', err });
});
