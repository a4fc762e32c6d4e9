// Reading a whole data directory from end to end, as `verify` and `repair` do: every batch, every
// entry, the chain between them, and what the events add up to.

import { crc32 } from 'node:zlib';
import { Failure, messageOf } from '../../base/failure.js';
import type { EpochMs, Quanta, Sequence } from '../../base/units.js';
import { SPEND } from '../../domain/metering/spend.js';
import { eachFrame } from '../../journal/batch.js';
import type { Entry, RecordEntry } from '../../journal/entry.js';
import { decodeEntry } from '../../journal/entry-codec.js';
import { realFiles } from '../../journal/files.js';
import { type Identity, readIdentity } from '../../journal/identity.js';
import { journalDirectory } from '../../journal/open.js';
import {
  firstPoint,
  JournalDamaged,
  listSegments,
  type ScanResult,
  type SegmentFile,
  scanJournal,
} from '../../journal/recover.js';
import type { BatchView } from '../../journal/scan.js';
import { spendEntry } from '../../journal/spend-entry.js';
import type { Records } from '../../state/records.js';
import { type BehindDamage, behindText, readBehind } from './behind-damage.js';
import { openLedgerTally } from './ledger-tally.js';

/** What the events of one organisation and meter add up to. */
export interface Sum {
  readonly orgId: string;
  readonly scale: number;
  events: number;
  quanta: Quanta;
  /** SUM and COUNT: the quanta add up. The other aggregations have no plain sum. */
  adds: boolean;
}

/** A journal as it lies on a disk. */
export interface JournalFiles {
  readonly identity: Identity | undefined;
  readonly segments: readonly SegmentFile[];
  /** What is wrong before anything was read. */
  readonly problems: readonly string[];
}

export interface Inspection {
  readonly identity: Identity | undefined;
  readonly segments: readonly SegmentFile[];
  readonly batches: number;
  readonly entries: ReadonlyMap<Entry['kind'], number>;
  readonly sums: ReadonlyMap<string, Sum>;
  readonly lastSequence: Sequence;
  readonly lastEntryMs: EpochMs;
  /** Where the journal ends, if it could be read to its end. */
  readonly end: ScanResult | undefined;
  /** The ledger's records, as its entries give them. */
  readonly records: Records;
  /** What is wrong with the journal; empty: nothing. */
  readonly problems: readonly string[];
  readonly damage: JournalDamaged | undefined;
  /** When the last batch was written that could be read; 0: none. */
  readonly lastWrittenMs: EpochMs;
  readonly behind: BehindDamage | undefined;
}

/** For programs. */
export interface DamageReport {
  readonly file: string;
  readonly offset: number;
  readonly afterSequence: Sequence;
  /** When the batch before was written; '' where there is none. */
  readonly afterTime: string;
  /** What is behind it and can be read still; null: nothing. */
  readonly behind: BehindDamage | null;
}

export interface InspectOptions {
  readonly journal: JournalFiles;
  /** What goes through the entries besides; called for each event. */
  readonly onRecord?: (entry: RecordEntry, sequence: Sequence, crc: number) => void;
  /** Sums are taken up to here. */
  readonly upTo: Sequence;
  readonly onProgress: (segment: number, segments: number, sequence: Sequence) => void;
}

export function sumKey(organisation: number, meter: string): string {
  return `${organisation}\u0004${meter}`;
}

/** Of a data directory. */
export function findJournal(directory: string): JournalFiles {
  const problems: string[] = [];
  const identity = readIdentityOrSay(directory, problems);
  const segmentsDirectory = journalDirectory(directory);
  const segments = realFiles.exists(segmentsDirectory)
    ? listSegments(segmentsDirectory, realFiles)
    : [];
  if (segments.length === 0) problems.push(`${segmentsDirectory} holds no segment`);
  return { identity, segments, problems };
}

export function inspect(options: InspectOptions): Inspection {
  const { identity, segments } = options.journal;
  const problems = [...options.journal.problems];
  const tally = createTally(options, problems);
  let end: ScanResult | undefined;
  let damage: JournalDamaged | undefined;
  if (segments.length > 0 && identity !== undefined) {
    try {
      end = walk(segments, identity.uuid, tally, options);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error instanceof JournalDamaged) damage = error;
      problems.push(error instanceof JournalDamaged ? whereAndWhen(error) : messageOf(error));
    }
    if (end !== undefined && end.place.sequence < identity.lastSequence) {
      problems.push(
        `the journal ends at sequence ${end.place.sequence}, yet identity.json knows ` +
          `${identity.lastSequence}: entries are missing`,
      );
    }
  }
  const behind = damage && readBehind(segments, damage);
  if (behind !== undefined) problems.push(behindText(behind));
  return { identity, segments, ...tally.result(), end, problems, damage, behind };

  function whereAndWhen({ finding }: JournalDamaged): string {
    const { lastWrittenMs } = tally.result();
    if (lastWrittenMs === 0) return finding;
    return `${finding}; the batch before is of ${new Date(lastWrittenMs).toISOString()}`;
  }
}

export function damageReport(found: Inspection): DamageReport | null {
  const { damage, lastWrittenMs, behind = null } = found;
  if (damage === undefined) return null;
  const { file, offset, place } = damage;
  const afterTime = lastWrittenMs === 0 ? '' : new Date(lastWrittenMs).toISOString();
  return { file, offset, afterSequence: place.sequence, afterTime, behind };
}

function readIdentityOrSay(directory: string, problems: string[]): Identity | undefined {
  try {
    const identity = readIdentity(directory);
    if (identity === undefined) problems.push(`${directory} holds no identity.json`);
    return identity;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    problems.push(error.message);
    return undefined;
  }
}

function walk(
  segments: readonly SegmentFile[],
  uuid: string,
  tally: Tally,
  options: InspectOptions,
): ScanResult {
  const visits = scanJournal(segments, realFiles, uuid, firstPoint(segments));
  let step = visits.next();
  for (; step.done !== true; step = visits.next()) {
    const { batch, segment } = step.value;
    tally.add(batch, segment);
    options.onProgress(segments.indexOf(segment) + 1, segments.length, tally.lastSequence());
  }
  return step.value;
}

interface Tally {
  readonly add: (batch: BatchView, segment: SegmentFile) => void;
  readonly lastSequence: () => Sequence;
  readonly result: () => Pick<
    Inspection,
    'batches' | 'entries' | 'sums' | 'lastSequence' | 'lastEntryMs' | 'lastWrittenMs' | 'records'
  >;
}

function createTally({ upTo, onRecord }: InspectOptions, problems: string[]): Tally {
  const ledger = openLedgerTally(problems);
  const entries = new Map<Entry['kind'], number>();
  const organisations = new Map<string, number>();
  const sums = new Map<string, Sum>();
  let batches = 0;
  let lastSequence = 0;
  let lastEntryMs = 0;
  let lastWrittenMs = 0;

  function addEntry(entry: Entry, sequence: Sequence, crc: number): void {
    entries.set(entry.kind, (entries.get(entry.kind) ?? 0) + 1);
    lastEntryMs = Math.max(lastEntryMs, entry.atMs);
    if (entry.kind === 'organisation') organisations.set(entry.orgId, entry.number);
    for (const taken of ledger.add(entry, sequence)) {
      if (sequence > upTo) continue;
      const organisation = organisations.get(taken.org_id) ?? 0;
      takeFrom(sums.get(sumKey(organisation, taken.meter)), taken.quanta);
      if (taken.spend !== undefined) {
        takeFrom(sums.get(sumKey(organisation, SPEND)), taken.spend.quanta);
      }
    }
    if (entry.kind !== 'record') return;
    onRecord?.(entry, sequence, crc);
    if (sequence > upTo) return;
    addToSums(entry);
    const spent = spendEntry(entry);
    if (spent !== undefined) addToSums(spent);
  }

  function addToSums({ orgId, meter, aggregation, scale, quanta }: RecordEntry): void {
    const key = sumKey(organisations.get(orgId) ?? 0, meter);
    const adds = aggregation === 'SUM' || aggregation === 'COUNT';
    const sum = sums.get(key) ?? { orgId, scale, events: 0, quanta: 0n, adds };
    sum.events++;
    sum.quanta += quanta;
    sums.set(key, sum);
  }

  function takeFrom(sum: Sum | undefined, quanta: string): void {
    if (sum === undefined) return;
    sum.events--;
    sum.quanta -= BigInt(quanta);
  }

  return {
    add({ header, buffer, at, offset }, segment) {
      batches++;
      lastWrittenMs = header.writtenMs;
      eachFrame(buffer, at, header, (sequence, crc, start, end) => {
        if (crc32(buffer.subarray(start, end)) !== crc) {
          const text = `${segment.path}: sequence ${sequence}, batch at ${offset}: entry CRC`;
          throw new Failure('JOURNAL_DAMAGED', text);
        }
        addEntry(decodeEntry(buffer, start, end), sequence, crc);
        lastSequence = sequence;
        return false;
      });
    },
    lastSequence: () => lastSequence,
    result: () => ({
      batches,
      entries,
      sums,
      lastSequence,
      lastEntryMs,
      lastWrittenMs,
      records: ledger.records,
    }),
  };
}
