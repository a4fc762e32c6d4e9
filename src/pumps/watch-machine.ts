// What the machine does to us: room on the disk, a sync that hangs, clocks that disagree, load.

import { performance } from 'node:perf_hooks';
import type { Clock } from '../base/clock.js';
import type { DurationMs } from '../base/units.js';
import type { Files } from '../journal/files.js';
import type { Journal } from '../journal/journal.js';
import type { Rotation } from '../journal/rotation.js';
import { limits } from '../limits.js';

export interface Machine {
  readonly turn: () => Promise<void>;
  readonly freeBytes: () => number;
  readonly diskReserveOk: () => boolean;
  /** How far the wall clock has run ahead of the monotonic one since the start; below 0: behind. */
  readonly disagreementMs: () => DurationMs;
}

export interface MachineOptions {
  readonly directory: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly rotation: Rotation;
  readonly diskReserveBytes: number;
  readonly journalBytesMax: number;
  readonly onDisk: (state: 'low' | 'enough', freeBytes: number) => void;
  readonly onClock: (disagreementMs: DurationMs) => void;
  readonly onJournalNearlyFull: (bytes: number) => void;
  readonly onHang: (stalledMs: DurationMs) => void;
}

export function watchMachine(options: MachineOptions): Machine {
  const { clock, files, journal, rotation, directory } = options;
  const wallAtStartMs = clock.wallMs();
  const monotonicAtStartMs = clock.monotonicMs();
  let utilization = performance.eventLoopUtilization();
  let freeBytes = Number.NaN;
  let low = false;
  let disagreed = false;
  let warned = false;

  function disagreementMs(): DurationMs {
    const wall = clock.wallMs() - wallAtStartMs;
    return wall - (clock.monotonicMs() - monotonicAtStartMs);
  }

  function watchClock(): void {
    const apart = disagreementMs();
    const disagrees = Math.abs(apart) > limits.clockDisagreementMs;
    if (disagrees && !disagreed) options.onClock(apart);
    disagreed = disagrees;
  }

  async function watchDisk(): Promise<void> {
    freeBytes = await files.freeBytes(directory);
    const isLow = freeBytes < options.diskReserveBytes;
    if (isLow !== low) options.onDisk(isLow ? 'low' : 'enough', freeBytes);
    low = isLow;
    rotation.setDiskLow(isLow);
    const nearlyFull = rotation.bytes() > options.journalBytesMax * limits.journalWarnRatio;
    if (nearlyFull && !warned) options.onJournalNearlyFull(rotation.bytes());
    warned = nearlyFull;
  }

  /** Since the last turn. */
  function watchLoad(): void {
    const now = performance.eventLoopUtilization();
    const since = performance.eventLoopUtilization(now, utilization);
    utilization = now;
    rotation.setBusy(since.utilization > limits.busyRatio);
  }

  return {
    async turn() {
      const stalledMs = journal.stalledMs();
      if (stalledMs > limits.syncHangMs) options.onHang(stalledMs);
      watchClock();
      watchLoad();
      rotation.tend();
      await watchDisk();
    },
    freeBytes: () => freeBytes,
    diskReserveOk: () => !low,
    disagreementMs,
  };
}
