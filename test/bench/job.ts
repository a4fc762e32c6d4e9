// What the load process is asked to do, and what it answers: one JSON line each.

import { z } from 'zod';

/** Bounds of a job, so that a typing error ends in a message and not in an hour of load. */
export const jobLimits = { inFlight: 65_536, connections: 64, seconds: 600 } as const;

export const loadJob = z.strictObject({
  /** `host:port` or the absolute path of a Unix socket. */
  address: z.string().regex(/^(\/.+|.+:\d+)$/),
  /** `/package.Service/Method`. */
  method: z.string().startsWith('/'),
  /** Of every call: `Bearer tg_…`. */
  authorization: z.string().max(8192).optional(),
  /** `unary`: one call per message. `stream`: one bidi stream per connection. */
  kind: z.enum(['unary', 'stream']),
  /** Calls under way, or events sent and not acknowledged, over all connections. */
  inFlight: z.int().min(1).max(jobLimits.inFlight),
  connections: z.int().min(1).max(jobLimits.connections),
  /** Measured time, after the warm-up. */
  seconds: z.number().positive().max(jobLimits.seconds),
  warmupSeconds: z.number().min(0).max(jobLimits.seconds).default(0.5),
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
}
