// What verify and repair say of damage: where, when, and whose the entries behind it are.

import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runMain } from '../support/commands.js';
import { type Batch, flipBit, keep, type Snapshot, scanAll } from '../support/fault-journal.js';
import { record } from '../support/load.js';
import { start, temporaryDirectory } from '../support/service.js';

const directory = temporaryDirectory();
let batches: readonly Batch[] = [];
let whole: Snapshot;

beforeAll(async () => {
  const running = await start({ directory });
  for (let n = 0; n < 30; n++) {
    await record(running.client, ['acme', 'bolt', 'cygnus'][Math.floor(n / 10)] ?? '', `e-${n}`);
  }
  await running.stop();
  batches = scanAll(directory).batches;
  whole = keep(directory);
});
afterAll(() => rmSync(directory, { recursive: true }));

/** In the body of the batch that holds the nth event. */
function damage(event: number): { readonly offset: number; readonly after: number } {
  whole.restore();
  const batch = batches.at(event - 30);
  if (batch === undefined) throw new Error('no such batch');
  flipBit(batch.path, batch.offset + 70, 2);
  return { offset: batch.offset, after: batch.firstSequence - 1 };
}

const TIME = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;

describe('damage in the middle', () => {
  test('is told with file, byte, time, and the organisations of what is behind it', async () => {
    const { offset, after } = damage(14);
    const { code, out } = await runMain('verify', '--data-dir', directory);
    expect(code).toBe(3);
    expect(out).toMatch(
      new RegExp(
        `! .*00000001\\.seg is damaged at byte ${offset}, after sequence ${after}: .*; ` +
          `the batch before is of ${TIME}\n`,
      ),
    );
    expect(out).toMatch(
      new RegExp(
        `! behind it (\\d+) entries can be read still, ${TIME} to ${TIME}: 15 events; ` +
          'of 2 organisations: bolt, cygnus\n',
      ),
    );
  });

  test('is data with --json, from both commands', async () => {
    const { offset, after } = damage(14);
    const expected = {
      offset,
      afterSequence: after,
      afterTime: expect.stringMatching(TIME),
      behind: { events: 15, organisations: ['bolt', 'cygnus'] },
    };
    const verified = await runMain('verify', '--data-dir', directory, '--json');
    expect(JSON.parse(verified.out)).toMatchObject({ whole: false, damage: expected });
    const planned = await runMain('repair', '--data-dir', directory, '--json');
    expect(planned.code).toBe(3);
    const plan = JSON.parse(planned.out);
    expect(plan).toMatchObject({ outcome: 'planned', damage: expected });
    expect(plan.plan).toMatch(/^Plan: cut 00000001\.seg at byte \d+, .* At least \d+ entries of/);
    expect(whole.unchanged()).toBe(false);
    const done = await runMain('repair', '--data-dir', directory, '--apply', '--json');
    expect([done.code, JSON.parse(done.out).outcome]).toEqual([0, 'done']);
    const after2 = await runMain('repair', '--data-dir', directory, '--json');
    expect(JSON.parse(after2.out)).toMatchObject({ outcome: 'whole', damage: null, plan: '' });
  });
});

test('damage of the last batch has nothing behind it', async () => {
  damage(29);
  const { out } = await runMain('verify', '--data-dir', directory, '--json');
  expect(JSON.parse(out).damage.behind).toBe(null);
});
