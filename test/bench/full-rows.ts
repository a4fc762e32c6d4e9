// A server with millions of events: how fast it is beside one with none, what it takes in memory
// and on the disk, and how long it takes to build everything again from its journal.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { LoadResult } from './job.js';
import {
  diskBytes,
  recordedEvents,
  residentBytes,
  residentBytesMax,
  settle,
} from './server-facts.js';
import { openServer, type ServerProcess } from './server-process.js';
import { runRecord, storeEvents, warmUp } from './store-events.js';
import type { StoredOptions } from './stored-options.js';
import { judged, type MeasuredRow } from './table.js';

export async function measureFull(options: StoredOptions): Promise<MeasuredRow[]> {
  const { load, sizes, progress } = options;
  const directory = join(options.directory, 'full');
  const server = await openServer(directory);
  try {
    const stored = await storeEvents(load, server, sizes.events);
    const afterLoad = residentBytes(server.pid);
    progress(`${stored.events} events stored, ${Math.round(stored.eventsPerSecond)}/s`);
    await settle(server);
    await wait(sizes.restSeconds * 1000);
    const atRest = residentBytes(server.pid);
    const disk = diskBytes(server.dataDirectory) / (await recordedEvents(server));
    const ratios = await measureThroughput(options, server);
    const title = `6  unary Record, 64 in flight, ${sizes.events} events stored / none`;
    return [
      judged(sizes, title, { must: 0.85, aim: 0.97, better: 'higher' }, ratios),
      judged(
        sizes,
        `11 RSS after ${sizes.events} events, the larger of at once and at rest, MB`,
        { must: 400, aim: 250, better: 'lower' },
        [Math.max(afterLoad, atRest) / 1e6],
      ),
      { title: '-  the same at rest, MB', measured: [atRest / 1e6] },
      { title: '-  the most until the end, MB', measured: [residentBytesMax(server.pid) / 1e6] },
      judged(
        sizes,
        `12 bytes on disk per event, all files, ${sizes.events} events`,
        { must: 150, aim: 60, better: 'lower' },
        [disk],
      ),
    ];
  } catch (error) {
    progress(server.logTail());
    throw error;
  } finally {
    await server.close();
    rmSync(directory, { recursive: true });
  }
}

/** The full server's run lies between two of an empty one, which is a new one in each round. */
async function measureThroughput(
  options: StoredOptions,
  full: ServerProcess,
): Promise<readonly number[]> {
  const { load, rounds, sizes, progress } = options;
  const ratios: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const directory = join(options.directory, `empty-${round}`);
    mkdirSync(directory);
    const empty = await openServer(directory);
    try {
      const run = (server: ServerProcess): Promise<LoadResult> => runRecord(load, server, sizes);
      // The full one has been warm for millions of events.
      await warmUp(load, empty, sizes.warmupCalls);
      const before = await run(empty);
      const { callsPerSecond } = await run(full);
      const after = await run(empty);
      const ratio = (2 * callsPerSecond) / (before.callsPerSecond + after.callsPerSecond);
      ratios.push(ratio);
      progress(`full ${round}  ${Math.round(callsPerSecond)}/s, ${ratio.toFixed(2)} of empty`);
    } finally {
      await empty.close();
      rmSync(directory, { recursive: true });
    }
  }
  return ratios;
}
