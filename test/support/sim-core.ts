// The core of a service without its sockets and timers: journal, state, indexes and operations over
// a given disk and clock. What pumps do by themselves is done when the test says so, so a seed gives
// the same run again.

import { setImmediate } from 'node:timers/promises';
import { once } from '../../src/base/closers.js';
import { openIdSource } from '../../src/base/ids.js';
import { type Config, loadConfig } from '../../src/config.js';
import { rememberingInterval } from '../../src/domain/metering/calendar.js';
import type { Entry } from '../../src/journal/entry.js';
import { decodeEntry } from '../../src/journal/entry-codec.js';
import type { Files } from '../../src/journal/files.js';
import { openEmbeddedLedger } from '../../src/ledger/embedded.js';
import { openAccessDenials } from '../../src/operations/access/access-denials.js';
import { openKeyChanges } from '../../src/operations/access/key-changes.js';
import { openDues } from '../../src/operations/billing/dues.js';
import { LOCAL } from '../../src/operations/caller.js';
import type { Core } from '../../src/operations/core.js';
import { openDenials } from '../../src/operations/denials.js';
import { openHolders } from '../../src/operations/holders.js';
import { importFile } from '../../src/operations/import-file.js';
import { openNotices } from '../../src/operations/notifications/notices.js';
import { openQueues } from '../../src/operations/notifications/queues.js';
import { openTermsBook } from '../../src/operations/rules.js';
import { openWatchers } from '../../src/operations/watchers.js';
import { checkpointTurn } from '../../src/pumps/checkpoint.js';
import { expireReservations } from '../../src/pumps/expire-reservations.js';
import { type OpenedState, openState } from '../../src/state/open.js';
import { type Metrics, openMetrics } from '../../src/telemetry/metrics.js';
import type { TestClock } from './clock.js';

/** Some forty events: a short run meets the making, sealing and compressing of some. */
const SEGMENT_BYTES = 16 * 1024;
const DISK_RESERVE_BYTES = 1024 * 1024;

export interface SimCore {
  readonly core: Core;
  readonly directory: string;
  /** The last entry that the start found. */
  readonly found: number;
  /** The process must end: it was said so many times, with these errors. */
  readonly fatal: readonly Error[];
  readonly entry: (sequence: number) => Entry;
  /** What the pump does that ends holds. */
  readonly expire: () => void;
  /** What the pumps do that look at the disk and the indexes; the machine is never busy. */
  readonly tend: () => Promise<void>;
  readonly checkpoint: () => Promise<void>;
  /** As a service that drains. */
  readonly stop: () => Promise<void>;
  /** The process is gone: nothing more is written to the journal or the state. */
  readonly abandon: () => Promise<void>;
}

export interface SimCoreOptions {
  readonly directory: string;
  readonly files: Files;
  readonly clock: TestClock;
  readonly config: Config;
}

export async function openSimCore(options: SimCoreOptions): Promise<SimCore> {
  const { directory, files, clock } = options;
  const fatal: Error[] = [];
  const state = await openState({
    directory,
    files,
    clock,
    segmentBytes: SEGMENT_BYTES,
    journalBytesMax: 10_000 * SEGMENT_BYTES,
    requireData: false,
    events: {
      onBatch: () => {},
      onRotated: () => {},
      onTrouble: () => {},
      onFatal: (error) => fatal.push(error),
    },
  });
  const metrics = openMetrics({ version: 'sim', clock, startedMs: 0 });
  const core = coreOf(state, options, metrics);
  const found = state.journal.lastSequence();
  await importFile(core, options.config.catalogue);
  await state.journal.drain();
  // The next segment is in the making: a server is ready before it.
  while (state.journal.refusal('ordinary') !== undefined) await setImmediate();
  const { journal, rotation, checkpoints, saveIdentity, indexes } = state;
  const checkpoint = checkpointTurn({
    checkpoints,
    journal,
    metrics,
    clock,
    intervalMs: 0,
    saveIdentity,
  });
  const close = once(async () => {
    metrics.close();
    await state.close();
  });
  return {
    core,
    directory,
    found,
    fatal,
    entry: (sequence) => decodeEntry(journal.read(sequence).body),
    expire: () => expireReservations(core),
    async tend() {
      rotation.setBusy(false);
      rotation.setDiskLow((await files.freeBytes(directory)) < DISK_RESERVE_BYTES);
      rotation.tend();
      await indexes.tend();
    },
    checkpoint,
    async stop() {
      await journal.drain();
      await checkpoint();
      await saveIdentity();
      await journal.close();
      await close();
    },
    abandon: close,
  };
}

function coreOf(state: OpenedState, { clock, config }: SimCoreOptions, metrics: Metrics): Core {
  const notices = openNotices(state.journal.lastSequence());
  return {
    caller: { principal: LOCAL, source: '' },
    fold: state.fold,
    journal: state.journal,
    ledger: openEmbeddedLedger({ ...state, onCommit: notices.note }),
    indexes: state.indexes,
    clock,
    ids: openIdSource(),
    metrics,
    denials: openDenials(),
    terms: openTermsBook(state.fold),
    dues: openDues(),
    holders: openHolders(state.fold),
    notices,
    watchers: openWatchers(state.journal),
    queues: openQueues(clock),
    status: { version: 'sim', instance: 'sim', startMs: clock.wallMs(), parts: () => [] },
    keyChanges: openKeyChanges(),
    accessDenials: openAccessDenials(),
    monthAt: rememberingInterval('MONTH'),
    settings: config,
    onUnknownTier: () => {},
    draining: () => false,
    snapshot: state.snapshot,
    history: state.identity,
  };
}

/** Read once for many starts. */
export function simConfig(yaml: string): Config {
  const argv = ['--auth', 'off', '--config', 'sim.yaml'];
  const loaded = loadConfig({ argv, env: {}, readFile: () => yaml });
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}
