// The identity file says which journal a directory holds and what it has reached.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { record } from '../../src/operations/record.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import {
  journalFolder,
  note,
  openTestJournal,
  segmentsOf,
  until,
} from '../support/fault-journal.js';
import { event } from '../support/requests.js';
import { start } from '../support/service.js';

interface Identity {
  readonly uuid: string;
  readonly epoch: number;
  readonly incarnation: number;
  readonly lastSequence: number;
}

function identityPath(directory: string): string {
  return join(directory, 'identity.json');
}

function identityOf(directory: string): Identity {
  return JSON.parse(readFileSync(identityPath(directory), 'utf8'));
}

async function journalOf(entries: number): Promise<string> {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory });
  for (let i = 1; i <= entries; i++) await opened.write(note(300, i));
  await opened.saveIdentity();
  await opened.journal.close();
  return directory;
}

test('a new directory is made once, and says so', async () => {
  const directory = journalFolder();
  const first = await openTestJournal({ directory });
  await first.journal.close();
  const second = await openTestJournal({ directory });
  await second.journal.close();
  expect([first.created, second.created]).toEqual([true, false]);
  expect(second.identity.uuid).toBe(first.identity.uuid);
});

test('every start is an epoch of its own', async () => {
  const directory = journalFolder();
  const epochs: number[] = [];
  for (let i = 0; i < 4; i++) {
    const opened = await openTestJournal({ directory });
    epochs.push(opened.identity.epoch);
    await opened.write(note(300, i));
    await opened.journal.close();
  }
  expect(epochs).toEqual([1, 2, 3, 4]);
});

test('an identity older than the journal catches up: its epoch is not used again', async () => {
  const directory = await journalOf(1);
  const before = readFileSync(identityPath(directory));
  for (let i = 0; i < 3; i++) {
    const opened = await openTestJournal({ directory });
    await opened.write(note(300, i));
    await opened.journal.close();
  }
  writeFileSync(identityPath(directory), before);
  const opened = await openTestJournal({ directory });
  expect(opened.identity.epoch).toBe(5);
  expect(opened.replayed).toHaveLength(4);
  await opened.journal.close();
});

describe('a directory is refused', () => {
  const CASES: readonly (readonly [string, (directory: string) => void, string])[] = [
    [
      'whose identity is missing beside a journal',
      (directory) => rmSync(identityPath(directory)),
      'IDENTITY_MISSING',
    ],
    [
      'whose identity is empty',
      (directory) => writeFileSync(identityPath(directory), ''),
      'IDENTITY_DAMAGED',
    ],
    [
      'whose identity is not JSON',
      (directory) => writeFileSync(identityPath(directory), '{"format": 1, "uuid"'),
      'IDENTITY_DAMAGED',
    ],
    ['whose identity is null', (directory) => write(directory, null), 'IDENTITY_DAMAGED'],
    [
      'whose identity is of a newer format',
      (directory) => write(directory, { ...identityOf(directory), format: 2 }),
      'IDENTITY_DAMAGED',
    ],
    [
      'whose identity lacks its uuid',
      (directory) => write(directory, { ...identityOf(directory), uuid: undefined }),
      'IDENTITY_DAMAGED',
    ],
    [
      'whose identity has a sequence that is no number',
      (directory) => write(directory, { ...identityOf(directory), lastSequence: '3' }),
      'IDENTITY_DAMAGED',
    ],
    [
      'whose identity knows more than its journal holds',
      (directory) => write(directory, { ...identityOf(directory), lastSequence: 4 }),
      'JOURNAL_DAMAGED',
    ],
    [
      'whose identity names another journal',
      (directory) =>
        write(directory, {
          ...identityOf(directory),
          uuid: '00112233-4455-6677-8899-aabbccddeeff',
        }),
      'JOURNAL_DAMAGED',
    ],
    [
      'whose journal was emptied',
      (directory) => {
        for (const name of readdirSync(segmentsOf(directory))) {
          rmSync(join(segmentsOf(directory), name));
        }
      },
      'JOURNAL_MISSING',
    ],
    [
      'whose journal is gone',
      (directory) => rmSync(segmentsOf(directory), { recursive: true }),
      'JOURNAL_MISSING',
    ],
  ];

  test.each(CASES)('%s', async (_name, change, code) => {
    const directory = await journalOf(3);
    change(directory);
    const identity = existsSync(identityPath(directory)) && readFileSync(identityPath(directory));
    await expect(openTestJournal({ directory })).rejects.toMatchObject({ code });
    // Nothing was made up in its place.
    const after = existsSync(identityPath(directory)) && readFileSync(identityPath(directory));
    expect(after).toEqual(identity);
  });

  test('that is empty, where data must be there', async () => {
    const directory = journalFolder();
    const opening = openTestJournal({ directory, requireData: true });
    await expect(opening).rejects.toMatchObject({ code: 'DATA_MISSING' });
    expect(existsSync(identityPath(directory))).toBe(false);
  });
});

function write(directory: string, identity: unknown): void {
  writeFileSync(identityPath(directory), JSON.stringify(identity));
}

test('a directory with data is opened where data must be there', async () => {
  const directory = await journalOf(2);
  const opened = await openTestJournal({ directory, requireData: true });
  expect(opened.replayed).toHaveLength(2);
  await opened.journal.close();
});

test('an identity that could not be written once is written the next time', async () => {
  const directory = journalFolder();
  const opened = await openTestJournal({ directory });
  await opened.write(note(300));
  const blocking = `${identityPath(directory)}.tmp`;
  mkdirSync(blocking);
  await expect(opened.saveIdentity()).rejects.toMatchObject({ code: 'EISDIR' });
  rmdirSync(blocking);
  await opened.saveIdentity();
  expect(identityOf(directory).lastSequence).toBe(1);
  await opened.journal.close();
});

describe('what the journal has reached is written down', () => {
  async function serve(directory: string) {
    const change = { segmentBytes: 64 * 1024, checkpointIntervalMs: 60_000 };
    return start({ directory, yaml: catalogueYaml(), clock: createTestClock(), change });
  }

  async function recordUntil(
    running: Awaited<ReturnType<typeof serve>>,
    condition: () => boolean,
  ): Promise<void> {
    for (let i = 0; !condition(); i++) {
      record(running.core, {
        event: event({ orgId: 'acme', eventId: `e-${i}`, meter: 'calls' }),
        durability: 0,
        enforceQuota: false,
        validateOnly: false,
      });
      if (i % 100 === 0) await running.core.journal.drain();
    }
    await running.core.journal.drain();
  }

  const segments = (directory: string) => readdirSync(segmentsOf(directory)).length;

  test('at a clean stop', async () => {
    const directory = journalFolder();
    const running = await serve(directory);
    let events = 0;
    await recordUntil(running, () => events++ === 10);
    const last = running.core.journal.lastSequence();
    await running.stop();
    expect(identityOf(directory).lastSequence).toBe(last);
  });

  test('when a segment is full', async () => {
    const directory = journalFolder();
    const running = await serve(directory);
    await recordUntil(running, () => segments(directory) > 3);
    await until(() => identityOf(directory).lastSequence > 0);
    await running.stop();
  });

  test('at a checkpoint', async () => {
    const directory = journalFolder();
    const clock = createTestClock();
    const running = await start({ directory, yaml: catalogueYaml(), clock });
    let events = 0;
    await recordUntil(running, () => events++ === 10);
    const last = running.core.journal.lastSequence();
    clock.advance(60_000);
    await until(() => identityOf(directory).lastSequence === last);
    await running.stop();
  });
});
