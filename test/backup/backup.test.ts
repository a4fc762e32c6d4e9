// Backups of a server that goes on: what is in them, what a second one sends, what a broken one
// leaves.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { AdminServiceClient } from '../../generated/ts/tollgate/v1/admin_service.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { openBackup } from '../../src/operations/admin/backup.js';
import { checkBackup } from '../../src/ops/backup/check.js';
import { readManifest } from '../../src/ops/backup/manifest.js';
import { findJournal, inspect } from '../../src/ops/cli/inspect.js';
import { cold, type Json } from '../support/cold.js';
import { runMain } from '../support/commands.js';
import { type CutProxy, openCutProxy } from '../support/cut-proxy.js';
import { flipBit, noise, until } from '../support/fault-journal.js';
import { AUTH_ON, bootstrapKey, makeKey } from '../support/keys.js';
import { createBook, sendLoad } from '../support/load.js';
import { refusedOf } from '../support/refusals.js';
import { ask, event } from '../support/requests.js';
import { type Running, type StartOptions, start, temporaryDirectory } from '../support/service.js';

const SMALL = { change: { segmentBytes: 256 * 1024 } };

afterEach(() => vi.unstubAllEnvs());

async function started(options: StartOptions = SMALL): Promise<Running> {
  const running = await start(options);
  onTestFinished(async () => {
    await running.stop();
    expect(running.fatal).toEqual([]);
  });
  return running;
}

function folder(): string {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function backUp(address: string, directory: string): Promise<Json> {
  const { code, out, err } = await runMain(
    ...['backup', '--target', address, '--output', directory, '--json'],
  );
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out);
}

/** 400 bytes an event: several segments. */
async function fill(running: Running, orgId: string, events: number): Promise<void> {
  for (let n = 0; n < events; n += 100) {
    const given = Array.from({ length: 100 }, (_, i) => {
      const eventId = `${orgId}-${n + i}`;
      const dimensions = { tool: 'search', note: noise(256, n + i) };
      return event({ orgId, eventId, meter: 'executions', dimensions });
    });
    const { results } = await ask(running, 'recordBatch', { orgId, events: given });
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(RECORDED);
  }
}

const RECORDED = new Set([Outcome.OUTCOME_RECORDED]);

function eventsIn(directory: string): readonly string[] {
  const manifest = readManifest(directory);
  const journal =
    manifest === undefined
      ? findJournal(directory)
      : checkBackup(directory, manifest, () => undefined);
  const events: string[] = [];
  const found = inspect({
    journal,
    upTo: 0,
    onProgress: () => undefined,
    onRecord: ({ eventId }, sequence) => events.push(`${sequence} ${eventId}`),
  });
  expect(found.problems).toEqual([]);
  return events;
}

test('under load it is a prefix of the journal, with all that was acknowledged before it began', async () => {
  const running = await started();
  await fill(running, 'acme', 2000);
  const book = createBook();
  let stopped = false;
  const load = sendLoad(running.client, book, 'e', 64, () => stopped);
  await until(() => (book.acknowledged.get('org-3')?.size ?? 0) > 20);
  const before = [...book.acknowledged.values()].flatMap((ids) => [...ids]);
  const directory = folder();
  const report = await backUp(running.address, directory);
  const during = [...book.acknowledged.values()].flatMap((ids) => [...ids]).length;
  stopped = true;
  await load;
  const inBackup = eventsIn(directory);
  expect(during).toBeGreaterThan(before.length);
  const ids = new Set(inBackup.map((line) => line.slice(line.indexOf(' ') + 1)));
  expect(before.filter((id) => !ids.has(id))).toEqual([]);
  expect(eventsIn(running.directory).slice(0, inBackup.length)).toEqual(inBackup);
  expect(running.core.journal.lastSequence()).toBeGreaterThan(report.sequence);
  const verified = await runMain('verify', '--data-dir', directory);
  expect(verified.code).toBe(0);
  expect(verified.out).toContain(`${directory}: whole\n`);
  expect(verified.out).toContain(`up to sequence ${report.sequence} at `);
});

test('again into the same directory it sends what is new only, and sweeps what is old', async () => {
  const running = await started();
  await fill(running, 'acme', 4000);
  const directory = folder();
  const first = await backUp(running.address, directory);
  expect([first.filesSent, first.bytesSent]).toEqual([first.files, first.bytes]);
  expect(first.files).toBeGreaterThan(3);
  await fill(running, 'bolt', 100);
  const second = await backUp(running.address, directory);
  expect(second.sequence).toBeGreaterThan(first.sequence);
  expect(second.filesSent).toBeLessThanOrEqual(2);
  expect(second.bytesSent).toBeLessThan(first.bytesSent / 2);
  expect(readdirSync(join(directory, 'journal'))).toHaveLength(second.files);
  expect(eventsIn(directory)).toEqual(eventsIn(running.directory));
});

test('what a copy has no more of, or cannot be read, is sent again', async () => {
  const running = await started();
  await fill(running, 'acme', 4000);
  const directory = folder();
  await backUp(running.address, directory);
  const [first = '', second = ''] = readdirSync(join(directory, 'journal'));
  rmSync(join(directory, 'journal', first));
  writeFileSync(join(directory, 'journal', second), 'nothing of it');
  const again = await backUp(running.address, directory);
  expect(again.filesSent).toBe(3);
  expect(eventsIn(directory)).toEqual(eventsIn(running.directory));
});

describe('a connection that is cut in the middle', () => {
  test('leaves the backup before as it was, and the next run keeps what arrived', async () => {
    const running = await started();
    const proxy = await openCutProxy(running.address);
    onTestFinished(() => proxy.close());
    const directory = folder();
    await fill(running, 'acme', 300);
    const whole = await backUp(proxy.address, directory);
    await fill(running, 'bolt', 6000);
    const cut = cutOnceArrived(proxy, directory, whole.files + 2);
    const broken = await runMain('backup', '--target', proxy.address, '--output', directory);
    await cut;
    expect([broken.code, broken.out]).toEqual([1, '']);
    expect(broken.err).toMatch(/^backup: the call failed with (UNAVAILABLE|CANCELLED)/);
    expect(eventsIn(directory)).toHaveLength(300);
    expect((await runMain('verify', '--data-dir', directory)).code).toBe(0);
    const arrived = readdirSync(join(directory, 'journal')).filter((name) => !/tmp$/.test(name));
    const done = await backUp(proxy.address, directory);
    expect(done.filesSent).toBeLessThanOrEqual(done.files - (arrived.length - whole.files));
    expect(eventsIn(directory)).toEqual(eventsIn(running.directory));
  });

  async function cutOnceArrived(proxy: CutProxy, directory: string, files: number) {
    await until(() => readdirSync(join(directory, 'journal')).length > files);
    proxy.cut();
  }
});

test('one runs at a time; one whose caller went away is over', async () => {
  const running = await started();
  await fill(running, 'acme', 4000);
  const client = new AdminServiceClient(running.address, credentials.createInsecure());
  onTestFinished(() => client.close());
  const first = client.backup({ held: [] });
  first.on('error', () => undefined);
  await new Promise((resolve) => first.once('data', resolve));
  first.pause();
  const second = await runMain('backup', '--target', running.address, '--output', folder());
  expect(second.code).toBe(1);
  expect(second.err).toContain('RESOURCE_EXHAUSTED (BACKUP_RUNNING)');
  first.cancel();
  await backUp(running.address, folder());
});

test('one whose caller goes away while the next asks is waited for', async () => {
  const running = await started();
  await fill(running, 'acme', 100);
  const backup = openBackup();
  const first = backup(running.core, { held: [] });
  expect((await first.next()).value).toMatchObject({ part: { $case: 'header' } });
  const second = backup(running.core, { held: [] });
  const header = second.next();
  await setTimeout(50);
  await first.return(undefined);
  expect((await header).value).toMatchObject({ part: { $case: 'header' } });
  await second.return(undefined);
});

test('it needs a credential of a platform administrator for every organisation', async () => {
  const running = await started({ flags: AUTH_ON });
  const keyFile = join(folder(), 'key');
  const withKey = async (secret: string) => {
    writeFileSync(keyFile, secret);
    vi.stubEnv('TOLLGATE_API_KEY_FILE', keyFile);
    return runMain('backup', '--target', running.address, '--output', folder());
  };
  const none = await runMain('backup', '--target', running.address, '--output', folder());
  expect([none.code, none.err]).toEqual([1, expect.stringContaining('CREDENTIAL_MISSING')]);
  const owner = await makeKey(running, { org_id: 'acme', roles: ['owner'] });
  expect((await withKey(owner.secret)).err).toContain('PERMISSION_MISSING');
  const some = await makeKey(running, { allowed_orgs: ['acme'], roles: ['platform_admin'] });
  expect((await withKey(some.secret)).err).toContain('ORG_MISMATCH');
  expect(await withKey(bootstrapKey(running))).toMatchObject({ code: 0, err: '' });
  const metadata = { authorization: `Bearer ${bootstrapKey(running)}` };
  const { entries } = await cold(
    running,
    'Admin',
    'ListAuditEntries',
    { action: 'Backup' },
    metadata,
  );
  // Beside what was refused.
  const sent = entries.filter(({ reason }: Json) => reason === '');
  expect(sent.map(({ actor }: Json) => actor)).toEqual([expect.stringMatching(/^key:tg_/)]);
});

test('it is refused into a backup of another journal, and of a history that was lost', async () => {
  const [one, other] = [await started(), await started()];
  const directory = folder();
  await backUp(one.address, directory);
  const manifest = readFileSync(join(directory, 'manifest.json'), 'utf8');
  const foreign = await runMain('backup', '--target', other.address, '--output', directory);
  expect([foreign.code, foreign.out]).toEqual([1, '']);
  expect(foreign.err).toMatch(/is a backup of journal \S+, the server has \S+: use another/);
  expect(readFileSync(join(directory, 'manifest.json'), 'utf8')).toBe(manifest);
});

test('more held segments than there can be are refused', async () => {
  const running = await started();
  const client = new AdminServiceClient(running.address, credentials.createInsecure());
  onTestFinished(() => client.close());
  const held = Array.from({ length: 20_001 }, (_, i) => ({
    number: i + 1,
    lastSequence: 1n,
    chainCrc: 1n,
  }));
  const call = client.backup({ held });
  const error = await new Promise<Parameters<typeof refusedOf>[0]>((resolve) => {
    call.on('error', resolve);
    call.resume();
  });
  expect(refusedOf(error)).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['held'] });
});

test('a manifest that was changed is told, and nothing is written over it', async () => {
  const running = await started();
  const directory = folder();
  await backUp(running.address, directory);
  const path = join(directory, 'manifest.json');
  flipBit(path, readFileSync(path, 'utf8').indexOf('"incarnation": 1') + 15, 1);
  const again = await runMain('backup', '--target', running.address, '--output', directory);
  expect([again.code, again.err]).toEqual([3, expect.stringContaining('manifest.json')]);
  expect((await runMain('verify', '--data-dir', directory)).code).toBe(3);
});

test.each([
  ['--target 127.0.0.1:1', 'backup: --output is required: the directory to write to\n'],
  ['--output x', 'backup: --target is required: host:port or unix:///path\n'],
  ['--output x --target 127.0.0.1:1 --colour', 'backup: --colour: unknown flag\n'],
])('backup %s is bad usage', async (line, err) => {
  expect(await runMain('backup', ...line.split(' '))).toEqual({ code: 2, out: '', err });
});
