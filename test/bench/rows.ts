// What the bench promises: each row is one ratio of a load to the no-op beside it.

import type { LoadJobInput, LoadResult } from './job.js';
import type { Bound } from './table.js';

export type LoadName = keyof typeof loads;

export interface Row {
  readonly key: 'record' | 'latency' | 'checkQuota' | 'batch' | 'stream' | 'plain' | 'http2';
  readonly title: string;
  /** The same load on a no-op RPC, run before and after. */
  readonly baseline: LoadName;
  readonly load: LoadName;
  /** Absent: for information. */
  readonly bound?: Bound;
  readonly ratio: (run: LoadResult, baseline: Baseline) => number;
}

export interface Baseline {
  readonly callsPerSecond: number;
  readonly p50Us: number;
  /** p50 of a 4 KiB pwrite + fdatasync in the data directory's file system. */
  readonly syncUs: number;
}

const service = '/tollgate.v1.MeteringService';
/** Sixteen calls on each of four connections, as a few orchestrator processes would have. */
const busy = { kind: 'unary', inFlight: 64, connections: 4 } as const;
const lone = { kind: 'unary', inFlight: 1, connections: 1 } as const;

const noop = { method: '/tollgate.bench.v1.Bench/Noop', body: 'noop' } as const;
const record = { method: `${service}/Record`, body: 'record' } as const;

type Load = Omit<LoadJobInput, 'address' | 'seconds'>;

/** `plainNoop64` and `http2Noop64` run against servers of their own, all others against ours. */
export const loads = {
  noop64: { ...busy, ...noop },
  noop1: { ...lone, ...noop },
  record64: { ...busy, ...record },
  record1: { ...lone, ...record },
  checkQuota64: { ...busy, method: `${service}/CheckQuota`, body: 'checkQuota' },
  batch4: { ...busy, inFlight: 4, method: `${service}/RecordBatch`, body: 'recordBatch' },
  stream: {
    kind: 'stream',
    inFlight: 2048,
    connections: 4,
    method: `${service}/RecordStream`,
    body: 'recordStream',
  },
  plainNoop64: { ...busy, ...noop },
  http2Noop64: { ...busy, ...noop },
} satisfies Record<string, Load>;

/** In the order in which they run; odd rounds run backwards. */
export const rows = [
  {
    key: 'record',
    title: '1  Record, durable, 64 in flight / no-op',
    baseline: 'noop64',
    load: 'record64',
    bound: { must: 0.75, aim: 0.9, better: 'higher' },
    ratio: (run, baseline) => run.callsPerSecond / baseline.callsPerSecond,
  },
  {
    key: 'latency',
    title: '2  Record, durable, 1 in flight: (p50 - no-op p50) / fdatasync p50',
    baseline: 'noop1',
    load: 'record1',
    bound: { must: 1.5, aim: 1.1, better: 'lower' },
    ratio: (run, baseline) => (run.p50Us - baseline.p50Us) / baseline.syncUs,
  },
  {
    key: 'checkQuota',
    title: '3  CheckQuota, 64 in flight / no-op',
    baseline: 'noop64',
    load: 'checkQuota64',
    bound: { must: 0.85, aim: 0.95, better: 'higher' },
    ratio: (run, baseline) => run.callsPerSecond / baseline.callsPerSecond,
  },
  {
    key: 'batch',
    title: '4  RecordBatch of 100, durable, 4 in flight: events / no-op calls',
    baseline: 'noop64',
    load: 'batch4',
    bound: { must: 5, aim: 10, better: 'higher' },
    ratio: (run, baseline) => run.eventsPerSecond / baseline.callsPerSecond,
  },
  {
    key: 'stream',
    title: '5  RecordStream, durable, 4 streams: events / no-op calls',
    baseline: 'noop64',
    load: 'stream',
    bound: { must: 2, aim: 5, better: 'higher' },
    ratio: (run, baseline) => run.eventsPerSecond / baseline.callsPerSecond,
  },
  {
    key: 'plain',
    title: '-  no-op by grpc-js as it comes / no-op',
    baseline: 'noop64',
    load: 'plainNoop64',
    ratio: (run, baseline) => run.callsPerSecond / baseline.callsPerSecond,
  },
  {
    key: 'http2',
    title: '-  no-op by node:http2 alone / no-op',
    baseline: 'noop64',
    load: 'http2Noop64',
    ratio: (run, baseline) => run.callsPerSecond / baseline.callsPerSecond,
  },
] as const satisfies readonly Row[];
