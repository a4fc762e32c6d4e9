// What a call waits while a checkpoint is written, beside calls of the same run that meet none.

import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Samples } from './job.js';
import { readMetric } from './server-facts.js';
import { openServer, type ServerProcess } from './server-process.js';
import { refuseErrors, warmUp } from './store-events.js';
import type { StoredOptions } from './stored-options.js';
import { figureText, judged, type MeasuredRow } from './table.js';

/**
 * In 2 s most of the load's 1,000 organisations are used, so a checkpoint writes nearly as many
 * values as with the usual 5 s, and there are enough of them in a run.
 */
const CHECKPOINT_INTERVAL_MS = 2000;
const WARM_UP_SECONDS = 1;
/** A server that lags by three seconds fails the row. A connection takes 1,024 at a time. */
const IN_FLIGHT_MAX = 6000;
const CONNECTIONS = 8;
const POLL_MS = 1;
/** Reading a page of metrics takes the server a millisecond; by then the checkpoint's calls are over. */
const SCRAPE_AFTER_MS = 300;
const QUIET_AFTER_MS = 500;
/** identity.json is written behind the time that the metrics tell: so much sooner it began. */
const IDENTITY_MS = 5;

interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

interface Round {
  readonly duringUs: number;
  readonly quietUs: number;
  readonly spanMs: number;
  readonly calls: number;
}

export async function measureCheckpoints(options: StoredOptions): Promise<MeasuredRow[]> {
  const { sizes } = options;
  const rounds: Round[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    const measured = await measureRound(options, round);
    rounds.push(measured);
    const { duringUs, quietUs, spanMs, calls } = measured;
    options.progress(
      `checkpoint ${round}  p99 ${Math.round(duringUs)} µs during, ${Math.round(quietUs)} µs quiet, ` +
        `${calls} calls, ${figureText(spanMs)} ms each`,
    );
  }
  return [
    judged(
      sizes,
      `7  p99 of Record during a checkpoint / quiet, open loop, ${sizes.openRate} calls/s`,
      { must: 2, aim: 1.2, better: 'lower' },
      rounds.map(({ duringUs, quietUs }) => duringUs / quietUs),
    ),
    { title: '-  p99 during a checkpoint, ms', measured: rounds.map((it) => it.duringUs / 1000) },
    { title: '-  one checkpoint, ms', measured: rounds.map((it) => it.spanMs) },
  ];
}

async function measureRound(options: StoredOptions, round: number): Promise<Round> {
  const directory = join(options.directory, `checkpoint-${round}`);
  const server = await openServer(directory, {
    TOLLGATE_CHECKPOINT_INTERVAL_MS: String(CHECKPOINT_INTERVAL_MS),
  });
  try {
    await warmUp(options.load, server, options.sizes.warmupCalls);
    const running = options.load.run({
      address: server.address,
      kind: 'open',
      method: '/tollgate.v1.MeteringService/Record',
      body: 'record',
      ratePerSecond: options.sizes.openRate,
      inFlight: IN_FLIGHT_MAX,
      connections: CONNECTIONS,
      warmupSeconds: WARM_UP_SECONDS,
      seconds: options.sizes.openSeconds,
      samples: 'yes',
    });
    const spans = await watchCheckpoints(server, running);
    const result = await running;
    refuseErrors(result);
    return split(result.samples as Samples, spans);
  } finally {
    await server.close();
    rmSync(directory, { recursive: true });
  }
}

/**
 * A checkpoint ends with a new identity.json; how long it took is in the metrics, which are read
 * when its calls are over. So the server does nothing for the watching while anything is measured.
 */
async function watchCheckpoints(server: ServerProcess, running: Promise<unknown>): Promise<Span[]> {
  const path = join(server.dataDirectory, 'identity.json');
  const spans: Span[] = [];
  let over = false;
  const end = () => {
    over = true;
  };
  // Its caller is told of a failure.
  running.then(end, end);
  let inode = statSync(path).ino;
  let sumMs = await durationSumMs(server);
  while (!over) {
    await wait(POLL_MS);
    const now = statSync(path, { throwIfNoEntry: false })?.ino;
    if (now === undefined || now === inode) continue;
    inode = now;
    const endMs = performance.timeOrigin + performance.now();
    await wait(SCRAPE_AFTER_MS);
    const newSumMs = await durationSumMs(server);
    // A rotation of the journal saves the identity too.
    const tookMs = newSumMs - sumMs + IDENTITY_MS;
    if (newSumMs > sumMs) spans.push({ startMs: endMs - tookMs, endMs });
    sumMs = newSumMs;
  }
  return spans;
}

async function durationSumMs(server: ServerProcess): Promise<number> {
  return (await readMetric(server, 'tollgate_checkpoint_duration_seconds_sum')) * 1000;
}

/** Calls that were sent in a checkpoint, or waited when one began; and those far from any. */
function split({ sentMs, latencyUs }: Samples, spans: readonly Span[]): Round {
  const during: number[] = [];
  const quiet: number[] = [];
  for (let i = 0; i < sentMs.length; i++) {
    const from = sentMs[i] as number;
    const us = latencyUs[i] as number;
    const to = from + us / 1000;
    if (spans.some(({ startMs, endMs }) => to >= startMs && from <= endMs)) during.push(us);
    else if (spans.some((span) => isQuietAfter(span, from))) quiet.push(us);
  }
  const known = spans.filter(({ endMs }) => endMs >= (sentMs[0] as number));
  const spanMs = known.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0) / known.length;
  return { duringUs: p99(during), quietUs: p99(quiet), spanMs, calls: during.length };
}

/** Behind the reading of the metrics, and well before the next checkpoint. */
function isQuietAfter({ endMs }: Span, atMs: number): boolean {
  return atMs > endMs + QUIET_AFTER_MS && atMs < endMs + CHECKPOINT_INTERVAL_MS - QUIET_AFTER_MS;
}

function p99(values: readonly number[]): number {
  if (values.length === 0) throw new Error('no calls met a checkpoint, or all did');
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.99) - 1] as number;
}
