// Segments that a backup directory holds already: those of its backup, and those that arrived whole
// before a run was interrupted.

import { existsSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { HeldSegment } from '../../../generated/ts/tollgate/v1/backup.js';
import { Failure } from '../../base/failure.js';
import { realFiles } from '../../journal/files.js';
import { trailerOf } from '../../journal/recover.js';
import {
  type BackedUpFile,
  fileName,
  filesDirectory,
  type Manifest,
  readFileName,
  segmentFile,
} from './manifest.js';

export interface Held {
  readonly file: BackedUpFile;
  /** As its own trailer has it. */
  readonly segment: HeldSegment;
}

/** By number. What cannot be read is not held: it comes anew. */
export function heldSegments(
  directory: string,
  manifest: Manifest | undefined,
): ReadonlyMap<number, Held> {
  const listed = new Map((manifest?.files ?? []).map((file) => [fileName(file), file]));
  const held = new Map<number, Held>();
  for (const name of namesIn(directory)) {
    const read = readFileName(name);
    if (read === undefined) continue;
    const { size: bytes } = statSync(join(filesDirectory(directory), name));
    const known = listed.get(name);
    if (known !== undefined && known.bytes !== bytes) continue;
    const file = { ...read, bytes };
    const segment = heldSegment(directory, file);
    if (segment === undefined) continue;
    // Of two, the one that reaches further: the other was taken while it was written.
    const other = held.get(read.segment)?.segment.lastSequence ?? 0n;
    if (segment.lastSequence > other) held.set(read.segment, { file, segment });
  }
  return held;
}

function heldSegment(directory: string, file: BackedUpFile): HeldSegment | undefined {
  try {
    const trailer = trailerOf(segmentFile(directory, file), realFiles);
    if (trailer === undefined) return undefined;
    const { lastSequence, lastCrc } = trailer;
    return { number: file.segment, lastSequence: BigInt(lastSequence), chainCrc: BigInt(lastCrc) };
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** Removes what the manifest does not name. */
export function sweep(directory: string, { files }: Manifest): void {
  const listed = new Set(files.map(fileName));
  for (const name of namesIn(directory)) {
    const ours = readFileName(name) !== undefined || name.endsWith('.tmp');
    if (ours && !listed.has(name)) unlinkSync(join(filesDirectory(directory), name));
  }
}

function namesIn(directory: string): readonly string[] {
  const files = filesDirectory(directory);
  return existsSync(files) ? readdirSync(files).sort() : [];
}
