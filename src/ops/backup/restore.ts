// `tollgate restore`: a data directory from a backup. The identity is written last: what was
// interrupted before holds a journal without one, which no start takes for its own.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../base/clock.js';
import { Failure, systemCode } from '../../base/failure.js';
import { realFiles } from '../../journal/files.js';
import { newIncarnation, writeIdentity } from '../../journal/identity.js';
import { type Lock, takeLock } from '../../journal/lock.js';
import { journalDirectory } from '../../journal/open.js';
import { segmentName } from '../../journal/segment.js';
import type { CommandIo } from '../cli/command.js';
import { countOf } from '../cli/count.js';
import { inspect } from '../cli/inspect.js';
import { openProgress } from '../cli/progress.js';
import { EXIT } from '../cli/trouble.js';
import { makeDataDirectory } from '../data-directory.js';
import { checkBackup, chunksOf } from './check.js';
import { RESTORE_HELP } from './help.js';
import { type BackedUpFile, type Manifest, readManifest, segmentFile } from './manifest.js';

/** There from the first file to the last: a restore that was interrupted begins again. */
const MARK = 'restoring';
/** What a new volume may hold. */
const EMPTY = /^(lock\.\d+|lost\+found)$/;

interface Report {
  readonly directory: string;
  readonly from: string;
  readonly uuid: string;
  readonly incarnation: number;
  readonly parent: number;
  readonly sequence: number;
  /** When the backup was taken. */
  readonly time: string;
  readonly files: number;
  readonly bytes: number;
  readonly written: boolean;
}

export async function runRestore(argv: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      from: { type: 'string' },
      'data-dir': { type: 'string', default: process.env['TOLLGATE_DATA_DIR'] ?? './data' },
      'dry-run': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    io.stdout.write(RESTORE_HELP);
    return EXIT.well;
  }
  if (values.from === undefined) {
    io.stderr.write('--from: is required: the directory of the backup\n');
    return EXIT.misuse;
  }
  const directory = resolve(values['data-dir']);
  const manifest = readManifest(values.from);
  if (manifest === undefined) {
    throw new Failure('BACKUP_MISSING', `${values.from} holds no backup: no manifest.json`);
  }
  refuseData(directory);
  const source = await lockBackup(values.from);
  try {
    checkWhole(values.from, manifest, io);
    if (!values['dry-run']) await write(values.from, manifest, directory, io);
    const report = reportOf(values.from, manifest, directory, !values['dry-run']);
    io.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : textOf(report));
    return EXIT.well;
  } finally {
    await source?.release();
  }
}

/** Nobody can change a backup that lies on a read-only medium. */
async function lockBackup(directory: string): Promise<Lock | undefined> {
  try {
    return await takeLock(directory);
  } catch (error) {
    if (systemCode(error) === 'EROFS') return undefined;
    throw error;
  }
}

function refuseData(directory: string): void {
  if (!existsSync(directory)) return;
  const isUnfinished =
    existsSync(join(directory, MARK)) && !existsSync(join(directory, 'identity.json'));
  const names = readdirSync(directory).filter((name) => !EMPTY.test(name));
  const others = isUnfinished ? names.filter((name) => name !== MARK && name !== 'journal') : names;
  if (others.length === 0) return;
  const text = `${directory} is not empty (${others.slice(0, 3).join(', ')})`;
  throw new Failure('DATA_DIR_NOT_EMPTY', `${text}: restore into an empty directory`);
}

function checkWhole(from: string, manifest: Manifest, io: CommandIo): void {
  const hashing = openProgress(io.stderr, 'files checked');
  const journal = checkBackup(from, manifest, hashing.update);
  hashing.end();
  // What is not what was written is not worth reading.
  const problems = journal.problems.length > 0 ? journal.problems : read();
  if (problems.length > 0) throw new Failure('BACKUP_DAMAGED', problems.join('; '));

  function read(): readonly string[] {
    const reading = openProgress(io.stderr, 'segments read');
    const { problems, end } = inspect({ journal, upTo: 0, onProgress: reading.update });
    reading.end();
    const { lastSequence } = manifest.identity;
    if (problems.length > 0 || end?.place.sequence === lastSequence) return problems;
    return [`${from} ends at sequence ${end?.place.sequence}, its manifest says ${lastSequence}`];
  }
}

async function write(
  from: string,
  { identity, files }: Manifest,
  directory: string,
  io: CommandIo,
): Promise<void> {
  makeDataDirectory(directory);
  const lock = await takeLock(directory);
  try {
    // Nobody came in between.
    refuseData(directory);
    const target = journalDirectory(directory);
    writeFileSync(join(directory, MARK), '');
    rmSync(target, { recursive: true, force: true });
    realFiles.makeDirectory(target);
    await realFiles.syncDirectory(directory);
    const progress = openProgress(io.stderr, 'files written');
    files.forEach((file, i) => {
      copy(from, file, target);
      progress.update(i + 1, files.length, identity.lastSequence);
    });
    progress.end();
    await realFiles.syncDirectory(target);
    const restored = newIncarnation(identity, identity.lastSequence, systemClock.wallMs());
    await writeIdentity(directory, restored);
    rmSync(join(directory, MARK));
    await realFiles.syncDirectory(directory);
  } finally {
    await lock.release();
  }
}

/** Read once more: what is written is what the manifest says. */
function copy(from: string, file: BackedUpFile, target: string): void {
  const { path } = segmentFile(from, file);
  const name = `${segmentName(file.segment)}${file.compressed ? 'z' : ''}`;
  const handle = realFiles.open(join(target, name), 'create');
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for (const chunk of chunksOf(path)) {
      handle.writeSync(chunk, bytes);
      hash.update(chunk);
      bytes += chunk.length;
    }
    handle.syncSync();
  } finally {
    handle.close();
  }
  if (hash.digest('hex') === file.sha256) return;
  throw new Failure('BACKUP_DAMAGED', `${path} changed while it was read`);
}

function reportOf(
  from: string,
  { identity, takenMs, files }: Manifest,
  directory: string,
  written: boolean,
): Report {
  const { uuid, incarnation, lastSequence } = identity;
  return {
    directory,
    from,
    uuid,
    incarnation: incarnation + 1,
    parent: incarnation,
    sequence: lastSequence,
    time: new Date(takenMs).toISOString(),
    files: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    written,
  };
}

function textOf(report: Report): string {
  const { directory, from, incarnation, parent, sequence, time, files, written } = report;
  const origin = `${countOf(files, 'file')}, up to sequence ${sequence} at ${time}`;
  if (!written) return `${from}: whole: ${origin}\nNothing was written (--dry-run).\n`;
  return (
    `${directory}: restored from ${from}: ${origin}\n` +
    `  incarnation ${incarnation} begins behind sequence ${sequence} of incarnation ${parent}\n` +
    '  state and indexes are built at the next start\n'
  );
}
