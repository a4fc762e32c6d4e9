// Memory that an idle process does not use goes back to the machine. V8 collects when memory is
// asked for, so what is let go after a busy time stays until the next one (measured: 500 MB for
// minutes, where 245 are in use). A pod pays for it all that time.
//
// Invariant: nothing is collected while anything is asked of the process. Cost: two system facts a
// turn; a collection stops the process for about 1 ms per MB in use, once after a busy time.

import { performance } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { limits } from '../limits.js';

export interface ProcessMemory {
  /** Share of the time since the last call in which the event loop ran. */
  readonly utilization: () => number;
  /** Garbage included. */
  readonly usedBytes: () => number;
  readonly collect: () => void;
}

/** One turn; the process is idle where it hardly ran in some of them. */
export function collectGarbageTurn(memory: ProcessMemory = processMemory()): () => void {
  const { utilization, usedBytes, collect } = memory;
  let keptBytes = usedBytes();
  let idleTurns = 0;
  return () => {
    idleTurns = utilization() > limits.idleUtilization ? 0 : idleTurns + 1;
    // By then the last checkpoint is written too, and what it made leave memory has left.
    if (idleTurns < limits.idleTurns || usedBytes() < keptBytes + limits.garbageBytes) return;
    collect();
    keptBytes = usedBytes();
  };
}

export function processMemory(): ProcessMemory {
  let last = performance.eventLoopUtilization();
  return {
    utilization() {
      const now = performance.eventLoopUtilization();
      const since = performance.eventLoopUtilization(now, last);
      last = now;
      return since.utilization;
    },
    usedBytes() {
      const { used_heap_size, external_memory } = getHeapStatistics();
      return used_heap_size + external_memory;
    },
    collect: openCollector(),
  };
}

/** Node gives `gc` to a context that is made while the flag is set. */
function openCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  return gc;
}
