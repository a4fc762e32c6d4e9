// The whole service on a disk that loses its power: random commands over days, beside a model that
// keeps every event; between two commands or in the middle of one the disk stops, with any part of
// what was not synced, and another process begins on what it kept. What was answered is there, once;
// what was not may be sent again. Every counter, hold and total is compared (I6).
//
//   make sim SEED=7 STEPS=500

import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createTestClock } from '../support/clock.js';
import {
  compare,
  openWorld,
  record,
  recordAgain,
  step,
  WORLD_YAML,
  type World,
} from '../support/quota-world.js';
import { start, temporaryDirectory } from '../support/service.js';
import { openSimDisk, type SimDisk } from '../support/sim-disk.js';

const ASKED = process.env['TOLLGATE_SIM_SEED'];
const SEEDS = ASKED === undefined ? [1, 2, 3, 4, 5, 6] : [Number(ASKED)];
const STEPS = Number(process.env['TOLLGATE_SIM_STEPS'] ?? 60);
/** One step in so many is a power loss. */
const CRASH_EVERY = 12;
const MS_PER_STEP = 2000;

test.each(SEEDS)(`seed %i: ${STEPS} steps`, { timeout: STEPS * MS_PER_STEP }, async (seed) => {
  const clock = createTestClock('2026-10-25T06:00:00Z');
  const first = place();
  let disk = openSimDisk();
  const begin = (directory: string) =>
    start({ yaml: WORLD_YAML, clock, directory, files: disk.files });
  const world = openWorld(seed, clock, await begin(first));
  for (let i = 0; i < STEPS; i++) {
    if (world.upTo(CRASH_EVERY) === 0) await losePower(world);
    else await step(world, restart);
    if (i % 10 === 0) await compare(world);
  }
  await compare(world);
  await world.running.stop();

  async function restart(): Promise<void> {
    world.running = await world.running.restart();
  }

  async function losePower({ running, upTo }: World): Promise<void> {
    let left: Left | undefined;
    let moments = 1 + upTo(6);
    disk.onMoment(() => {
      if (--moments === 0) left = remains(running.directory, disk, upTo);
    });
    const uncertain = await record(world);
    left ??= remains(running.directory, disk, upTo);
    disk.onMoment(() => {});
    await running.stop();
    expect(running.fatal).toEqual([]);
    disk = left.disk;
    world.running = await begin(left.directory);
    await recordAgain(world, uncertain);
    await compare(world);
  }
});

interface Left {
  readonly disk: SimDisk;
  readonly directory: string;
}

/** State and indexes as they were, or lost as well: they are built again. */
function remains(directory: string, disk: SimDisk, upTo: World['upTo']): Left {
  const left = place();
  const kept = upTo(2) === 0 ? ['identity.json'] : ['identity.json', 'state', 'index'];
  for (const name of kept) {
    const from = join(directory, name);
    if (existsSync(from)) cpSync(from, join(left, name), { recursive: true });
  }
  return { disk: disk.crash(upTo), directory: left };
}

/** Removed when the test is over. */
function place(): string {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
