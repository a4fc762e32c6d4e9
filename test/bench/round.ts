// One round: a fresh server, warmed up, then the rows in turn, each between two runs of its no-op.
// A fresh server each time, so that a round's figures do not depend on how much the rounds before
// it have stored, and so that the median is over processes too.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { h2loadRate } from './h2load.js';
import type { LoadResult } from './job.js';
import type { LoadProcess } from './load-process.js';
import { type Baseline, type LoadName, loads, type Row } from './rows.js';
import { openNoop, openServer, type ServerProcess } from './server-process.js';
import { median, type SyncCost } from './sync-cost.js';

export interface RoundOptions {
  readonly number: number;
  readonly rows: readonly Row[];
  readonly directory: string;
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Load of each kind on the fresh processes, before anything is measured. */
  readonly compileSeconds: number;
  /** Length of h2load's runs at the end. Absent: none. */
  readonly crossCheckSeconds?: number;
  readonly load: LoadProcess;
  readonly sync: SyncCost;
  readonly progress: (text: string) => void;
}

export interface Run {
  readonly round: number;
  readonly load: LoadName;
  readonly result: LoadResult;
}

export interface RowResult {
  readonly key: Row['key'];
  readonly ratio: number;
  readonly baseline: Baseline;
  readonly run: LoadResult;
  /** CPU time per call of the server in the baseline, in microseconds. */
  readonly baselineCpuUs: number;
}

export interface RoundResult {
  readonly rows: readonly RowResult[];
  readonly runs: readonly Run[];
  readonly syncUs: number;
  /** Rows that could not be measured, and why. */
  readonly failures: readonly { readonly key: Row['key']; readonly reason: string }[];
  readonly crossChecks: readonly CrossCheck[];
}

export interface CrossCheck {
  readonly load: LoadName;
  readonly h2loadCallsPerSecond: number;
}

/** Before and after each run of a round: over 200 in a round with all rows. */
const SYNC_SAMPLES_PER_RUN = 20;

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const directory = join(options.directory, `round-${options.number}`);
  mkdirSync(directory);
  const server = await openServer(directory);
  const others = { plainNoop64: await openNoop('grpc'), http2Noop64: await openNoop('http2') };
  try {
    const measured = await measureRows(options, server, others);
    if (measured.failures.length > 0) options.progress(server.logTail());
    return { ...measured, crossChecks: await crossCheck(options, server, directory) };
  } catch (error) {
    options.progress(server.logTail());
    throw error;
  } finally {
    await Promise.all([server, ...Object.values(others)].map((each) => each.close()));
    rmSync(directory, { recursive: true });
  }
}

async function measureRows(
  options: RoundOptions,
  server: ServerProcess,
  others: Readonly<Partial<Record<LoadName, ServerProcess>>>,
): Promise<Omit<RoundResult, 'crossChecks'>> {
  const runs: Run[] = [];
  const syncSamplesUs: number[] = [];
  const measured: { row: Row; before: LoadResult; run: LoadResult; after: LoadResult }[] = [];
  const failures: { key: Row['key']; reason: string }[] = [];

  await compile();
  let before: { load: LoadName; result: LoadResult } | undefined;
  for (const row of options.rows) {
    if (before?.load !== row.baseline) {
      before = { load: row.baseline, result: await runBaseline(row.baseline) };
    }
    const run = await runLoad(row.load);
    const after = await runBaseline(row.baseline);
    if (run.errors === 0) measured.push({ row, before: before.result, run, after });
    else failures.push({ key: row.key, reason: failureText(row.load, run) });
    before = { load: row.baseline, result: after };
  }
  const syncUs = median(syncSamplesUs);
  return { rows: measured.map(rowResult), runs, syncUs, failures };

  async function compile(): Promise<void> {
    const names = new Set(options.rows.flatMap((row) => [row.baseline, row.load]));
    for (const name of names) await runJob(name, options.compileSeconds, 0);
  }

  async function runBaseline(name: LoadName): Promise<LoadResult> {
    const result = await runLoad(name);
    if (result.errors > 0) throw new Error(failureText(name, result));
    return result;
  }

  async function runLoad(name: LoadName): Promise<LoadResult> {
    syncSamplesUs.push(...options.sync.sampleUs(SYNC_SAMPLES_PER_RUN));
    const result = await runJob(name, options.seconds, options.warmupSeconds);
    syncSamplesUs.push(...options.sync.sampleUs(SYNC_SAMPLES_PER_RUN));
    runs.push({ round: options.number, load: name, result });
    const perSecond = Math.max(result.callsPerSecond, result.eventsPerSecond);
    options.progress(
      `round ${options.number}  ${name.padEnd(12)} ${Math.round(perSecond)}/s  ` +
        `p50 ${Math.round(result.p50Us)} µs`,
    );
    if (result.errors > 0) options.progress(`FAILED  ${failureText(name, result)}`);
    return result;
  }

  function runJob(name: LoadName, seconds: number, warmupSeconds: number): Promise<LoadResult> {
    const { address, pid } = others[name] ?? server;
    return options.load.run({ ...loads[name], address, serverPid: pid, seconds, warmupSeconds });
  }

  function rowResult({ row, before, run, after }: (typeof measured)[number]): RowResult {
    const mean = (of: (result: LoadResult) => number) => (of(before) + of(after)) / 2;
    const baseline = {
      callsPerSecond: mean((result) => result.callsPerSecond),
      p50Us: mean((result) => result.p50Us),
      syncUs,
    };
    const baselineCpuUs = mean((result) => result.serverCpuUsPerCall ?? 0);
    return { key: row.key, ratio: row.ratio(run, baseline), baseline, run, baselineCpuUs };
  }
}

async function crossCheck(
  options: RoundOptions,
  server: ServerProcess,
  directory: string,
): Promise<CrossCheck[]> {
  const { crossCheckSeconds: seconds, progress } = options;
  if (seconds === undefined) return [];
  const checks: CrossCheck[] = [];
  for (const load of ['noop64', 'checkQuota64'] as const) {
    if (!options.rows.some((row) => row.load === load || row.baseline === load)) continue;
    const { address } = server;
    const h2loadCallsPerSecond = await h2loadRate({ load, address, directory, seconds });
    progress(`h2load   ${load.padEnd(12)} ${Math.round(h2loadCallsPerSecond)}/s`);
    checks.push({ load, h2loadCallsPerSecond });
  }
  return checks;
}

function failureText(load: LoadName, result: LoadResult): string {
  const { errors, calls, firstError } = result;
  return `${load}: ${errors} errors beside ${calls} good calls, first: ${firstError}`;
}
