// What the parts of stored.ts are given.

import type { LoadProcess } from './load-process.js';

export interface StoredOptions {
  /** Empty; each part takes a directory of its own in it, and leaves nothing there. */
  readonly directory: string;
  readonly load: LoadProcess;
  readonly sizes: Sizes;
  readonly rounds: number;
  readonly progress: (text: string) => void;
}

export interface Sizes {
  /** Stored before throughput, memory and disk are measured. */
  readonly events: number;
  /** Since the last checkpoint, when the server is killed. */
  readonly replayedEvents: number;
  readonly organisations: number;
  /** Of each run of unary calls. */
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** On a new server, before its first run. */
  readonly warmupCalls: number;
  /** Calls a second while checkpoints are written, and for how long. */
  readonly openRate: number;
  readonly openSeconds: number;
  /** Until nothing of the last calls is under way. */
  readonly restSeconds: number;
  /** Without any call, until an idle process has given back what it does not use. */
  readonly idleSeconds: number;
  /** `rough`: too little is stored for what is promised of much, so those rows are not judged. */
  readonly verdicts: 'judged' | 'rough';
}
