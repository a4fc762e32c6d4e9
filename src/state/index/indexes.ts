// The two random-key indexes beside LMDB: event and reservation ids → sequence, and (organisation,
// event time, sequence) for reading events in order. Each is an open tail in memory, tails frozen
// while they are written out, and sorted runs of whole UTC days or a part of the newest. Chosen by
// measurement at 50 M ids: see src/ARCHITECTURE.md. All of it is rebuilt from the journal where it
// is missing or wrong.
//
// Invariants: a run is listed only when its entries are durable, else a lost event's retry would
// be a DUPLICATE; an id is found in tail, frozen tails and runs, newest first; days go whole.

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { Failure } from '../../base/failure.js';
import { DAY_MS, type EpochMs, type Sequence } from '../../base/units.js';
import { limits } from '../../limits.js';
import {
  createEventTail,
  EVENT_RECORD,
  type EventPlace,
  type EventTail,
  eventKey,
  precedes,
} from './event-tail.js';
import { createIdTable, ID_RECORD, type IdTable } from './id-table.js';
import {
  emptyManifest,
  type IndexName,
  type Manifest,
  type RunMeta,
  readManifest,
  writeManifest,
} from './manifest.js';
import { mergeable } from './merge-policy.js';
import { openPace, type Pace } from './pace.js';
import {
  type Cursor,
  copyWords,
  cursorOver,
  getNumber,
  mergeCursors,
  putNumber,
  type RecordShape,
} from './records.js';
import { openRun, type Run, writeRun } from './run-file.js';

export interface IdFound {
  readonly sequence: Sequence;
  readonly fingerprint: number;
}

export interface Indexes {
  /** `key`: four words of hash. */
  readonly findId: (key: Uint32Array) => IdFound | undefined;
  readonly addId: (
    key: Uint32Array,
    fingerprint: number,
    sequence: Sequence,
    atMs: EpochMs,
  ) => void;
  readonly addEvent: (organisation: number, timeMs: EpochMs, sequence: Sequence) => void;
  /** Events with time ≥ `fromMs` that come before `before`, newest first. */
  readonly eventsBefore: (
    organisation: number,
    fromMs: EpochMs,
    before: EventPlace,
  ) => Generator<EventPlace, void>;
  /** Why they were emptied at opening, or ''. */
  readonly rebuilt: string;
  /** Entries up to here need not be replayed into the indexes. */
  readonly covered: () => Sequence;
  /** Tails that wait to be written out. */
  readonly backlog: () => number;
  /** Too many tails wait to be written: nothing more can be taken. */
  readonly saturated: () => boolean;
  /** Writes out frozen tails and merges runs, in slices; one call at a time. */
  readonly tend: () => Promise<void>;
  /**
   * Drops the oldest ids, whole runs of them, if all days in those lie before `day`; returns
   * whether there were any. Events stay as long as the journal does: what is read one by one has no
   * other index.
   */
  readonly dropOldestBefore: (day: number) => Promise<boolean>;
  /** UTC day of the newest entry. */
  readonly newestDay: () => number;
  readonly runs: (name: IndexName) => number;
  readonly tailSize: () => number;
  readonly close: () => void;
}

export interface IndexesOptions {
  readonly directory: string;
  readonly uuid: string;
  readonly incarnation: number;
  readonly clock: Clock;
  /** Resolves once a sequence is durable. */
  readonly synced: (sequence: Sequence) => Promise<void>;
  /** Records in a tail before it is frozen; a power of two. */
  readonly tailIds?: number;
}

interface Tail {
  readonly ids: IdTable;
  readonly events: EventTail;
  day: number;
  firstSequence: Sequence;
  lastSequence: Sequence;
}

interface OpenRun {
  readonly meta: RunMeta;
  readonly run: Run;
}

const SHAPES: Record<IndexName, RecordShape> = { ids: ID_RECORD, events: EVENT_RECORD };
const RUNS_PER_SLICE = 16;
const NAMES: readonly IndexName[] = ['ids', 'events'];

/** Opens what is there; anything unreadable is removed and `covered` says 0: replay it all. */
export function openIndexes(options: IndexesOptions): Indexes {
  const { directory, uuid, incarnation, clock } = options;
  const tailIds = options.tailIds ?? limits.indexTailIds;
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  const stored = readManifest(directory, uuid, incarnation);
  const opened = stored && openAll(directory, stored);
  let manifest =
    opened === undefined || stored === undefined ? emptyManifest(uuid, incarnation) : stored;
  const rebuilt =
    opened === undefined && holdsRuns(directory)
      ? 'a run or the manifest of the indexes is missing or damaged'
      : '';
  const runs = opened ?? { ids: [], events: [] };
  removeStrangers(directory, manifest);
  const frozen: Tail[] = [];
  let { nextFile } = manifest;
  let tail = createTail(tailIds, newestDayOf(manifest));
  const record = new Uint32Array(ID_RECORD.words);

  function freezeIfFull(atMs: EpochMs): void {
    const day = Math.floor(atMs / DAY_MS);
    const size = Math.max(tail.ids.size(), tail.events.size());
    if (size > 0 && (size >= tailIds || day > tail.day)) {
      frozen.push(tail);
      tail = createTail(tailIds, tail.day);
    }
    tail.day = Math.max(tail.day, day);
  }

  function note(sequence: Sequence): void {
    if (tail.firstSequence === 0) tail.firstSequence = sequence;
    tail.lastSequence = sequence;
  }

  function findId(key: Uint32Array): IdFound | undefined {
    const inTail = findInTable(tail.ids, key);
    if (inTail !== undefined) return inTail;
    for (let i = frozen.length - 1; i >= 0; i--) {
      const found = findInTable((frozen[i] as Tail).ids, key);
      if (found !== undefined) return found;
    }
    for (let i = runs.ids.length - 1; i >= 0; i--) {
      const words = (runs.ids[i] as OpenRun).run.find(key);
      if (words !== undefined) return foundAt(words, 0);
    }
    return undefined;
  }

  /** Grows with what waits, so that writing out keeps up with any rate of arrival. */
  function sliceMs(): number {
    const waiting = frozen.length + Math.floor(runs.ids.length / RUNS_PER_SLICE);
    return limits.sliceMs * (1 + 4 * waiting);
  }

  /** Merging takes long; tails that fill up meanwhile go first. */
  function paceOfMerge(): Pace {
    const pace = openPace(clock, sliceMs);
    return {
      due: pace.due,
      async turn() {
        await pace.turn();
        await buildAll();
      },
    };
  }

  async function buildAll(): Promise<void> {
    for (let target = frozen[0]; target !== undefined; target = frozen[0]) await build(target);
  }

  async function build(target: Tail): Promise<void> {
    const pace = openPace(clock, sliceMs);
    const built: Partial<Record<IndexName, OpenRun>> = {};
    for (const name of NAMES) {
      const sorted = await target[name].sorted(pace);
      if (sorted.length === 0) continue;
      const cursor = cursorOver(target[name].words, sorted);
      built[name] = await writeOne(name, cursor, sorted.length, target, pace);
    }
    await options.synced(target.lastSequence);
    for (const name of NAMES) {
      const run = built[name];
      if (run !== undefined) runs[name].push(run);
    }
    // In the same step as the runs are listed: nothing is found twice.
    frozen.shift();
    await save({ covered: target.lastSequence });
  }

  async function writeOne(
    name: IndexName,
    cursor: Cursor,
    records: number,
    span: Pick<RunMeta, 'day' | 'firstSequence' | 'lastSequence'>,
    pace: Pace,
  ): Promise<OpenRun> {
    const file = `${name}-${String(nextFile++).padStart(8, '0')}.run`;
    const path = join(directory, file);
    const lookup = name === 'ids' ? 'point' : 'range';
    const written = await writeRun(path, SHAPES[name], cursor, records, lookup, pace);
    const { day, firstSequence, lastSequence } = span;
    const meta = { file, day, records: written.records, firstSequence, lastSequence };
    return { meta, run: openRun(path, SHAPES[name]) };
  }

  async function merge(name: IndexName, group: readonly OpenRun[]): Promise<void> {
    const first = group[0] as OpenRun;
    const last = group[group.length - 1] as OpenRun;
    const records = group.reduce((sum, { meta }) => sum + meta.records, 0);
    const cursor = mergeCursors(
      group.map(({ run }) => run.from(undefined)),
      SHAPES[name],
    );
    const span = {
      day: last.meta.day,
      firstSequence: first.meta.firstSequence,
      lastSequence: last.meta.lastSequence,
    };
    const merged = await writeOne(name, cursor, records, span, paceOfMerge());
    runs[name].splice(runs[name].indexOf(first), group.length, merged);
    await save({});
    await remove(group);
  }

  async function save(change: Partial<Manifest>): Promise<void> {
    const listed = (name: IndexName) => runs[name].map(({ meta }) => meta);
    const listing = { ids: listed('ids'), events: listed('events') };
    manifest = { ...manifest, ...change, nextFile, runs: listing };
    await writeManifest(directory, manifest);
  }

  /** The file system takes long over a large file, so not on the main thread. */
  async function remove(group: readonly OpenRun[]): Promise<void> {
    for (const { run } of group) {
      run.close();
      await rm(run.path, { force: true });
    }
  }

  return {
    findId,
    addId(key, fingerprint, sequence, atMs) {
      freezeIfFull(atMs);
      copyWords(key, 0, record, 0, ID_RECORD.keyWords);
      record[4] = fingerprint;
      putNumber(record, 5, sequence);
      tail.ids.put(record);
      note(sequence);
    },
    addEvent(organisation, timeMs, sequence) {
      tail.events.put(organisation, timeMs, sequence);
      note(sequence);
    },
    *eventsBefore(organisation, fromMs, before) {
      const sources = [...frozen, tail].map(({ events }) =>
        events.select(organisation, fromMs, before).values(),
      );
      const key = eventKey(organisation, before);
      const walks = runs.events.map(({ run }) => placesOf(run.before(key), organisation, fromMs));
      yield* newestFirst([...sources, ...walks]);
    },
    rebuilt,
    covered: () => manifest.covered,
    backlog: () => frozen.length,
    saturated: () => frozen.length > limits.indexTailsFrozen,
    async tend() {
      await buildAll();
      for (const name of NAMES) {
        for (;;) {
          const group = mergeable(runs[name], tail.day, tailIds);
          if (group === undefined) break;
          await merge(name, group);
        }
      }
    },
    async dropOldestBefore(day) {
      const oldest = Math.min(...runs.ids.map(({ meta }) => meta.day));
      if (oldest >= day) return false;
      const gone = runs.ids.filter(({ meta }) => meta.day === oldest);
      runs.ids = runs.ids.filter(({ meta }) => meta.day !== oldest);
      await save({});
      await remove(gone);
      return true;
    },
    newestDay: () => Math.max(tail.day, frozen.at(-1)?.day ?? 0),
    runs: (name) => runs[name].length,
    tailSize: () => tail.ids.size() + frozen.reduce((sum, { ids }) => sum + ids.size(), 0),
    close() {
      for (const name of NAMES) for (const { run } of runs[name]) run.close();
    },
  };
}

/** Days never go back, whatever the clock does: the runs of a day are neighbours. */
function createTail(tailIds: number, day: number): Tail {
  return {
    ids: createIdTable(tailIds),
    events: createEventTail(tailIds),
    day,
    firstSequence: 0,
    lastSequence: 0,
  };
}

function newestDayOf(manifest: Manifest): number {
  return Math.max(0, ...NAMES.flatMap((name) => manifest.runs[name].map(({ day }) => day)));
}

function findInTable(table: IdTable, key: Uint32Array): IdFound | undefined {
  const at = table.find(key);
  return at < 0 ? undefined : foundAt(table.words, at);
}

function foundAt(words: Uint32Array, at: number): IdFound {
  return { fingerprint: words[at + 4] as number, sequence: getNumber(words, at + 5) };
}

function* placesOf(cursor: Cursor, organisation: number, fromMs: EpochMs): Generator<EventPlace> {
  while (cursor.next()) {
    const { words, at } = cursor;
    const timeMs = getNumber(words, at + 1);
    if (words[at] !== organisation || timeMs < fromMs) return;
    yield { timeMs, sequence: getNumber(words, at + 3) };
  }
}

function* newestFirst(sources: readonly Iterator<EventPlace>[]): Generator<EventPlace, void> {
  const heads: { place: EventPlace; source: Iterator<EventPlace> }[] = [];
  for (const source of sources) {
    const { value, done } = source.next();
    if (done !== true) heads.push({ place: value, source });
  }
  while (heads.length > 0) {
    let best = heads[0] as (typeof heads)[number];
    for (const head of heads) if (precedes(best.place, head.place)) best = head;
    yield best.place;
    const { value, done } = best.source.next();
    if (done === true) heads.splice(heads.indexOf(best), 1);
    else best.place = value;
  }
}

function openAll(directory: string, manifest: Manifest): Record<IndexName, OpenRun[]> | undefined {
  const opened: Record<IndexName, OpenRun[]> = { ids: [], events: [] };
  try {
    for (const name of NAMES) {
      for (const meta of manifest.runs[name]) {
        opened[name].push({ meta, run: openRun(join(directory, meta.file), SHAPES[name]) });
      }
    }
    return opened;
  } catch (error) {
    for (const name of NAMES) for (const { run } of opened[name]) run.close();
    const rebuildable =
      (error instanceof Failure && error.code === 'INDEX_DAMAGED') ||
      (error instanceof Error && 'code' in error && error.code === 'ENOENT');
    if (rebuildable) return undefined;
    throw error;
  }
}

function holdsRuns(directory: string): boolean {
  return readdirSync(directory).some((name) => name.endsWith('.run'));
}

function removeStrangers(directory: string, manifest: Manifest): void {
  const listed = new Set(NAMES.flatMap((name) => manifest.runs[name].map(({ file }) => file)));
  for (const name of readdirSync(directory)) {
    if (!name.startsWith('MANIFEST') && !listed.has(name)) rmSync(join(directory, name));
  }
}
