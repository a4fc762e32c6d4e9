// make bench: the index of event ids with tens of millions of random ids in it, by itself: no
// server, no journal. See README.md.
//
//   node dist/bench-esm/test/bench/index-scale.js [--smoke] [--ids 50000000] [--days 62]
//     [--directory data]

import { randomFillSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { systemClock } from '../../src/base/clock.js';
import { DAY_MS } from '../../src/base/units.js';
import { type Indexes, openIndexes } from '../../src/state/index/indexes.js';
import { readCpuTime } from './cpu-time.js';
import { describeMachine } from './machine.js';
import { saveRows } from './row-files.js';
import { diskBytes, residentBytesMax } from './server-facts.js';
import { formatRows, type MeasuredRow } from './table.js';

const SMOKE_IDS = 300_000;
const KEY_WORDS = 4;
const ORGANISATIONS = 1000;
/** Of the whole; their range shows whether an id costs more when many are there. */
const PARTS = 10;
/** One turn of the event loop takes so many events, about as long as a slice of what is written. */
const EVENTS_PER_TURN = 256;
const LOOKUPS = 200_000;
/** One in so many ids is looked for again at the end. */
const REMEMBERED_EVERY = 997;

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    ids: { type: 'string', default: '50000000' },
    days: { type: 'string', default: '62' },
    directory: { type: 'string', default: 'data' },
  },
});
const count = z.coerce.number().int();
const ids = values.smoke ? SMOKE_IDS : count.min(PARTS).max(1e9).parse(values.ids);
const days = count.min(1).max(3660).parse(values.days);
mkdirSync(values.directory, { recursive: true });
const directory = mkdtempSync(join(values.directory, 'bench-index-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await bench();

interface Filled {
  /** Microseconds per id, of each part in turn. */
  readonly parts: readonly number[];
  readonly cpuUs: number;
  readonly remembered: Uint32Array;
}

async function bench(): Promise<void> {
  const indexes = openIndexes({
    directory: join(directory, 'index'),
    uuid: '00000000-0000-4000-8000-000000000000',
    incarnation: 1,
    clock: systemClock,
    // What a journal would take is not the index's time.
    synced: () => Promise.resolve(),
  });
  const filled = await fill(indexes);
  const absentUs = lookUp(indexes, openKeys(), 'absent');
  const presentUs = lookUp(indexes, replayKeys(filled.remembered), 'present');
  const runs = indexes.runs('ids');
  indexes.close();
  report(filled, [
    { title: '-  CPU per event, all threads, µs', measured: [filled.cpuUs] },
    { title: '-  look-up of an absent id at the end, µs', measured: [absentUs] },
    { title: '-  look-up of one that is there, µs', measured: [presentUs] },
    { title: '-  runs of ids at the end', measured: [runs] },
    { title: '-  most memory of the process, MB', measured: [residentBytesMax(process.pid) / 1e6] },
    { title: '-  bytes on disk per id', measured: [diskBytes(directory) / ids] },
  ]);
}

/** What Record does with both indexes, with their writing beside it as the server's pump does it. */
async function fill(indexes: Indexes): Promise<Filled> {
  const keys = openKeys();
  const remembered = new Uint32Array(Math.ceil(ids / REMEMBERED_EVERY) * KEY_WORDS);
  const parts: number[] = [];
  const cpuBefore = readCpuTime(process.pid).processMs;
  const firstMs = Date.parse('2026-09-01T00:00:00Z');
  let tending: Promise<void> | undefined;
  let partMs = performance.now();
  for (let i = 0; i < ids; i++) {
    const key = keys.next();
    if (indexes.findId(key) !== undefined) throw new Error('a random id was there');
    const atMs = firstMs + Math.floor((i / ids) * days * DAY_MS);
    indexes.addId(key, i, i + 1, atMs);
    indexes.addEvent(i % ORGANISATIONS, atMs, i + 1);
    if (i % REMEMBERED_EVERY === 0) remembered.set(key, (i / REMEMBERED_EVERY) * KEY_WORDS);
    if ((i + 1) % EVENTS_PER_TURN === 0) await letWork();
    if ((i + 1) % Math.ceil(ids / PARTS) === 0 || i + 1 === ids) endPart(i + 1);
  }
  // What waits belongs to the ids that it is made of.
  const restMs = performance.now();
  while (tending !== undefined || indexes.backlog() > 0) await letWork();
  const last = parts.length - 1;
  const partIds = ids / PARTS;
  parts[last] = (parts[last] as number) + ((performance.now() - restMs) * 1000) / partIds;
  const cpuMs = readCpuTime(process.pid).processMs - cpuBefore;
  return { parts, cpuUs: (cpuMs * 1000) / ids, remembered };

  /** As the server does: beyond so many tails that wait nothing is taken. */
  async function letWork(): Promise<void> {
    do {
      if (tending === undefined && indexes.backlog() > 0) {
        tending = indexes.tend().finally(() => {
          tending = undefined;
        });
      }
      await turn();
    } while (indexes.saturated());
  }

  function endPart(done: number): void {
    const nowMs = performance.now();
    parts.push(((nowMs - partMs) * 1000) / (ids / PARTS));
    partMs = nowMs;
    process.stderr.write(`${done} ids  ${(parts.at(-1) as number).toFixed(2)} µs per event\n`);
  }
}

interface Keys {
  /** A view that the next call overwrites. */
  readonly next: () => Uint32Array;
}

function openKeys(): Keys {
  const pool = new Uint32Array(16 * 1024);
  let at = pool.length;
  return {
    next() {
      if (at === pool.length) {
        randomFillSync(pool);
        at = 0;
      }
      at += KEY_WORDS;
      return pool.subarray(at - KEY_WORDS, at);
    },
  };
}

/** From all over the index, in no order of age. */
function replayKeys(remembered: Uint32Array): Keys {
  const keys = remembered.length / KEY_WORDS;
  let next = 0;
  return {
    next() {
      next = (next + 7919) % keys;
      return remembered.subarray(next * KEY_WORDS, (next + 1) * KEY_WORDS);
    },
  };
}

/** Microseconds of one. */
function lookUp(indexes: Indexes, keys: Keys, wanted: 'absent' | 'present'): number {
  const startMs = performance.now();
  for (let i = 0; i < LOOKUPS; i++) {
    const found = indexes.findId(keys.next()) === undefined ? 'absent' : 'present';
    if (found !== wanted) throw new Error(`an id is ${found} that should be ${wanted}`);
  }
  return ((performance.now() - startMs) * 1000) / LOOKUPS;
}

function report({ parts }: Filled, more: readonly MeasuredRow[]): void {
  const { cpuCount, cpuModel, kernel, fileSystem, node } = describeMachine(directory);
  const title = `8  dedupe look-up + insert, ${ids} random ids over ${days} days, µs per event`;
  const mean = parts.reduce((sum, each) => sum + each, 0) / parts.length;
  const row: MeasuredRow = {
    title,
    ...(values.smoke ? {} : { bound: { must: 15, aim: 5, better: 'lower' } }),
    measured: [mean],
  };
  const range: MeasuredRow = { title: '-  the same, each tenth of them', measured: parts };
  saveRows('index-scale', [row]);
  process.stdout.write(
    `${cpuCount} × ${cpuModel}, Linux ${kernel}, ${fileSystem}, Node ${node}\n\n` +
      `${formatRows([row, range, ...more])}\n`,
  );
}
