// The parts of a backup as they arrive, written to files. A file gets its name when it is whole,
// its hash is right and it is synced.

import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import type { Timestamp } from '../../../generated/ts/google/protobuf/timestamp.js';
import type { BackupResponse } from '../../../generated/ts/tollgate/v1/admin_service.js';
import type { BackupFile, BackupHeader } from '../../../generated/ts/tollgate/v1/backup.js';
import { unreachable } from '../../base/assert.js';
import { Failure } from '../../base/failure.js';
import type { EpochMs } from '../../base/units.js';
import { type FileHandle, realFiles } from '../../journal/files.js';
import type { Identity } from '../../journal/identity.js';
import { type BackedUpFile, fileName, filesDirectory } from './manifest.js';

export interface Received {
  readonly identity: Identity;
  readonly takenMs: EpochMs;
  /** Numbers of held segments that belong to it. */
  readonly kept: readonly number[];
  readonly files: readonly BackedUpFile[];
}

export interface ReceiveOptions {
  readonly directory: string;
  /** Throws where the backup does not belong here. */
  readonly onHeader: (identity: Identity) => void;
  readonly onProgress: (bytes: number, of: number, sequence: number) => void;
}

/** One that is being written. */
interface Arriving {
  readonly file: BackupFile;
  readonly handle: FileHandle;
  readonly hash: Hash;
  bytes: number;
}

const TEMPORARY = 'arriving.tmp';

export async function receive(
  responses: AsyncIterable<BackupResponse>,
  options: ReceiveOptions,
): Promise<Received> {
  const { directory } = options;
  const files: BackedUpFile[] = [];
  let header: BackupHeader | undefined;
  let arriving: Arriving | undefined;
  let bytes = 0;
  let ended = false;
  try {
    for await (const { part } of responses) {
      if (part === undefined || ended) throw disorder();
      switch (part.$case) {
        case 'header':
          if (header !== undefined) throw disorder();
          header = part.value;
          options.onHeader(identityOf(header));
          break;
        case 'file':
          if (header === undefined || arriving !== undefined) throw disorder();
          arriving = begin(directory, part.value);
          break;
        case 'chunk':
          if (arriving === undefined || header === undefined) throw disorder();
          append(arriving, part.value);
          bytes += part.value.length;
          options.onProgress(bytes, Number(header.totalBytes), Number(header.sequence));
          break;
        case 'fileEnd':
          if (arriving === undefined) throw disorder();
          files.push(finish(directory, arriving, part.value.sha256));
          arriving = undefined;
          break;
        case 'end':
          ended = arriving === undefined && part.value.fileCount === files.length;
          if (!ended) throw disorder();
          break;
        default:
          unreachable(part);
      }
    }
  } finally {
    arriving?.handle.close();
  }
  if (header === undefined || !ended) throw disorder();
  const takenMs = msOf(header.backupTime);
  return { identity: identityOf(header), takenMs, kept: header.keptSegments, files };
}

function begin(directory: string, file: BackupFile): Arriving {
  const handle = realFiles.open(join(filesDirectory(directory), TEMPORARY), 'create');
  return { file, handle, hash: createHash('sha256'), bytes: 0 };
}

function append(arriving: Arriving, chunk: Buffer): void {
  arriving.handle.writeSync(chunk, arriving.bytes);
  arriving.hash.update(chunk);
  arriving.bytes += chunk.length;
}

function finish(directory: string, arriving: Arriving, wanted: Buffer): BackedUpFile {
  const { file, handle, hash, bytes } = arriving;
  const { segment, compressed } = file;
  const sha256 = hash.digest('hex');
  if (sha256 !== wanted.toString('hex') || BigInt(bytes) !== file.sizeBytes) {
    throw new Failure('BACKUP_PROTOCOL', `segment ${segment} arrived changed: try again`);
  }
  handle.syncSync();
  const finished = { segment, compressed, bytes, sha256 };
  const folder = filesDirectory(directory);
  realFiles.rename(join(folder, TEMPORARY), join(folder, fileName(finished)));
  return finished;
}

function identityOf(header: BackupHeader): Identity {
  const { journalUuid, journalCreateTime, incarnation, forks, epoch, sequence } = header;
  return {
    format: 1,
    uuid: journalUuid,
    createdMs: msOf(journalCreateTime),
    incarnation,
    forks: forks.map(({ forkSequence, forkTime, ...fork }) => ({
      ...fork,
      forkSequence: Number(forkSequence),
      atMs: msOf(forkTime),
    })),
    epoch,
    lastSequence: Number(sequence),
  };
}

function msOf(time: Timestamp | undefined): EpochMs {
  return time === undefined ? 0 : Number(time.seconds) * 1000 + time.nanos / 1_000_000;
}

function disorder(): Failure {
  return new Failure('BACKUP_PROTOCOL', 'the server sent parts in another order than agreed');
}
