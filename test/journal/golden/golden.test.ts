// A journal of every released format is read by every later version, entry for entry.

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Outcome } from '../../../generated/ts/tollgate/v1/usage_event.js';
import { createTestClock } from '../../support/clock.js';
import { uncompressed } from '../../support/fault-files.js';
import { journalFolder, openTestJournal } from '../../support/fault-journal.js';
import { ask, event } from '../../support/requests.js';
import { start } from '../../support/service.js';
import {
  GOLDEN_SEGMENT_BYTES,
  GOLDEN_START,
  GOLDEN_YAML,
  goldenChange,
  writeGolden,
} from './write-golden.js';

const FOLDER = join(import.meta.dirname, 'format-1');
const EXPECTED = join(import.meta.dirname, 'expected.json');
const WRITING = process.env['TOLLGATE_WRITE_GOLDEN'] === '1';

interface Expected {
  /** Each as JSON, one to a line. */
  readonly entries: readonly string[];
  readonly answers: unknown;
}

function copyOfGolden(): string {
  const directory = journalFolder();
  cpSync(FOLDER, directory, { recursive: true });
  return directory;
}

async function entriesOf(directory: string): Promise<readonly string[]> {
  const opened = await openTestJournal({
    directory,
    files: uncompressed,
    segmentBytes: GOLDEN_SEGMENT_BYTES,
  });
  await opened.journal.close();
  return opened.replayed.map((fact) => JSON.stringify(plain(fact)));
}

function serve(directory: string) {
  const clock = createTestClock(GOLDEN_START);
  clock.advance(120_000);
  return start({ directory, clock, yaml: GOLDEN_YAML, change: goldenChange });
}

async function answersOf(directory: string): Promise<unknown> {
  const running = await serve(directory);
  const organisations = ['acme', 'bolt.io', ...Array.from({ length: 7 }, (_, i) => `org-${i}`)];
  const answers: Record<string, unknown> = {};
  for (const orgId of organisations) {
    const { totals } = await ask(running, 'getUsage', {
      orgId,
      startTime: { seconds: 1_790_000_000n, nanos: 0 },
      endTime: { seconds: 1_800_000_000n, nanos: 0 },
    });
    const { quotas } = await ask(running, 'checkQuota', { orgId });
    const { reservations } = await ask(running, 'listReservations', { orgId });
    answers[orgId] = {
      totals: totals.map(({ meter, quantity, eventCount }) => [meter, quantity, eventCount]),
      quotas: quotas.map(({ quotaKey, used, reserved }) => [quotaKey, used, reserved]),
      open: reservations.map(({ reservationId }) => reservationId),
    };
  }
  await running.stop();
  return plain(answers);
}

/** As JSON can hold it. */
function plain(value: unknown): unknown {
  const replacer = (_key: string, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part);
  return JSON.parse(JSON.stringify(value, replacer));
}

test.runIf(WRITING)('the golden journal is written anew', async () => {
  await writeGolden(FOLDER);
  const expected: Expected = {
    entries: await entriesOf(copyOfGolden()),
    answers: await answersOf(copyOfGolden()),
  };
  writeFileSync(EXPECTED, `${JSON.stringify(expected, null, 2)}\n`);
});

describe('the journal of format 1', () => {
  const expected = () => JSON.parse(readFileSync(EXPECTED, 'utf8')) as Expected;

  test('holds an entry of every kind', () => {
    const kinds = expected().entries.map((text) => JSON.parse(text).entry.kind);
    expect([...new Set(kinds)].sort()).toEqual([
      'catalogue',
      'denials',
      'expire',
      'extend',
      'organisation',
      'record',
      'release',
      'reserve',
      'settle',
    ]);
  });

  test('has the entries that it had', async () => {
    expect(await entriesOf(copyOfGolden())).toEqual(expected().entries);
  });

  test('gives the answers that it gave', async () => {
    expect(await answersOf(copyOfGolden())).toEqual(expected().answers);
  });

  test('knows its events again: same body, first answer; other body, conflict', async () => {
    const running = await serve(copyOfGolden());
    const sent = event({
      orgId: 'acme',
      eventId: 'run-1',
      meter: 'run_units',
      run: { cpuSeconds: 0.4, latencyMs: 900 },
      dimensions: { tier: 'heavy', tool: 'build_module' },
    });
    const again = await ask(running, 'record', { event: sent });
    expect(again.outcome).toBe(Outcome.OUTCOME_DUPLICATE);
    const other = { ...sent, amount: { $case: 'quantity' as const, value: '1' } };
    await expect(ask(running, 'record', { event: other })).rejects.toMatchObject({ code: 6 });
    await running.stop();
  });

  test('goes on: what is recorded now is there after the next start', async () => {
    const directory = copyOfGolden();
    let running = await serve(directory);
    const sent = event({ orgId: 'acme', eventId: 'new', meter: 'calls' });
    const first = await ask(running, 'record', { event: sent });
    await running.stop();
    running = await serve(directory);
    const again = await ask(running, 'record', { event: sent });
    expect([again.outcome, again.sequence]).toEqual([Outcome.OUTCOME_DUPLICATE, first.sequence]);
    await running.stop();
  });
});
