// The checkpoint: what changed up to a batch boundary goes to LMDB once that boundary is durable,
// never before (I2). Values are captured at the boundary and encoded in slices.

import type { Clock } from '../base/clock.js';
import type { Sequence } from '../base/units.js';
import type { Journal } from '../journal/journal.js';
import { limits } from '../limits.js';
import { openPace, type Pace } from './index/pace.js';
import type { StateFile } from './state-file.js';
import type { Capture, Store } from './store.js';

export interface Checkpointed {
  readonly values: number;
  readonly sequence: Sequence;
}

export interface Checkpoints {
  /** One at a time. A failed one is tried again with the same values. */
  readonly run: () => Promise<Checkpointed>;
  /** While nothing is to be stored: what reading has brought into memory leaves it again. */
  readonly tidy: () => Promise<void>;
  /** Every entry up to here is in LMDB. */
  readonly applied: () => Sequence;
}

export interface CheckpointOptions {
  readonly store: Store;
  readonly stateFile: StateFile;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly uuid: string;
  readonly incarnation: number;
  readonly applied: Sequence;
}

interface Captured {
  readonly capture: Capture;
  readonly sequence: Sequence;
  readonly crc: number;
}

export function openCheckpoints(options: CheckpointOptions): Checkpoints {
  const { store, stateFile, journal, clock, uuid, incarnation } = options;
  let applied = options.applied;
  let pending: Captured | undefined;

  return {
    async run() {
      const pace = openPace(clock, () => limits.sliceMs);
      pending ??= await captureAtBoundary(store, journal);
      const { capture, sequence, crc } = pending;
      await encodeAll(capture, pace);
      await stateFile.commit(capture.values, { uuid, incarnation, sequence, crc }, pace);
      pending = undefined;
      applied = sequence;
      await sweep(store, pace);
      return { values: capture.values.length, sequence };
    },
    async tidy() {
      if (pending !== undefined) return;
      const pace = openPace(clock, () => limits.sliceMs);
      await sweep(store, pace);
    },
    applied: () => applied,
  };
}

export async function encodeAll(capture: Capture, pace: Pace): Promise<void> {
  while (!capture.step()) {
    if (pace.due()) await pace.turn();
  }
}

export async function sweep(store: Store, pace: Pace): Promise<void> {
  for (const _ of store.sweep(limits.residentValues)) {
    if (pace.due()) await pace.turn();
  }
}

/**
 * `place` is read when the boundary's own batch has just become durable: it is that batch's end.
 */
function captureAtBoundary(store: Store, journal: Journal): Promise<Captured> {
  return new Promise((resolve) => {
    journal.atBoundary((sequence) => {
      const capture = store.capture();
      journal.whenSynced(sequence, () => {
        resolve({ capture, sequence, crc: journal.syncedPlace().crc });
      });
    });
  });
}
