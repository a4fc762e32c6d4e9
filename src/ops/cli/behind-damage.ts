// What stands behind damage in a journal and can still be read. Repair gives it up, so people are
// told before whose it is.

import { Failure } from '../../base/failure.js';
import type { EpochMs, Sequence } from '../../base/units.js';
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  eachFrame,
  isWholeBatch,
  readBatchHeader,
} from '../../journal/batch.js';
import type { Entry } from '../../journal/entry.js';
import { decodeEntry } from '../../journal/entry-codec.js';
import { realFiles } from '../../journal/files.js';
import { type JournalDamaged, openSource, type SegmentFile } from '../../journal/recover.js';
import { SEGMENT_HEADER_BYTES } from '../../journal/segment.js';
import { countOf } from './count.js';

export interface BehindDamage {
  readonly entries: number;
  /** Of them, events. */
  readonly events: number;
  readonly lastSequence: Sequence;
  /** When the first and the last of them were written. */
  readonly firstMs: EpochMs;
  readonly lastMs: EpochMs;
  /** Of these entries, by id; who lost an entry that cannot be read is not known. */
  readonly organisations: readonly string[];
}

const READ_BYTES = 128 * 1024;
const ORGANISATIONS_NAMED = 10;

/** Undefined: nothing. */
export function readBehind(
  segments: readonly SegmentFile[],
  damage: JournalDamaged,
): BehindDamage | undefined {
  const organisations = new Set<string>();
  let [entries, events, lastSequence, lastMs] = [0, 0, 0, 0];
  let firstMs = Number.POSITIVE_INFINITY;
  for (const segment of segments) {
    if (segment.number < damage.segment) continue;
    const from = segment.number === damage.segment ? damage.offset : 0;
    for (const { entry, sequence } of entriesIn(segment, Math.max(from, SEGMENT_HEADER_BYTES))) {
      entries++;
      if (entry.kind === 'record') events++;
      if ('orgId' in entry && entry.orgId !== '') organisations.add(entry.orgId);
      lastSequence = Math.max(lastSequence, sequence);
      firstMs = Math.min(firstMs, entry.atMs);
      lastMs = Math.max(lastMs, entry.atMs);
    }
  }
  if (entries === 0) return undefined;
  const sorted = [...organisations].sort();
  return { entries, events, lastSequence, firstMs, lastMs, organisations: sorted };
}

export function behindText(behind: BehindDamage): string {
  const { entries, events, firstMs, lastMs, organisations } = behind;
  const named = organisations.slice(0, ORGANISATIONS_NAMED);
  const more = organisations.length - named.length;
  const who = [...named, ...(more === 0 ? [] : [`${more} more`])].join(', ');
  return (
    `behind it ${countOf(entries, 'entry', 'entries')} can be read still, ` +
    `${new Date(firstMs).toISOString()} to ${new Date(lastMs).toISOString()}: ` +
    `${countOf(events, 'event')}; of ${countOf(organisations.length, 'organisation')}` +
    (who === '' ? '' : `: ${who}`)
  );
}

function* entriesIn(
  segment: SegmentFile,
  from: number,
): Generator<{ readonly entry: Entry; readonly sequence: Sequence }> {
  const bytes = readable(segment);
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(BATCH_MAGIC);
  for (let at = bytes.indexOf(magic, from); at >= 0; at = bytes.indexOf(magic, at)) {
    const header = readBatchHeader(bytes, at);
    if (header?.segment !== segment.number || !isWholeBatch(bytes, at, header)) {
      at++;
      continue;
    }
    const found: { entry: Entry; sequence: Sequence }[] = [];
    eachFrame(bytes, at, header, (sequence, _crc, start, end) => {
      const entry = decoded(bytes, start, end);
      if (entry !== undefined) found.push({ entry, sequence });
      return false;
    });
    yield* found;
    at += BATCH_HEADER_BYTES + header.bodyBytes;
  }
}

/** Undefined: of a kind that only newer code knows. */
function decoded(bytes: Buffer, start: number, end: number): Entry | undefined {
  try {
    return decodeEntry(bytes, start, end);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** The segment as far as it can be read, zeros elsewhere. */
function readable(segment: SegmentFile): Buffer {
  let source: ReturnType<typeof openSource>;
  try {
    source = openSource(segment, realFiles);
  } catch (error) {
    if (error instanceof Failure) return Buffer.alloc(0);
    throw error;
  }
  try {
    const bytes = Buffer.alloc(source.bytes());
    for (let at = 0; at < bytes.length; at += READ_BYTES) {
      try {
        source.readSync(bytes.subarray(at, at + READ_BYTES), at);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
      }
    }
    return bytes;
  } finally {
    source.close();
  }
}
