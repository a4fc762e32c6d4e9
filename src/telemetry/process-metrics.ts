// What every process shows, under prom-client's names. Its own collector is not used: it cannot
// leave out the watch on garbage collection, which is never closed, nor its 90 series.

import { readdirSync, readFileSync } from 'node:fs';
import type { EpochMs } from '../base/units.js';
import { type Exposition, type Family, single } from './exposition.js';

/** `startedMs`: when the process began. */
export function registerProcessMetrics(exposition: Exposition, startedMs: EpochMs): void {
  const descriptorsMax = readDescriptorsMax();
  const figures: readonly [Family['type'], string, string, () => number][] = [
    ['counter', 'process_cpu_user_seconds_total', 'CPU time in user mode.', cpuUserSeconds],
    ['counter', 'process_cpu_system_seconds_total', 'CPU time in the kernel.', cpuSystemSeconds],
    [
      'counter',
      'process_cpu_seconds_total',
      'CPU time.',
      () => cpuUserSeconds() + cpuSystemSeconds(),
    ],
    ['gauge', 'process_start_time_seconds', 'Start, Unix time.', () => startedMs / 1000],
    ['gauge', 'process_resident_memory_bytes', 'Memory in RAM.', () => process.memoryUsage.rss()],
    ['gauge', 'process_open_fds', 'Open file descriptors.', readDescriptors],
    ['gauge', 'process_max_fds', 'Most file descriptors allowed.', () => descriptorsMax],
    ['gauge', 'nodejs_heap_size_total_bytes', 'V8 heap.', () => process.memoryUsage().heapTotal],
    [
      'gauge',
      'nodejs_heap_size_used_bytes',
      'V8 heap in use.',
      () => process.memoryUsage().heapUsed,
    ],
    [
      'gauge',
      'nodejs_external_memory_bytes',
      'Memory of buffers and the like.',
      () => process.memoryUsage().external,
    ],
  ];
  for (const [type, name, help, read] of figures) {
    exposition.register({ type, name, help, samples: () => single(read()) });
  }
}

function cpuUserSeconds(): number {
  return process.cpuUsage().user / 1e6;
}

function cpuSystemSeconds(): number {
  return process.cpuUsage().system / 1e6;
}

/** Minus the one that reads the folder. /proc is the kernel's memory: reading does not block. */
function readDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return Number.NaN;
  }
}

function readDescriptorsMax(): number {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return Number(line?.[1]);
  } catch {
    return Number.NaN;
  }
}
