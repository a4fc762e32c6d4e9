// A good client in a process of its own, so that what an attack costs its attacker does not count
// against the server.

import { fork } from 'node:child_process';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '../faults/children/steady-client.mjs');
/** 250 calls a second. */
const EVERY_MS = 4;
const WINDOW_MS = 250;

export interface Phase {
  readonly calls: number;
  /** Median of the p99 of windows of a quarter of a second: a stall of somebody else's is in few. */
  readonly p99Ms: number;
  readonly longestMs: number;
  readonly failures: readonly string[];
}

export interface SteadyClient {
  readonly pid: number;
  /** Of the calls since the last time; when all are answered. */
  readonly phase: () => Promise<Phase>;
  readonly stop: () => Promise<void>;
}

export interface SteadyClientOptions {
  readonly address: string;
  /** Undefined: none is asked for. */
  readonly key: string | undefined;
}

export function startSteadyClient({ address, key }: SteadyClientOptions): SteadyClient {
  const child = fork(PROGRAM, {
    execArgv: [],
    env: {
      PATH: process.env['PATH'] ?? '',
      ADDRESS: address,
      AUTHORIZATION: key === undefined ? '' : `Bearer ${key}`,
      EVERY_MS: `${EVERY_MS}`,
      WINDOW_MS: `${WINDOW_MS}`,
    },
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    pid: child.pid ?? 0,
    async phase() {
      const report = new Promise<Report>((resolve, reject) => {
        child.once('message', (message) => resolve(message as Report));
        void exited.then(() => reject(new Error('the good client has ended')));
      });
      child.send('over');
      const { windowsP99Ms, ...rest } = await report;
      return { ...rest, p99Ms: medianOf(windowsP99Ms) };
    },
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}

interface Report {
  readonly calls: number;
  readonly windowsP99Ms: readonly number[];
  readonly longestMs: number;
  readonly failures: readonly string[];
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
