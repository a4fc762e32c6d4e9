// Damage in a part of the data that a start does not read: a compressed segment, an index. Verify
// finds it, repair says what it costs and does what it says.

import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recordBatch } from '../../src/operations/record-batch.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { ensureBuilt } from '../support/fault-build.js';
import { ask, event } from '../support/requests.js';
import { runCommand } from '../support/server-process.js';
import { type Running, start, temporaryDirectory } from '../support/service.js';

const original = temporaryDirectory();
const BATCH = 100;
let recorded = 0;

beforeAll(async () => {
  ensureBuilt();
  const running = await serve(original);
  const compressed = join(original, 'journal', '00000002.segz');
  while (!existsSync(compressed)) {
    const events = Array.from({ length: BATCH }, () =>
      event({ orgId: 'acme', eventId: `e-${recorded++}`, meter: 'calls' }),
    );
    recordBatch(running.core, {
      orgId: '',
      events,
      atomic: false,
      durability: 0,
      enforceQuota: false,
    });
    await running.core.journal.drain();
  }
  await running.stop();
});

afterAll(() => rmSync(original, { recursive: true }));

function serve(directory: string): Promise<Running> {
  const change = { segmentBytes: 64 * 1024 };
  return start({ directory, yaml: catalogueYaml(), clock: createTestClock(), change });
}

async function usage(directory: string): Promise<number> {
  const running = await serve(directory);
  const { totals } = await ask(running, 'getUsage', { orgId: 'acme', meters: ['calls'] });
  await running.stop();
  return Number(totals[0]?.quantity);
}

function copy(): string {
  const directory = temporaryDirectory();
  cpSync(original, directory, { recursive: true, filter: (path) => !path.includes('lock.') });
  return directory;
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 0x55;
  writeFileSync(path, bytes);
}

describe('a compressed segment with a flipped byte', () => {
  test('is found by verify, cut by repair, and what is before it is served', async () => {
    const directory = copy();
    const path = join(directory, 'journal', '00000002.segz');
    flip(path, 3000);
    const found = await runCommand(['verify', '--data-dir', directory]);
    expect(found.code).toBe(3);
    expect(found.output).toMatch(/00000002\.segz is damaged at byte \d+, after sequence \d+/);
    expect(found.output).not.toMatch(/meter calls:/);

    const planned = await runCommand(['repair', '--data-dir', directory]);
    expect(planned.code).toBe(3);
    const plan = /cut 00000002\.segz .* after sequence (\d+); .*At least (\d+) entries of (\d+)/;
    const [, kept = '', lost = '', all = ''] = plan.exec(planned.output) ?? [];
    expect(Number(kept) + Number(lost)).toBe(Number(all));
    expect(Number(lost)).toBeGreaterThan(0);

    const repaired = await runCommand(['repair', '--data-dir', directory, '--apply']);
    expect(repaired.code).toBe(0);
    const [quarantine = ''] = readdirSync(join(directory, 'quarantine'));
    const aside = readdirSync(join(directory, 'quarantine', quarantine));
    expect(aside).toContain('00000002.segz');
    expect(aside).toContain('state');
    const again = await runCommand(['verify', '--data-dir', directory]);
    expect(again.output).toContain('whole');
    // The catalogue and the organisation are entries too.
    expect(await usage(directory)).toBe(Number(kept) - 2);
    rmSync(directory, { recursive: true });
  });
});

describe('an index with', () => {
  const harm: readonly (readonly [string, (index: string) => void])[] = [
    ['a flipped byte in a run', (index) => flip(join(index, runIn(index)), 100)],
    ['a run that is missing', (index) => rmSync(join(index, runIn(index)))],
    ['no manifest', (index) => rmSync(join(index, 'MANIFEST.json'))],
  ];
  test.each(harm)('%s is found by verify and built again', async (_what, act) => {
    const directory = copy();
    await writeIndexes(directory);
    expect((await runCommand(['verify', '--data-dir', directory])).code).toBe(0);
    act(join(directory, 'index'));
    const found = await runCommand(['verify', '--data-dir', directory]);
    expect(found.code).toBe(3);
    expect(found.output).toMatch(/! index: .*; the next start builds it again/);
    expect(await usage(directory)).toBeGreaterThanOrEqual(recorded);
    rmSync(directory, { recursive: true });
  });
});

/** A day further the tail of the day before is written out. */
async function writeIndexes(directory: string): Promise<void> {
  const clock = createTestClock();
  const running = await start({ directory, yaml: catalogueYaml(), clock });
  clock.advance(86_400_000);
  await ask(running, 'record', { event: event({ orgId: 'acme', meter: 'calls' }) });
  // The server does it by itself, beside its other work.
  await expect.poll(() => running.core.indexes.backlog()).toBe(0);
  await running.stop();
}

function runIn(index: string): string {
  return readdirSync(index).find((name) => name.startsWith('ids-')) ?? 'none';
}
