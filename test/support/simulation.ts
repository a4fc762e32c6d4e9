// One seeded run of the core beside the model: random commands, and troubles of the disk, the clock,
// the network and the process between them. After each step everything that can be read is compared.
//
// What an answer was given for is durable. What a crash took away is known exactly: entries are
// durable in their order, and the model knows the entry of each thing that happened.

import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createTestClock, type TestClock } from './clock.js';
import { type Draw, drawsOf } from './draws.js';
import { endDue, step } from './quota-commands.js';
import { coreFace } from './quota-faces.js';
import { yamlWith } from './quota-rules.js';
import { compare, everyAnswer, openWorld, pick, restartAt, type World } from './quota-world.js';
import { openSimCore, type SimCore, simConfig } from './sim-core.js';
import { openSimDisk, type SimDisk } from './sim-disk.js';

const HOUR_MS = 3_600_000;
const CONFIG = simConfig(yamlWith('LIFETIME'));
/** Past this long a write under way makes new work refused. */
const SLOW_MS = 3000;

/** Runs in memory where the machine has such a place: how fast LMDB syncs is not what is tried. */
const MEMORY = '/dev/shm';

export interface Simulation {
  readonly world: World;
  readonly clock: TestClock;
  readonly places: string[];
  disk: SimDisk;
  sim: SimCore;
  /** What the next process finds; until then the one that runs is given up, whatever it says. */
  left: Left | undefined;
  /** The last sequence that an answer depended on which was given. */
  acked: number;
}

interface Left {
  readonly disk: SimDisk;
  readonly directory: string;
}

export async function simulate(seed: number, steps: number): Promise<void> {
  const simulation = await openSimulation(drawsOf(seed));
  let at = 'the begin';
  try {
    for (let i = 1; i <= steps; i++) {
      const name = nextIn(simulation);
      at = `step ${i}, ${name}`;
      await EVERY[name](simulation);
      await compare(simulation.world);
    }
    at = 'the end';
    await settleDown(simulation);
    conserve(simulation);
  } catch (error) {
    const replay = `make sim SEED=${seed} STEPS=${steps}`;
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`${at} of seed ${seed}: ${text}\n\nAgain: ${replay}\n`, { cause: error });
  } finally {
    await close(simulation);
  }
}

export async function close({ sim, places }: Simulation): Promise<void> {
  await sim.abandon().catch(() => {});
  for (const each of places) rmSync(each, { recursive: true, force: true });
}

/** A new world; `close` it whatever came of it. */
export async function openSimulation(draw: Draw): Promise<Simulation> {
  const clock = createTestClock('2026-10-25T06:00:00Z');
  const disk = openSimDisk();
  const places: string[] = [];
  const directory = place(places);
  const sim = await openSimCore({ directory, files: disk.files, clock, config: CONFIG });
  await sim.core.journal.drain();
  const acked = sim.core.journal.lastSequence();
  const face = coreFace(
    () => simulation.sim,
    clock,
    (from, sequence) => {
      if (from !== simulation.sim || simulation.left !== undefined) return;
      simulation.acked = Math.max(simulation.acked, sequence);
    },
  );
  const world = openWorld({ draw, clock, face, usersWindow: 'LIFETIME' });
  const simulation: Simulation = {
    world,
    clock,
    places,
    disk,
    sim,
    left: undefined,
    acked,
  };
  await settleDown(simulation);
  return simulation;
}

const EVERY = {
  command: quiet,
  twice,
  checkpoint: ({ sim }) => sim.checkpoint(),
  powerLoss: (simulation) => cutDown(simulation, 'power'),
  kill: (simulation) => cutDown(simulation, 'process'),
  stop,
  failingDisk,
  slowDisk,
  fullDisk,
  jump,
} satisfies Readonly<Record<string, (simulation: Simulation) => Promise<void>>>;

type Name = keyof typeof EVERY;

/** Out of a hundred. */
const WEIGHTS: Readonly<Record<Name, number>> = {
  command: 71,
  twice: 5,
  checkpoint: 4,
  powerLoss: 4,
  kill: 2,
  stop: 1,
  failingDisk: 3,
  slowDisk: 5,
  fullDisk: 2,
  jump: 3,
};

function nextIn({ world }: Simulation): Name {
  let left = world.draw(100);
  const found = Object.entries(WEIGHTS).find(([, weight]) => {
    left -= weight;
    return left < 0;
  });
  return found?.[0] as Name;
}

async function quiet(simulation: Simulation): Promise<void> {
  await step(simulation.world);
  await settleDown(simulation);
}

/** The answer is lost on its way, or late: the caller asks again, perhaps before it is decided. */
export async function twice(simulation: Simulation): Promise<void> {
  const { world } = simulation;
  world.refusals.add('OVERLOADED');
  await step(world, 'still');
  for (let i = world.draw(3); i >= 0; i--) await world.again();
  await settleDown(simulation);
}

/** Everything is answered, the next segment is made, what is full is compressed. */
export async function settleDown({ world, sim, disk }: Simulation): Promise<void> {
  const { journal } = sim.core;
  world.refusals.clear();
  const atRest = () =>
    journal.refusal('ordinary') === undefined &&
    !disk.files.list('').some((name) => name.endsWith('.tmp'));
  await everyAnswer(world);
  await journal.drain();
  await sim.tend();
  for (let turns = 0; !atRest(); turns++) {
    if (turns > TURNS_MAX) throw new Error(`no rest: ${disk.files.list('').join()}`);
    await turn();
    await sim.tend();
  }
}

const TURNS_MAX = 100_000;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** At any moment of some commands, or after them. */
async function cutDown(simulation: Simulation, lost: Lost): Promise<void> {
  const { world, disk } = simulation;
  const { draw } = world;
  let moments = 1 + draw(12);
  world.refusals.add('OVERLOADED');
  disk.onMoment(() => {
    if (--moments === 0) simulation.left = leftOf(simulation, lost);
  });
  for (let i = draw(3); i >= 0 && simulation.left === undefined; i--) {
    await step(world, 'still');
    if (draw(2) === 0) await turn();
  }
  disk.onMoment(() => {});
  await comeBack(simulation, lost);
}

type Lost = 'power' | 'process';

function leftOf({ sim, disk, world, places }: Simulation, lost: Lost): Left {
  const { draw } = world;
  const directory = place(places);
  // State and indexes as they were, or lost as well: they are built again.
  const kept = draw(6) === 0 ? ['identity.json', 'state', 'index'] : ['identity.json'];
  for (const name of kept) {
    const from = join(sim.directory, name);
    if (existsSync(from)) cpSync(from, join(directory, name), { recursive: true });
  }
  return { directory, disk: lost === 'power' ? disk.crash(draw) : disk.reopen() };
}

/** Another process on what there is; the caller asks again what was not answered. */
async function comeBack(simulation: Simulation, lost: Lost): Promise<void> {
  const { world, clock, acked } = simulation;
  const left = simulation.left ?? leftOf(simulation, lost);
  simulation.left = left;
  await simulation.sim.abandon();
  world.waiting.splice(0);
  const { directory, disk } = left;
  simulation.disk = disk;
  simulation.sim = await openSimCore({ directory, files: disk.files, clock, config: CONFIG });
  simulation.left = undefined;
  const { found } = simulation.sim;
  expect(found, 'what was acknowledged is there').toBeGreaterThanOrEqual(acked);
  simulation.acked = found;
  restartAt(world, found);
  conserve(simulation);
  world.refusals.clear();
  await settleDown(simulation);
  await endDue(world);
  await world.again();
  await settleDown(simulation);
}

export async function stop(simulation: Simulation): Promise<void> {
  const { sim, world, disk } = simulation;
  await settleDown(simulation);
  conserve(simulation);
  await sim.stop();
  simulation.left = { disk, directory: sim.directory };
  if (world.draw(4) > 0) rmSync(join(sim.directory, 'state'), { recursive: true });
  await comeBack(simulation, 'process');
}

/** The journal has every event that the model has, once, in its order, and no other. */
function conserve({ sim, world }: Simulation): void {
  const journaled: string[] = [];
  for (let sequence = 1; sequence <= sim.core.journal.lastSequence(); sequence++) {
    const entry = sim.entry(sequence);
    if (entry.kind === 'record') journaled.push(`${entry.orgId} ${entry.eventId}`);
  }
  expect(journaled).toEqual(world.model.every().map(({ orgId, eventId }) => `${orgId} ${eventId}`));
}

/** A write or sync fails: nothing is answered any more, and the process ends. */
async function failingDisk(simulation: Simulation): Promise<void> {
  const { world, disk, sim } = simulation;
  const { draw } = world;
  const call = pick(world, ['write', 'sync'] as const);
  disk.failAt(call, 1 + draw(4));
  world.refusals.add('OVERLOADED');
  for (let i = 0; i < 8 && sim.fatal.length === 0; i++) {
    await step(world, 'instant');
    let waits = true;
    void everyAnswer(world).then(() => {
      waits = false;
    });
    while (waits && sim.fatal.length === 0) await turn();
  }
  disk.failAt(call, Number.POSITIVE_INFINITY);
  if (sim.fatal.length === 0) {
    await settleDown(simulation);
    return;
  }
  await comeBack(simulation, draw(3) === 0 ? 'power' : 'process');
  // What the restart read is on the medium by now.
  if (draw(2) === 0) await comeBack(simulation, 'power');
}

/** Writes do not end: answers wait, other commands and reads go on. */
async function slowDisk(simulation: Simulation): Promise<void> {
  const { world, disk, sim, clock } = simulation;
  const { draw } = world;
  const { journal } = sim.core;
  const synced = journal.syncedSequence();
  disk.hold();
  world.refusals.add('OVERLOADED');
  for (let i = draw(5); i >= 0; i--) {
    await step(world, 'instant');
    if (draw(2) === 0) await world.again();
  }
  for (let i = 0; i < 8; i++) await turn();
  expect(simulation.acked, 'answers wait for the disk').toBeLessThanOrEqual(synced);
  await compare(world);
  if (draw(3) === 0 && journal.lastSequence() > synced) {
    clock.advance(SLOW_MS);
    expect(journal.refusal('ordinary')).toBe('OVERLOADED');
    await step(world, 'instant');
  }
  const end = draw(4);
  if (end < 2) return comeBack(simulation, end === 0 ? 'power' : 'process');
  disk.release();
  await settleDown(simulation);
}

/** What needs room is refused; what ends holds and what reads goes on. It ends by itself. */
async function fullDisk(simulation: Simulation): Promise<void> {
  const { world, disk, sim } = simulation;
  const { draw } = world;
  const { journal } = sim.core;
  const room = pick(world, ['low', 'none'] as const);
  disk.setRoom(room);
  world.refusals.add('DISK_FULL').add('OVERLOADED');
  await sim.tend();
  let wasFull = false;
  for (let i = 5 + draw(room === 'low' ? 5 : 60); i > 0; i--) {
    const isFull = journal.refusal('ordinary') === 'DISK_FULL';
    if (isFull && !wasFull) expect(journal.refusal('ending'), 'holds can end').toBeUndefined();
    wasFull ||= isFull;
    await step(world, 'still');
    await everyAnswer(world);
    await sim.tend();
  }
  if (room === 'low') expect(journal.refusal('ordinary')).toBe('DISK_FULL');
  await compare(world);
  disk.setRoom('enough');
  await settleDown(simulation);
}

/** The wall clock is set; the monotonic one goes on. */
export async function jump({ world, clock }: Simulation): Promise<void> {
  const jumps = [
    1 + world.draw(10) / 60,
    2,
    2,
    40 * 24,
    ...(world.draw(4) === 0 ? [365 * 24] : []),
  ];
  const hours = pick(world, jumps) * pick(world, [-1, 1]);
  clock.setWall(Math.round(clock.wallMs() + hours * HOUR_MS));
}

/** Removed when the run is over. */
function place(places: string[]): string {
  const root = existsSync(MEMORY) ? MEMORY : tmpdir();
  const directory = mkdtempSync(join(root, 'tollgate-'));
  places.push(directory);
  return directory;
}
