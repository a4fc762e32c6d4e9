// What the load process is asked to do, and what it answers: one JSON line each.

import { z } from 'zod';

/** Bounds of a job, so that a typing error ends in a message and not in an hour of load. */
export const jobLimits = {
  inFlight: 65_536,
  connections: 64,
  /** Millions of events on a slow machine. */
  seconds: 1800,
  ratePerSecond: 100_000,
  /** Of a sampled job: both arrays of them go through one line of JSON. */
  samples: 200_000,
} as const;

export const loadJob = z.strictObject({
  /** `host:port` or the absolute path of a Unix socket. */
  address: z.string().regex(/^(\/.+|.+:\d+)$/),
  /** `/package.Service/Method`. */
  method: z.string().startsWith('/'),
  /** Of every call: `Bearer tg_…`. */
  authorization: z.string().max(8192).optional(),
  /**
   * `unary`: one call per message. `stream`: one bidi stream per connection. `open`: unary calls
   * at `ratePerSecond`, whether or not earlier ones were answered.
   */
  kind: z.enum(['unary', 'stream', 'open']),
  /**
   * Calls under way, or events sent and not acknowledged, over all connections. Of an open loop the
   * most: one that would need more fails.
   */
  inFlight: z.int().min(1).max(jobLimits.inFlight),
  connections: z.int().min(1).max(jobLimits.connections),
  /** Measured time, after the warm-up. */
  seconds: z.number().positive().max(jobLimits.seconds),
  warmupSeconds: z.number().min(0).max(jobLimits.seconds).default(0.5),
  /** The measured time is over sooner, when so many calls were answered in it. */
  callsMax: z.int().positive().optional(),
  ratePerSecond: z.int().min(1).max(jobLimits.ratePerSecond).default(2000),
  /** `yes`: the result lists each call. */
  samples: z.enum(['no', 'yes']).default('no'),
  body: z.enum(['noop', 'record', 'checkQuota', 'recordBatch', 'recordStream']),
  /** `executions`: quantity 1. `run_units`: measurements of a run, dimensions tool and tier. */
  meter: z.enum(['executions', 'run_units']).default('executions'),
  batchEvents: z.int().min(1).max(1000).default(100),
  /** Its CPU time is read from /proc at both ends of the measured time. */
  serverPid: z.int().positive().optional(),
  /** Connections are replaced when their stream ids reach this; for tests of that. */
  streamIdMax: z.int().min(3).max(0x7fff_ffff).optional(),
});

export type LoadJob = z.output<typeof loadJob>;
export type LoadJobInput = z.input<typeof loadJob>;

/** Times that concern one call are in microseconds. A call of a stream is one event. */
export interface LoadResult {
  readonly calls: number;
  readonly events: number;
  readonly seconds: number;
  readonly callsPerSecond: number;
  readonly eventsPerSecond: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  readonly clientCpuUsPerCall: number;
  /** CPU time of the main thread over wall time: near 1, that process is the wall. */
  readonly clientMainThreadLoad: number;
  /** Absent without `serverPid`. */
  readonly serverCpuUsPerCall?: number;
  readonly serverMainThreadLoad?: number;
  /** Calls that were not OK and events that were not RECORDED, the warm-up included. */
  readonly errors: number;
  readonly firstError?: string;
  /** Where the job asks for samples. */
  readonly samples?: Samples;
}

/** One of each per call, in the order of the answers. */
export interface Samples {
  /** When it was sent, by the wall clock of the load's start. */
  readonly sentMs: readonly number[];
  readonly latencyUs: readonly number[];
}
