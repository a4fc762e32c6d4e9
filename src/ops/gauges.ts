// What /metrics reads at each scrape from the parts that own it.

import type { Machine } from '../pumps/watch-machine.js';
import type { OpenedState } from '../state/open.js';
import type { GaugeReadings } from '../telemetry/metrics.js';

export interface GaugeSources {
  readonly state: OpenedState;
  readonly machine: Machine;
  readonly config: { readonly journalBytesMax: number; readonly diskReserveBytes: number };
  readonly filesystem: string;
}

export function gaugesOf(sources: GaugeSources): () => GaugeReadings {
  const { state, machine, config, filesystem } = sources;
  const { journal, rotation, indexes, checkpoints, store, fold } = state;
  return () => ({
    reservationsOpen: fold.holds.open(),
    organisations: fold.organisations(),
    journalBytes: rotation.bytes(),
    journalBytesMax: config.journalBytesMax,
    queueBytes: journal.pendingBytes(),
    waitingReplies: journal.waitingReplies(),
    checkpointLagEntries: journal.lastSequence() - checkpoints.applied(),
    residentValues: store.residentValues(),
    diskFreeBytes: machine.freeBytes(),
    diskReserveBytes: config.diskReserveBytes,
    diskReserveOk: machine.diskReserveOk(),
    dataCreated: state.created,
    indexRuns: { ids: indexes.runs('ids'), events: indexes.runs('events') },
    indexTailEntries: { ids: indexes.tailSize(), events: indexes.tailSize() },
    clockDisagreementMs: machine.disagreementMs(),
    filesystemWarning: filesystem,
  });
}
