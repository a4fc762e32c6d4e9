// What a directory with a backup holds: `manifest.json`, written last and as a whole, and in
// `journal/` one file a segment, named by its number and hash. So files of two backups never share
// a name, and the older one is whole until the manifest of the newer one stands.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../base/failure.js';
import { replaceFile } from '../../base/replace-file.js';
import type { EpochMs } from '../../base/units.js';
import { type Identity, isIdentity } from '../../journal/identity.js';
import type { SegmentFile } from '../../journal/recover.js';

export interface Manifest {
  /** Of the journal; its `lastSequence` is where the backup ends. */
  readonly identity: Identity;
  readonly takenMs: EpochMs;
  /** Ascending by segment, without gaps. */
  readonly files: readonly BackedUpFile[];
}

export interface BackedUpFile {
  readonly segment: number;
  readonly compressed: boolean;
  readonly bytes: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

const NAME = 'manifest.json';
const FORMAT = 1;

export function isBackup(directory: string): boolean {
  return existsSync(join(directory, NAME));
}

/** Undefined where there is none; throws BACKUP_DAMAGED. */
export function readManifest(directory: string): Manifest | undefined {
  const path = join(directory, NAME);
  if (!existsSync(path)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (isStored(value) && checksumOf(value) === value.checksum) {
    return { identity: value.identity, takenMs: Date.parse(value.time), files: value.files };
  }
  throw new Failure('BACKUP_DAMAGED', `${path}: not a manifest of format ${FORMAT}, or changed`);
}

export async function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  const { identity, takenMs, files } = manifest;
  const content = { format: FORMAT, time: new Date(takenMs).toISOString(), identity, files };
  const stored = { ...content, checksum: checksumOf(content) };
  await replaceFile(directory, NAME, `${JSON.stringify(stored, null, 2)}\n`);
}

interface Content {
  readonly format: number;
  readonly time: string;
  readonly identity: Identity;
  readonly files: readonly BackedUpFile[];
}

interface Stored extends Content {
  /** SHA-256 of all else, as JSON without spaces. */
  readonly checksum: string;
}

function checksumOf({ format, time, identity, files }: Content): string {
  const text = JSON.stringify({ format, time, identity, files });
  return createHash('sha256').update(text).digest('hex');
}

function isStored(value: unknown): value is Stored {
  if (typeof value !== 'object' || value === null) return false;
  const { format, time, identity, files } = value as Partial<Record<keyof Stored, unknown>>;
  return (
    format === FORMAT &&
    typeof time === 'string' &&
    isIdentity(identity) &&
    Array.isArray(files) &&
    files.every(isFile)
  );
}

function isFile(value: unknown): value is BackedUpFile {
  if (typeof value !== 'object' || value === null) return false;
  const file = value as Partial<Record<keyof BackedUpFile, unknown>>;
  const numbers = [file.segment, file.bytes].every((field) => Number.isSafeInteger(field));
  const isHash = typeof file.sha256 === 'string' && /^[0-9a-f]{64}$/.test(file.sha256);
  return numbers && isHash && typeof file.compressed === 'boolean';
}

export function filesDirectory(directory: string): string {
  return join(directory, 'journal');
}

export function fileName({ segment, compressed, sha256 }: Omit<BackedUpFile, 'bytes'>): string {
  return `${String(segment).padStart(8, '0')}-${sha256}.${compressed ? 'segz' : 'seg'}`;
}

/** Undefined for another file. */
export function readFileName(name: string): Omit<BackedUpFile, 'bytes'> | undefined {
  const [, number, sha256, extension] = /^(\d{8})-([0-9a-f]{64})\.(segz?)$/.exec(name) ?? [];
  if (number === undefined || sha256 === undefined) return undefined;
  return { segment: Number(number), compressed: extension === 'segz', sha256 };
}

export function segmentFile(directory: string, file: BackedUpFile): SegmentFile {
  const path = join(filesDirectory(directory), fileName(file));
  return { number: file.segment, path, compressed: file.compressed };
}
