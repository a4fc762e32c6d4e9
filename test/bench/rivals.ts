// make bench: one event, durable, in Tollgate, and the same job done directly in Redis and in
// PostgreSQL, where they are installed. See README.md.
//
//   node dist/bench-esm/test/bench/rivals.js [--smoke] [--rounds 5] [--seconds 2]
//     [--directory data]

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type ClosedLoop, runClosedLoop } from './closed-loop.js';
import { openLoadProcess } from './load-process.js';
import { describeMachine } from './machine.js';
import { findPostgres, openPostgres } from './postgres.js';
import { isRedisInstalled, openRedis } from './redis.js';
import { openServer } from './server-process.js';
import { refuseErrors, warmUp } from './store-events.js';
import { median, openSyncCost } from './sync-cost.js';
import { formatRows, formatTable } from './table.js';

const IN_FLIGHT = [1, 16, 64] as const;

interface Run {
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

interface Way {
  readonly name: string;
  readonly run: (inFlight: number, seconds: number) => Promise<Run>;
  readonly close: () => Promise<void>;
  /** Runs of each number in flight, as they come. */
  readonly runs: Map<number, Run[]>;
}

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    directory: { type: 'string', default: 'data' },
  },
});
const preset = values.smoke
  ? { rounds: 1, seconds: 0.4, warmupCalls: 3000 }
  : { rounds: 5, seconds: 2, warmupCalls: 60_000 };
const rounds = z.coerce
  .number()
  .int()
  .min(1)
  .parse(values.rounds ?? preset.rounds);
const seconds = z.coerce
  .number()
  .positive()
  .parse(values.seconds ?? preset.seconds);
mkdirSync(values.directory, { recursive: true });
const directory = mkdtempSync(join(values.directory, 'bench-rivals-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await bench();

async function bench(): Promise<void> {
  const sync = openSyncCost(directory);
  const ways: Way[] = [];
  const notes: string[] = [];
  try {
    ways.push(await openTollgateWay());
    if (await isRedisInstalled()) ways.push(await openRedisWay());
    else notes.push('SKIPPED: redis-server is not installed (Debian: redis-server).');
    const binaries = findPostgres();
    if (binaries === undefined) {
      notes.push('SKIPPED: PostgreSQL is not installed (Debian: postgresql).');
    } else {
      try {
        ways.push(await openPostgresWay(binaries));
      } catch (error) {
        // As root it runs as another user, to whom a folder above may be closed.
        notes.push(`SKIPPED: PostgreSQL does not start; try --directory: ${String(error)}`);
      }
    }
    for (const way of ways) await way.run(64, seconds);
    for (let round = 1; round <= rounds; round++) await runRound(ways, round);
    report(ways, median(sync.sampleUs(100)), notes);
  } finally {
    sync.close();
    for (const way of ways) await way.close();
  }
}

async function runRound(ways: readonly Way[], round: number): Promise<void> {
  for (const inFlight of IN_FLIGHT) {
    for (const way of round % 2 === 1 ? ways : ways.toReversed()) {
      const run = await way.run(inFlight, seconds);
      way.runs.set(inFlight, [...(way.runs.get(inFlight) ?? []), run]);
      const rate = `${Math.round(run.perSecond)}/s`;
      process.stderr.write(`round ${round}  ${inFlight} in flight  ${way.name}  ${rate}\n`);
    }
  }
}

/** Over loopback TCP, as callers reach it; the load is in its own process. */
async function openTollgateWay(): Promise<Way> {
  const server = await openServer(directory);
  const load = openLoadProcess();
  // What compiles, and each organisation's first event, is not what is measured.
  await warmUp(load, server, preset.warmupCalls);
  return {
    name: 'Tollgate, unary Record',
    runs: new Map(),
    async run(inFlight, time) {
      const result = await load.run({
        address: server.address,
        kind: 'unary',
        method: '/tollgate.v1.MeteringService/Record',
        body: 'record',
        inFlight,
        connections: Math.min(4, inFlight),
        seconds: time,
        warmupSeconds: time / 4,
      });
      refuseErrors(result);
      return { perSecond: result.callsPerSecond, p50Us: result.p50Us, p99Us: result.p99Us };
    },
    async close() {
      load.close();
      await server.close();
    },
  };
}

/** One connection that takes commands one behind another without waiting. */
async function openRedisWay(): Promise<Way> {
  const redis = await openRedis(directory);
  return {
    name: 'Redis, one Lua script, AOF synced always',
    runs: new Map(),
    run: (inFlight, time) => loop(Array(inFlight).fill(redis.record), time),
    close: redis.close,
  };
}

/** A connection for each call in flight: one connection runs one transaction at a time. */
async function openPostgresWay(binaries: string): Promise<Way> {
  const postgres = await openPostgres(binaries, directory);
  const opening = Array.from({ length: Math.max(...IN_FLIGHT) }, () => postgres.open());
  const sessions = await Promise.all(opening);
  return {
    name: `PostgreSQL ${postgres.version}, one statement`,
    runs: new Map(),
    run: (inFlight, time) =>
      loop(
        sessions.slice(0, inFlight).map((it) => it.record),
        time,
      ),
    async close() {
      for (const session of sessions) session.close();
      await postgres.close();
    },
  };
}

function loop(lanes: ClosedLoop['lanes'], time: number): Promise<Run> {
  return runClosedLoop({ lanes, seconds: time, warmupSeconds: time / 4 });
}

function report(ways: readonly Way[], syncUs: number, notes: readonly string[]): void {
  const [ours, ...others] = ways;
  const runsOf = (way: Way | undefined, inFlight: number) => way?.runs.get(inFlight) ?? [];
  const ratios = others.flatMap((way) =>
    IN_FLIGHT.map((inFlight) => ({
      title: `-  Record / ${way.name}, ${inFlight} in flight`,
      measured: runsOf(ours, inFlight).map(
        ({ perSecond }, round) =>
          perSecond / (runsOf(way, inFlight)[round]?.perSecond ?? Number.NaN),
      ),
    })),
  );
  const cells = ways.flatMap((way) =>
    IN_FLIGHT.map((inFlight) => {
      const figure = (of: (run: Run) => number) =>
        Math.round(median(runsOf(way, inFlight).map(of))).toString();
      const { name } = way;
      const figures = [figure((it) => it.perSecond), figure((it) => it.p50Us)];
      return [name, inFlight.toString(), ...figures, figure((it) => it.p99Us)];
    }),
  );
  const { cpuCount, cpuModel, kernel, fileSystem, node } = describeMachine(directory);
  const lines = [
    `${cpuCount} × ${cpuModel}, Linux ${kernel}, ${fileSystem}, Node ${node}; ` +
      `${rounds} rounds, ${seconds} s a run, medians; fdatasync ${Math.round(syncUs)} µs`,
    '',
    ...(ratios.length > 0 ? [formatRows(ratios), ''] : []),
    formatTable([['one event, durable', 'in flight', 'per second', 'p50 µs', 'p99 µs'], ...cells]),
    ...notes,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
