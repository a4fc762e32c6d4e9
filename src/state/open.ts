// Opens the state of a data directory: LMDB and indexes where they are fit, then the journal, which
// replays into them what they do not cover. Whatever does not match the journal is set aside and
// built again: only the journal is the truth.

import { join } from 'node:path';
import type { Clock } from '../base/clock.js';
import { Failure } from '../base/failure.js';
import type { Sequence } from '../base/units.js';
import { eachFrame } from '../journal/batch.js';
import { decodeEntry } from '../journal/entry-codec.js';
import type { Identity } from '../journal/identity.js';
import { type OpenedJournal, type OpenOptions, openJournal } from '../journal/open.js';
import type { BatchView } from '../journal/scan.js';
import { limits } from '../limits.js';
import { checkState } from './check-state.js';
import { type Checkpoints, encodeAll, openCheckpoints, sweep } from './checkpoint.js';
import { type Fold, openFold } from './fold.js';
import { type Indexes, openIndexes } from './index/indexes.js';
import { openPace } from './index/pace.js';
import { setAside } from './set-aside.js';
import { openStateFile, type StateFile, setStateAside } from './state-file.js';
import { openStore, type Store } from './store.js';

export interface OpenedState extends OpenedJournal {
  readonly fold: Fold;
  readonly store: Store;
  readonly indexes: Indexes;
  readonly checkpoints: Checkpoints;
  readonly replayed: number;
  /** Why LMDB was built again, or ''. */
  readonly rebuilt: string;
  readonly close: () => Promise<void>;
}

/** The state does not fit the journal: set aside, then open once more. */
class StateMismatch extends Error {}

export async function openState(options: OpenOptions): Promise<OpenedState> {
  const { directory } = options;
  const check = checkState(directory);
  let rebuilt = check.why;
  if (!check.fit) setStateAside(directory);
  // State and indexes may each turn out not to fit, one after the other.
  for (let attempt = 1; ; attempt++) {
    try {
      return await openOnce(options, rebuilt);
    } catch (error) {
      if (attempt === ATTEMPTS || !isRebuildable(error)) throw error;
      rebuilt = error.message;
      if (!(error instanceof Failure && setAside(directory, error))) setStateAside(directory);
    }
  }
}

const ATTEMPTS = 3;

function isRebuildable(error: unknown): error is Error {
  if (error instanceof StateMismatch) return true;
  if (error instanceof Failure) {
    return error.code === 'STATE_DAMAGED' || error.code === 'INDEX_DAMAGED';
  }
  return error instanceof Error && /MDB_|environment|lmdb/i.test(error.message);
}

interface Opening {
  readonly stateFile: StateFile;
  readonly store: Store;
  readonly indexes: Indexes;
  readonly fold: Fold;
  readonly applied: Sequence;
}

async function openOnce(options: OpenOptions, rebuilt: string): Promise<OpenedState> {
  const { directory, clock } = options;
  let opening: Opening | undefined;
  let synced = (_sequence: Sequence) => Promise.resolve();
  let replay: Replaying | undefined;
  try {
    const opened = await openJournal(options, {
      startAfter(identity) {
        opening = openParts(directory, clock, identity, (sequence) => synced(sequence));
        replay = startReplay(opening, identity, clock);
        return Math.min(opening.applied, opening.indexes.covered());
      },
      begin: (place) => replay?.begin(place),
      visit: (batch) => replay?.visit(batch),
    });
    const { stateFile, store, indexes, fold } = opening as Opening;
    const { journal, identity } = opened;
    try {
      (replay as Replaying).finish();
    } catch (error) {
      await journal.close();
      throw error;
    }
    synced = (sequence) => new Promise((resolve) => journal.whenSynced(sequence, resolve));
    const { uuid, incarnation } = identity;
    const applied = (replay as Replaying).applied();
    const shared = { store, stateFile, journal, clock, uuid, incarnation, applied };
    return {
      ...opened,
      fold,
      store,
      indexes,
      checkpoints: openCheckpoints(shared),
      replayed: (replay as Replaying).entries(),
      rebuilt: [rebuilt, indexes.rebuilt].filter((why) => why !== '').join('; '),
      async close() {
        await stateFile.close();
        indexes.close();
      },
    };
  } catch (error) {
    await opening?.stateFile.close();
    opening?.indexes.close();
    throw error;
  }
}

function openParts(
  directory: string,
  clock: Clock,
  identity: Identity,
  synced: (sequence: Sequence) => Promise<void>,
): Opening {
  const stateFile = openStateFile(directory);
  try {
    const applied = stateFile.applied();
    const { uuid, incarnation } = identity;
    if (applied === undefined && hasAny(stateFile))
      throw new StateMismatch('state of another format');
    if (applied !== undefined && applied.uuid !== uuid) {
      throw new StateMismatch('state of another journal');
    }
    if (applied !== undefined && applied.incarnation !== incarnation) {
      throw new StateMismatch('state of another incarnation');
    }
    const store = openStore(stateFile.reader);
    const indexes = openIndexes({
      directory: join(directory, 'index'),
      uuid,
      incarnation,
      clock,
      synced,
    });
    const fold = openFold(store, indexes, clock);
    return { stateFile, store, indexes, fold, applied: applied?.sequence ?? 0 };
  } catch (error) {
    void stateFile.close();
    throw error;
  }
}

function hasAny(stateFile: StateFile): boolean {
  for (const _ of stateFile.reader.range('o')) return true;
  return false;
}

interface Replaying {
  readonly begin: (place: { readonly sequence: Sequence; readonly crc: number }) => void;
  readonly visit: (batch: BatchView) => Promise<void> | undefined;
  readonly finish: () => void;
  readonly applied: () => Sequence;
  readonly entries: () => number;
}

function startReplay(opening: Opening, identity: Identity, clock: Clock): Replaying {
  const { fold, indexes, store, stateFile } = opening;
  const expected = stateFile.applied();
  const covered = indexes.covered();
  let applied = opening.applied;
  let entries = 0;
  let met = expected === undefined;
  let last = { sequence: 0, crc: 0 };

  function play(batch: BatchView): void {
    const { header, buffer, at } = batch;
    eachFrame(buffer, at, header, (sequence, crc, start, end) => {
      if (sequence > opening.applied) {
        const entry = decodeEntry(buffer, start, end);
        fold.apply(entry, sequence, crc);
        if (sequence > covered) fold.index(entry, sequence);
        entries++;
      } else if (sequence > covered) {
        fold.index(decodeEntry(buffer, start, end), sequence);
      }
      return false;
    });
    last = { sequence: header.firstSequence + header.count - 1, crc: header.crc };
    if (expected === undefined || last.sequence !== expected.sequence) return;
    met = true;
    if (last.crc !== expected.crc) throw new StateMismatch('state of another line of history');
  }

  /** What this batch's header vouches for may be written out before it is applied. */
  async function writeOut(batch: BatchView): Promise<void> {
    const pace = openPace(clock, () => limits.sliceMs * REPLAY_SLICE_FACTOR);
    await indexes.tend();
    if (store.dirtyValues() > DIRTY_VALUES_MAX && last.sequence > applied) {
      const capture = store.capture();
      await encodeAll(capture, pace);
      const { uuid, incarnation } = identity;
      await stateFile.commit(capture.values, { uuid, incarnation, ...last }, pace);
      applied = last.sequence;
      await sweep(store, pace);
    }
    play(batch);
  }

  return {
    begin(place) {
      last = { sequence: place.sequence, crc: place.crc };
      if (expected === undefined || place.sequence !== expected.sequence) return;
      met = true;
      if (place.crc !== expected.crc) throw new StateMismatch('state of another line of history');
    },
    visit(batch) {
      const vouched = batch.header.syncedSequence >= last.sequence;
      const full = indexes.backlog() > 1 || store.dirtyValues() > DIRTY_VALUES_MAX;
      if (vouched && full) return writeOut(batch);
      play(batch);
      return undefined;
    },
    finish() {
      if (!met) throw new StateMismatch('the state covers more than the journal holds');
      if (covered > last.sequence) {
        throw new Failure('INDEX_DAMAGED', 'the indexes cover more than the journal holds');
      }
    },
    applied: () => applied,
    entries: () => entries,
  };
}

const DIRTY_VALUES_MAX = 100_000;
const REPLAY_SLICE_FACTOR = 80;
