// Journal, state and indexes without a service, for what must happen at one exact place.

import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../src/base/clock.js';
import type { Entry, RecordEntry } from '../../src/journal/entry.js';
import { type Files, realFiles } from '../../src/journal/files.js';
import type { Appended } from '../../src/journal/journal.js';
import { type OpenedState, openState } from '../../src/state/open.js';
import { openStateFile } from '../../src/state/state-file.js';
import { createTestClock } from './clock.js';
import { journalFolder, SEGMENT_BYTES } from './fault-journal.js';

export interface TestState extends OpenedState {
  readonly trouble: string[];
  /** Journals a fact and makes it part of the state. */
  readonly commit: (entry: Entry) => Appended;
  /** Commits an event of the organisation `acme`, 1 call. */
  readonly record: (eventId: string, atMs: number, labelBytes?: number) => Appended;
  readonly eventOf: (eventId: string, atMs: number, labelBytes?: number) => RecordEntry;
  readonly stop: () => Promise<void>;
}

export interface TestStateOptions {
  readonly directory: string;
  readonly files?: Files;
  readonly clock?: Clock;
  readonly segmentBytes?: number;
}

export async function openTestState(options: TestStateOptions): Promise<TestState> {
  const trouble: string[] = [];
  const fail = (error: Error) => {
    throw error;
  };
  const state = await openState({
    directory: options.directory,
    files: options.files ?? realFiles,
    clock: options.clock ?? createTestClock(),
    segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
    journalBytesMax: 1000 * (options.segmentBytes ?? SEGMENT_BYTES),
    requireData: false,
    events: {
      onBatch: () => {},
      onFatal: fail,
      onRotated: () => {},
      onTrouble: (what, error) => trouble.push(`${what}: ${String(error)}`),
    },
  });
  const { journal, fold } = state;

  function commit(entry: Entry): Appended {
    const appended = journal.append(entry);
    fold.apply(entry, appended.sequence, appended.crc);
    fold.index(entry, appended.sequence);
    return appended;
  }

  return {
    ...state,
    trouble,
    commit,
    eventOf,
    record(eventId, atMs, labelBytes = 0) {
      if (fold.account('acme') === undefined) {
        commit({ kind: 'organisation', atMs, orgId: 'acme', number: fold.organisations() + 1 });
      }
      return commit(eventOf(eventId, atMs, labelBytes));
    },
    async stop() {
      await journal.close();
      await state.close();
    },
  };
}

function eventOf(eventId: string, atMs: number, labelBytes = 0): RecordEntry {
  return {
    kind: 'record',
    atMs,
    orgId: 'acme',
    eventId,
    meter: 'calls',
    aggregation: 'SUM',
    scale: 0,
    quanta: 1n,
    amountText: '1',
    eventTimeMs: atMs,
    late: false,
    timeDefaulted: false,
    unknownTier: false,
    catalogueVersion: 1,
    fingerprint: 7,
    labels: [['note', 'x'.repeat(labelBytes)]],
    rollup: [],
    subject: '',
    counters: [
      {
        combination: 'L',
        scopeValues: '',
        windowStartMs: 0,
        base: undefined,
        sinceMs: undefined,
        delta: 1n,
      },
    ],
    thresholds: [],
    reservationId: '',
    spend: undefined,
  };
}

/** What LMDB says that it covers, read from a copy as a crash would leave it. */
export async function appliedOnDisk(directory: string): Promise<number> {
  const copy = journalFolder();
  cpSync(join(directory, 'state'), join(copy, 'state'), { recursive: true });
  const file = openStateFile(copy);
  const applied = file.applied();
  await file.close();
  return applied?.sequence ?? 0;
}
