// Where the figures come from.

import { readFileSync, realpathSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

export interface Machine {
  readonly cpuModel: string;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly node: string;
  readonly kernel: string;
  /** Of the bench's directory. */
  readonly fileSystem: string;
}

export function describeMachine(directory: string): Machine {
  return {
    cpuModel: cpus()[0]?.model ?? 'unknown',
    cpuCount: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
    kernel: release(),
    fileSystem: fileSystemOf(directory),
  };
}

/** By the longest mount point above it; fields as in proc(5), mountinfo. */
function fileSystemOf(directory: string): string {
  const path = realpathSync(directory);
  let best = { mountPoint: '', type: 'unknown' };
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const mountPoint = line.split(' ')[4];
    const type = line.split(' - ')[1]?.split(' ')[0];
    if (mountPoint === undefined || type === undefined) continue;
    const isAbove = path === mountPoint || path.startsWith(mountPoint.replace(/\/?$/, '/'));
    if (isAbove && mountPoint.length >= best.mountPoint.length) best = { mountPoint, type };
  }
  return best.type;
}
