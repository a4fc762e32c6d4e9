// Counts what was answered within the measured time, and what it cost both sides.

import { createHistogram } from 'node:perf_hooks';
import { type CpuTime, readCpuTime } from './cpu-time.js';
import { jobLimits, type LoadJob, type LoadResult } from './job.js';

export interface Tally {
  begin(): void;
  /** Resolves when the calls that the job asked for were answered. */
  readonly reached: Promise<void>;
  /** One call answered. Outside the measured time it is not counted. */
  answered(latencyMs: number, events: number): void;
  error(message: string): void;
  end(): void;
  result(): LoadResult;
}

const LATENCY_NS_MAX = 60_000_000_000;

export function createTally(job: Pick<LoadJob, 'serverPid' | 'callsMax' | 'samples'>): Tally {
  const { serverPid, callsMax = Number.POSITIVE_INFINITY } = job;
  const samples = job.samples === 'yes' ? createSamples() : undefined;
  const latencyNs = createHistogram({ lowest: 1, highest: LATENCY_NS_MAX, figures: 3 });
  let measuring = false;
  let calls = 0;
  let events = 0;
  let errors = 0;
  let firstError: string | undefined;
  let started = readMeters(serverPid);
  let ended = started;
  let reach: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });

  function answered(callLatencyMs: number, callEvents: number): void {
    if (!measuring) return;
    calls++;
    events += callEvents;
    latencyNs.record(Math.min(LATENCY_NS_MAX, Math.max(1, Math.round(callLatencyMs * 1e6))));
    samples?.add(callLatencyMs);
    if (calls === callsMax) reach();
  }

  function result(): LoadResult {
    const seconds = Math.max(0.001, (ended.atMs - started.atMs) / 1000);
    const percentileUs = (percentile: number) => rounded(latencyNs.percentile(percentile) / 1000);
    const perCall = (totalMs: number) => rounded((totalMs * 1000) / Math.max(1, calls));
    const load = (from: CpuTime, to: CpuTime) =>
      rounded((to.mainThreadMs - from.mainThreadMs) / (seconds * 1000));
    const server = started.server !== undefined &&
      ended.server !== undefined && {
        serverCpuUsPerCall: perCall(ended.server.processMs - started.server.processMs),
        serverMainThreadLoad: load(started.server, ended.server),
      };
    return {
      calls,
      events,
      seconds: rounded(seconds),
      callsPerSecond: rounded(calls / seconds),
      eventsPerSecond: rounded(events / seconds),
      p50Us: percentileUs(50),
      p90Us: percentileUs(90),
      p99Us: percentileUs(99),
      maxUs: rounded(calls === 0 ? 0 : latencyNs.max / 1000),
      clientCpuUsPerCall: perCall(ended.client.processMs - started.client.processMs),
      clientMainThreadLoad: load(started.client, ended.client),
      ...(server === false ? {} : server),
      errors,
      ...(firstError === undefined ? {} : { firstError }),
      ...(samples === undefined ? {} : { samples: samples.taken }),
    };
  }

  return {
    begin() {
      measuring = true;
      started = readMeters(serverPid);
    },
    reached,
    answered,
    error(message) {
      errors++;
      firstError ??= message;
    },
    end() {
      if (!measuring) return;
      measuring = false;
      ended = readMeters(serverPid);
    },
    result,
  };
}

function createSamples() {
  const sentMs: number[] = [];
  const latencyUs: number[] = [];
  return {
    taken: { sentMs, latencyUs },
    add(latencyMs: number) {
      if (sentMs.length === jobLimits.samples) throw new Error('a sampled job takes too long');
      sentMs.push(performance.timeOrigin + performance.now() - latencyMs);
      latencyUs.push(rounded(latencyMs * 1000));
    },
  };
}

interface Meters {
  readonly atMs: number;
  readonly client: CpuTime;
  readonly server: CpuTime | undefined;
}

function readMeters(serverPid: number | undefined): Meters {
  return {
    atMs: performance.now(),
    client: readCpuTime(process.pid),
    server: serverPid === undefined ? undefined : readServer(serverPid),
  };
}

/** Absent where the server has died: the connection's error tells of that. */
function readServer(pid: number): CpuTime | undefined {
  try {
    return readCpuTime(pid);
  } catch {
    return undefined;
  }
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
