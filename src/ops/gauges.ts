// What /metrics reads at each scrape from the parts that own it.

import type { Core } from '../operations/core.js';
import type { Machine } from '../pumps/watch-machine.js';
import type { OpenedState } from '../state/open.js';
import type { GaugeReadings } from '../telemetry/metrics.js';
import type { CredentialSources } from './credential-sources.js';

export interface GaugeSources {
  readonly state: OpenedState;
  readonly core: Pick<Core, 'clock' | 'dues' | 'notices' | 'queues' | 'watchers'>;
  readonly machine: Machine;
  readonly config: { readonly journalBytesMax: number; readonly diskReserveBytes: number };
  readonly sources: CredentialSources;
  readonly filesystem: string;
}

export function gaugesOf(sources: GaugeSources): () => GaugeReadings {
  const { state, core, machine, config, filesystem } = sources;
  const credentials = sources.sources;
  const { notices, queues, clock, dues, watchers } = core;
  const { journal, rotation, indexes, checkpoints, store, fold } = state;
  return () => ({
    reservationsOpen: fold.holds.open(),
    organisations: fold.organisations(),
    journalBytes: rotation.bytes(),
    journalBytesMax: config.journalBytesMax,
    queueBytes: journal.pendingBytes(),
    waitingReplies: journal.waitingReplies(),
    watchers: watchers.count,
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
    deliveriesWaiting: queues.size(),
    deliveryOldestMs: Math.max(0, clock.wallMs() - (queues.oldestMs() ?? clock.wallMs())),
    outboxLagEntries: Math.max(0, journal.syncedSequence() - notices.position()),
    closingsFailing: dues.failing(),
    credentialSourcesFailing: credentials.failing(),
  });
}
