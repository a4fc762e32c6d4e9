// `tollgate backup`: the journal of a running server, copied into a directory. Run again, it takes
// what is new; interrupted, it leaves the backup before as it was.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  AdminServiceClient,
  type BackupResponse,
} from '../../../generated/ts/tollgate/v1/admin_service.js';
import { Failure, messageOf } from '../../base/failure.js';
import { SECOND_MS } from '../../base/units.js';
import { realFiles } from '../../journal/files.js';
import { type Identity, sharedUpTo } from '../../journal/identity.js';
import { takeLock } from '../../journal/lock.js';
import { limits } from '../../limits.js';
import type { CommandIo } from '../cli/command.js';
import { countOf } from '../cli/count.js';
import { isMisuse, misuseText } from '../cli/misuse.js';
import { openProgress } from '../cli/progress.js';
import { EXIT, exitCodeOf } from '../cli/trouble.js';
import { isUsage, usageFailure } from '../cli/usage.js';
import { makeDataDirectory } from '../data-directory.js';
import { callFailure, detailsOf, isCallStatus } from '../remote/call-error.js';
import {
  connect,
  readCredential,
  readTarget,
  TARGET_FLAGS,
  type Target,
} from '../remote/target.js';
import { type Held, heldSegments, sweep } from './held.js';
import { BACKUP_HELP } from './help.js';
import {
  type BackedUpFile,
  filesDirectory,
  type Manifest,
  readManifest,
  writeManifest,
} from './manifest.js';
import { receive } from './receive.js';

const CONNECT_MS_MAX = 5 * SECOND_MS;
/** Without a part for longer than a server waits for its reader: the connection is dead. */
const SILENCE_MS_MAX = limits.backupStallMs + 30 * SECOND_MS;
const MIB = 1024 * 1024;

interface Order {
  readonly target: Target;
  readonly directory: string;
  readonly output: 'text' | 'json';
}

interface Report {
  readonly directory: string;
  readonly uuid: string;
  readonly incarnation: number;
  readonly sequence: number;
  readonly time: string;
  /** Of the backup. */
  readonly files: number;
  readonly bytes: number;
  /** Of them, sent by this run. */
  readonly filesSent: number;
  readonly bytesSent: number;
}

/** Exit code. Never rejects for trouble of server or usage. */
export async function runBackup(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    const order = readOrder(argv);
    if (order === 'help') {
      io.stdout.write(BACKUP_HELP);
      return EXIT.well;
    }
    makeDataDirectory(order.directory);
    const lock = await takeLock(order.directory);
    try {
      const report = await backUp(order, io);
      const isJson = order.output === 'json';
      io.stdout.write(isJson ? `${JSON.stringify(report, null, 2)}\n` : textOf(report));
      return EXIT.well;
    } finally {
      await lock.release();
    }
  } catch (error) {
    io.stderr.write(`backup: ${messageOf(error)}\n`);
    return isUsage(error) ? EXIT.misuse : exitCodeOf(error);
  }
}

function readOrder(argv: readonly string[]): Order | 'help' {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        ...TARGET_FLAGS,
        output: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) return 'help';
    const { output: directory = '' } = values;
    if (directory === '') throw usageFailure('--output is required: the directory to write to');
    const output = values.json === true ? 'json' : 'text';
    return { target: readTarget(values), directory: resolve(directory), output };
  } catch (error) {
    throw isMisuse(error) ? usageFailure(misuseText(error)) : error;
  }
}

async function backUp({ target, directory }: Order, io: CommandIo): Promise<Report> {
  const before = readManifest(directory);
  realFiles.makeDirectory(filesDirectory(directory));
  const held = heldSegments(directory, before);
  const metadata = readCredential(process.env['TOLLGATE_API_KEY_FILE']);
  const client = await connect(AdminServiceClient, target, CONNECT_MS_MAX);
  const progress = openProgress(io.stderr, 'MiB');
  try {
    const request = { held: [...held.values()].map(({ segment }) => segment) };
    const call = client.backup(request, metadata);
    const received = await receive(unlessSilent(call), {
      directory,
      onHeader: (identity) => refuseForeign(directory, before, identity),
      onProgress: (bytes, of, sequence) =>
        progress.update(Math.floor(bytes / MIB), Math.ceil(of / MIB), sequence),
    });
    const { identity, takenMs } = received;
    const files = assemble(received.kept, held, received.files);
    const manifest = { identity, takenMs, files };
    await realFiles.syncDirectory(filesDirectory(directory));
    await writeManifest(directory, manifest);
    sweep(directory, manifest);
    return reportOf(directory, manifest, received.files);
  } catch (error) {
    throw isCallStatus(error) ? callFailure(error, detailsOf(error), '') : error;
  } finally {
    progress.end();
    client.close();
  }
}

interface Call extends AsyncIterable<BackupResponse> {
  readonly cancel: () => void;
}

/** Its parts; ends the call where none comes any more, and where its reader stops. */
async function* unlessSilent(call: Call): AsyncGenerator<BackupResponse> {
  let isSilent = false;
  const timer = setTimeout(() => {
    isSilent = true;
    call.cancel();
  }, SILENCE_MS_MAX);
  try {
    for await (const response of call) {
      timer.refresh();
      yield response;
    }
  } catch (error) {
    if (!isSilent) throw error;
    const text = `the server sent nothing for ${SILENCE_MS_MAX / SECOND_MS} s`;
    throw new Failure('UNREACHABLE', text, { cause: error });
  } finally {
    clearTimeout(timer);
    call.cancel();
  }
}

/**
 * A backup may be replaced only by one of the same history, gone on. What a server lost, by repair
 * or by restoring an older backup, is then still here.
 */
function refuseForeign(directory: string, before: Manifest | undefined, now: Identity): void {
  if (before === undefined) return;
  const { uuid, incarnation, lastSequence } = before.identity;
  if (uuid !== now.uuid) {
    const text = `${directory} is a backup of journal ${uuid}, the server has ${now.uuid}`;
    throw new Failure('BACKUP_FOREIGN', `${text}: use another directory`);
  }
  const reached = Math.min(now.lastSequence, sharedUpTo(now, incarnation));
  if (reached >= lastSequence) return;
  throw new Failure(
    'BACKUP_FOREIGN',
    `${directory} holds sequence ${lastSequence} of incarnation ${incarnation}, and the server ` +
      `has that one up to ${reached} only: keep this backup, and use another directory`,
  );
}

function assemble(
  kept: readonly number[],
  held: ReadonlyMap<number, Held>,
  received: readonly BackedUpFile[],
): readonly BackedUpFile[] {
  const files = [...kept.flatMap((number) => held.get(number)?.file ?? []), ...received];
  files.sort((a, b) => a.segment - b.segment);
  const first = files[0]?.segment ?? 0;
  const isWhole = files.every(({ segment }, i) => segment === first + i);
  if (files.length > 0 && isWhole) return files;
  throw new Failure('BACKUP_PROTOCOL', 'the server left segments out: nothing was replaced');
}

function reportOf(directory: string, manifest: Manifest, sent: readonly BackedUpFile[]): Report {
  const { identity, takenMs, files } = manifest;
  const sum = (some: readonly BackedUpFile[]) => some.reduce((all, { bytes }) => all + bytes, 0);
  return {
    directory,
    uuid: identity.uuid,
    incarnation: identity.incarnation,
    sequence: identity.lastSequence,
    time: new Date(takenMs).toISOString(),
    files: files.length,
    bytes: sum(files),
    filesSent: sent.length,
    bytesSent: sum(sent),
  };
}

function textOf(report: Report): string {
  const { directory, sequence, time, files, bytes, filesSent, bytesSent } = report;
  const mib = (count: number) => `${(count / MIB).toFixed(1)} MiB`;
  return (
    `${directory}: up to sequence ${sequence} at ${time}\n` +
    `  ${countOf(files, 'file')}, ${mib(bytes)}; ${filesSent} sent, ${mib(bytesSent)}\n`
  );
}
