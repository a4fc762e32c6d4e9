// Which runs make up the indexes and which entries they cover. Replaced by rename, never edited; a
// missing or damaged one means that the indexes are built again from the journal.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { replaceFile } from '../../base/replace-file.js';
import type { Sequence } from '../../base/units.js';

const NAME = 'MANIFEST.json';

export type IndexName = 'ids' | 'events';

export interface RunMeta {
  readonly file: string;
  /** UTC day number of the entry time of its newest record. */
  readonly day: number;
  readonly records: number;
  readonly firstSequence: Sequence;
  readonly lastSequence: Sequence;
}

export interface Manifest {
  readonly format: 1;
  readonly uuid: string;
  readonly incarnation: number;
  /** Every entry up to here is in a run. */
  readonly covered: Sequence;
  readonly nextFile: number;
  readonly runs: Readonly<Record<IndexName, readonly RunMeta[]>>;
}

export function emptyManifest(uuid: string, incarnation: number): Manifest {
  return { format: 1, uuid, incarnation, covered: 0, nextFile: 1, runs: { ids: [], events: [] } };
}

/** Undefined where there is none, it is damaged, or it belongs to another journal. */
export function readManifest(
  directory: string,
  uuid: string,
  incarnation: number,
): Manifest | undefined {
  const path = join(directory, NAME);
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, 'utf8');
  const split = text.lastIndexOf('\n', text.length - 2) + 1;
  const body = text.slice(0, split);
  if (text.slice(split).trim() !== `crc32 ${crc32(body)}`) return undefined;
  const manifest = JSON.parse(body) as Manifest;
  const own =
    manifest.format === 1 && manifest.uuid === uuid && manifest.incarnation === incarnation;
  return own ? manifest : undefined;
}

export async function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  const body = `${JSON.stringify(manifest)}\n`;
  await replaceFile(directory, NAME, `${body}crc32 ${crc32(body)}\n`);
}
