// From rounds to figures: medians, verdicts, and which side was the wall.

import type { LoadResult } from './job.js';
import type { RoundResult, RowResult } from './round.js';
import type { LoadName, Row } from './rows.js';
import { median } from './sync-cost.js';
import { type Verdict, verdictOf } from './table.js';

/** What a rate is bound by. `waiting`: neither main thread is busy (disk, wake-ups, other work). */
export type Wall = 'server' | 'client' | 'both' | 'waiting';

export interface RowSummary {
  readonly key: Row['key'];
  readonly title: string;
  readonly bound?: Row['bound'];
  readonly verdict: Verdict;
  /** Why there are no figures. */
  readonly failure?: string;
  readonly figures?: RowFigures;
}

/** Medians over the rounds. CPU times are per event, or per call where a call is no event. */
export interface RowFigures {
  readonly measured: number;
  readonly measuredMin: number;
  readonly measuredMax: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly serverCpuUs: number;
  readonly baselineCpuUs: number;
  readonly clientCpuUs: number;
  readonly wall: Wall;
}

export interface LoadSummary {
  readonly load: LoadName;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly serverCpuUs: number;
  readonly clientCpuUs: number;
  readonly wall: Wall;
}

/** Share of the time on a CPU from which a main thread counts as busy; closed loops leave gaps. */
const BUSY = 0.8;

export function summarizeRow(row: Row, rounds: readonly RoundResult[]): RowSummary {
  const { key, title } = row;
  const bound = row.bound === undefined ? {} : { bound: row.bound };
  const failure = rounds.flatMap((round) => round.failures).find((it) => it.key === key);
  if (failure !== undefined) {
    return { key, title, ...bound, verdict: 'FAILED', failure: failure.reason };
  }
  const results = rounds.flatMap((round) => round.rows).filter((it) => it.key === key);
  const figures = rowFigures(results);
  return { key, title, ...bound, verdict: verdictOf(row.bound, figures.measured), figures };
}

export function summarizeLoad(load: LoadName, rounds: readonly RoundResult[]): LoadSummary {
  const runs = rounds.flatMap((round) => round.runs).filter((run) => run.load === load);
  return { load, ...runFigures(runs.map((run) => run.result)) };
}

function rowFigures(results: readonly RowResult[]): RowFigures {
  const ratios = results.map((result) => result.ratio);
  return {
    measured: rounded(median(ratios)),
    measuredMin: rounded(Math.min(...ratios)),
    measuredMax: rounded(Math.max(...ratios)),
    baselineCpuUs: rounded(median(results.map((result) => result.baselineCpuUs))),
    ...runFigures(results.map((result) => result.run)),
  };
}

function runFigures(runs: readonly LoadResult[]): Omit<LoadSummary, 'load'> {
  const of = (figure: (run: LoadResult) => number) => rounded(median(runs.map(figure)));
  const units = (run: LoadResult) => Math.max(run.events, run.calls, 1);
  const serverLoad = of((run) => run.serverMainThreadLoad ?? 0);
  return {
    perSecond: of((run) => Math.max(run.eventsPerSecond, run.callsPerSecond)),
    p50Us: of((run) => run.p50Us),
    p99Us: of((run) => run.p99Us),
    serverCpuUs: of((run) => ((run.serverCpuUsPerCall ?? 0) * run.calls) / units(run)),
    clientCpuUs: of((run) => (run.clientCpuUsPerCall * run.calls) / units(run)),
    wall: wallOf(serverLoad >= BUSY, of((run) => run.clientMainThreadLoad) >= BUSY),
  };
}

function wallOf(isServerBusy: boolean, isClientBusy: boolean): Wall {
  if (isServerBusy) return isClientBusy ? 'both' : 'server';
  return isClientBusy ? 'client' : 'waiting';
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
