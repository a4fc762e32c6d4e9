// CPU time of a process, as Linux accounts for it.

import { readFileSync } from 'node:fs';

export interface CpuTime {
  /** User and system time of all threads. */
  readonly processMs: number;
  /** Of the main thread alone: the event loop, without libuv's pool and the garbage collector. */
  readonly mainThreadMs: number;
}

export function readCpuTime(pid: number): CpuTime {
  return {
    processMs: readStat(`/proc/${pid}/stat`),
    mainThreadMs: readStat(`/proc/${pid}/task/${pid}/stat`),
  };
}

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

function readStat(path: string): number {
  const text = readFileSync(path, 'latin1');
  // The name in parentheses may hold spaces; utime and stime are fields 14 and 15 of proc(5).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
