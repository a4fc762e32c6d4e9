// How long a start takes after a crash, beside the time in which the same events were recorded:
// with an older checkpoint, and with nothing but the journal.

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { recordedEvents } from './server-facts.js';
import { openServer, type ServerProcess } from './server-process.js';
import { storeEvents } from './store-events.js';
import type { StoredOptions } from './stored-options.js';
import { median } from './sync-cost.js';
import { judged, type MeasuredRow } from './table.js';

interface Round {
  /** Start until it serves ÷ time to record. */
  readonly restart: number;
  /** Events a second of building all again ÷ of recording them. */
  readonly rebuild: number;
  readonly restartMs: number;
  readonly rebuildMs: number;
}

export async function measureRestarts(options: StoredOptions): Promise<MeasuredRow[]> {
  const rounds: Round[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    rounds.push(await measureRound(options, round));
  }
  const { sizes } = options;
  const events = sizes.replayedEvents;
  return [
    judged(
      sizes,
      `9  restart, ${events} events since the last checkpoint / recording them in batches`,
      { must: 1, aim: 0.3, better: 'lower' },
      rounds.map(({ restart }) => restart),
    ),
    judged(
      sizes,
      `10 rebuild from the journal alone, events/s / RecordBatch events/s, ${events} events`,
      { must: 1, aim: 3, better: 'higher' },
      rounds.map(({ rebuild }) => rebuild),
    ),
    { title: '-  restart, s', measured: [median(rounds.map((it) => it.restartMs)) / 1000] },
    { title: '-  rebuild, s', measured: [median(rounds.map((it) => it.rebuildMs)) / 1000] },
  ];
}

async function measureRound(options: StoredOptions, round: number): Promise<Round> {
  const { load, sizes, progress } = options;
  const directory = join(options.directory, `restart-${round}`);
  const state = join(directory, 'data', 'state');
  const older = join(directory, 'state-older');
  try {
    // A first start leaves a checkpoint of (nearly) nothing. The server makes one at least every
    // 200,000 entries, so this one is put back later, as after checkpoints that could not be made.
    const first = await openServer(directory);
    await storeEvents(load, first, 100);
    await first.close();
    cpSync(state, older, { recursive: true });

    const server = await openServer(directory);
    const stored = await storeEvents(load, server, sizes.replayedEvents);
    const recorded = await recordedEvents(server);
    await server.kill();
    const rate = stored.eventsPerSecond;

    rmSync(state, { recursive: true });
    cpSync(older, state, { recursive: true });
    const restartMs = await timeStart(directory);
    rmSync(state, { recursive: true });
    rmSync(join(directory, 'data', 'index'), { recursive: true });
    const rebuildMs = await timeStart(directory);
    const recordMs = (recorded / rate) * 1000;
    progress(
      `restart ${round}  ${recorded} events: recorded in ${Math.round(recordMs)} ms, ` +
        `restart ${Math.round(restartMs)} ms, rebuild ${Math.round(rebuildMs)} ms`,
    );
    return { restart: restartMs / recordMs, rebuild: recordMs / rebuildMs, restartMs, rebuildMs };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** From the start of the process until it serves; ended as by a crash, so it leaves what it found. */
async function timeStart(directory: string): Promise<number> {
  const startMs = performance.now();
  const server: ServerProcess = await openServer(directory);
  const tookMs = performance.now() - startMs;
  await server.kill();
  return tookMs;
}
