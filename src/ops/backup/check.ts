// Whether a backup is what was written: every file by its hash, then the journal as `verify` reads
// that of a data directory.

import { createHash } from 'node:crypto';
import { systemCode } from '../../base/failure.js';
import { realFiles } from '../../journal/files.js';
import type { JournalFiles } from '../cli/inspect.js';
import { type BackedUpFile, type Manifest, segmentFile } from './manifest.js';

const READ_BYTES = 1024 * 1024;

/** The problems are those of the hashes. */
export function checkBackup(
  directory: string,
  { identity, files }: Manifest,
  onFile: (done: number, of: number, sequence: number) => void,
): JournalFiles {
  const problems: string[] = [];
  files.forEach((file, i) => {
    const problem = problemOf(directory, file);
    if (problem !== undefined) problems.push(problem);
    onFile(i + 1, files.length, identity.lastSequence);
  });
  return { identity, segments: files.map((file) => segmentFile(directory, file)), problems };
}

function problemOf(directory: string, file: BackedUpFile): string | undefined {
  const { path } = segmentFile(directory, file);
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for (const chunk of chunksOf(path)) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return `${path} is missing`;
    throw error;
  }
  if (bytes !== file.bytes) return `${path} has ${bytes} bytes, the manifest says ${file.bytes}`;
  if (hash.digest('hex') === file.sha256) return undefined;
  return `${path} is damaged: its SHA-256 is not the one in its name`;
}

/** A chunk is valid until the next one is asked for. */
export function* chunksOf(path: string): Generator<Buffer> {
  const handle = realFiles.open(path, 'read');
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let at = 0; ; ) {
      const read = handle.readSync(buffer, at);
      if (read === 0) return;
      yield buffer.subarray(0, read);
      at += read;
    }
  } finally {
    handle.close();
  }
}
