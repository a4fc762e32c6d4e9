// The state is a fold over the journal: whatever becomes of LMDB and the indexes, and however often
// the process starts, the answers stay the same.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTestClock, type TestClock } from '../support/clock.js';
import {
  answersOf,
  COMMANDS_YAML,
  type Command,
  commands,
  run,
} from '../support/fault-commands.js';
import { type Running, start } from '../support/service.js';

const CHANGE = { segmentBytes: 64 * 1024, checkpointIntervalMs: 3_600_000 };

async function serve(clock: TestClock): Promise<Running> {
  return start({ yaml: COMMANDS_YAML, clock, change: CHANGE });
}

/** Commands in turns of the event loop, some of them together, so that batches differ in size. */
async function runAll(
  running: Running,
  clock: TestClock,
  given: readonly Command[],
): Promise<void> {
  for (const [index, command] of given.entries()) {
    run(running.core, clock, command);
    if (index % 5 === 0) await running.core.journal.drain();
  }
  await running.core.journal.drain();
}

const LOSSES: readonly (readonly [string, readonly string[]])[] = [
  ['nothing', []],
  ['LMDB', ['state']],
  ['the indexes', ['index']],
  ['LMDB and the indexes', ['state', 'index']],
];

describe('the answers after a restart are those before it', () => {
  test.each(LOSSES)('without %s, whatever was asked for', async (_name, lost) => {
    await fc.assert(
      fc.asyncProperty(commands, commands, async (before, after) => {
        const clock = createTestClock('2026-11-20T12:00:00Z');
        const first = await serve(clock);
        await runAll(first, clock, before);
        const answers = await answersOf(first, clock);
        await first.service.close();
        for (const name of lost) rmSync(join(first.directory, name), { recursive: true });
        const second = await start({
          yaml: COMMANDS_YAML,
          clock,
          change: CHANGE,
          directory: first.directory,
        });
        expect(await answersOf(second, clock)).toEqual(answers);
        // And it goes on from there: the same again after more of it.
        await runAll(second, clock, after);
        const later = await answersOf(second, clock);
        await second.stop();
        for (const name of ['state', 'index']) {
          rmSync(join(first.directory, name), { recursive: true });
        }
        const third = await start({
          yaml: COMMANDS_YAML,
          clock,
          change: CHANGE,
          directory: first.directory,
        });
        expect(await answersOf(third, clock)).toEqual(later);
        await third.stop();
        expect([...first.fatal, ...second.fatal, ...third.fatal]).toEqual([]);
        rmSync(first.directory, { recursive: true });
      }),
      { numRuns: 3, endOnFailure: true },
    );
  });
});
