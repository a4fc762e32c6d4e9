// The journal's file layer: a port with two implementations, the real one here and one with faults
// in the tests. It says what the journal needs of a disk and nothing more.

import {
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  constants as fsConstants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  read,
  readdirSync,
  readSync,
  renameSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { open, rm, statfs } from 'node:fs/promises';
import { Failure } from '../base/failure.js';

/** read: existing, read only. create: new, read and write. synced: existing, O_DSYNC. */
export type OpenMode = 'read' | 'create' | 'synced';

export interface FileHandle {
  /** Writes all of it or fails: a short write is a failure. On `synced` it is durable when done. */
  readonly write: (
    buffer: Buffer,
    bytes: number,
    position: number,
    done: (error: Error | undefined) => void,
  ) => void;
  readonly writeSync: (buffer: Buffer, position: number) => void;
  /** Bytes read: fewer than the buffer holds only at the end of the file. */
  readonly readSync: (buffer: Buffer, position: number) => number;
  /** The same, off the main thread. */
  readonly read: (
    buffer: Buffer,
    position: number,
    done: (error: Error | undefined, bytes: number) => void,
  ) => void;
  /** Off the main thread: the disk may take long over much that was written. */
  readonly sync: (done: (error: Error | undefined) => void) => void;
  readonly syncSync: () => void;
  readonly bytes: () => number;
  readonly truncateSync: (bytes: number) => void;
  readonly close: () => void;
}

export interface Files {
  readonly open: (path: string, mode: OpenMode) => FileHandle;
  readonly exists: (path: string) => boolean;
  readonly list: (directory: string) => readonly string[];
  readonly makeDirectory: (directory: string) => void;
  readonly rename: (from: string, to: string) => void;
  readonly unlink: (path: string) => void;
  /** The same off the main thread: the file system takes long over a large file. */
  readonly remove: (path: string) => Promise<void>;
  /** Makes creations, renames and removals in a directory durable. */
  readonly syncDirectory: (directory: string) => Promise<void>;
  readonly freeBytes: (directory: string) => Promise<number>;
}

const FLAGS: Record<OpenMode, number> = {
  read: fsConstants.O_RDONLY,
  create: fsConstants.O_RDWR | fsConstants.O_CREAT | fsConstants.O_TRUNC,
  synced: fsConstants.O_RDWR | fsConstants.O_DSYNC,
};

export const realFiles: Files = {
  open: (path, mode) => openHandle(path, mode),
  exists: (path) => existsSync(path),
  list: (directory) => readdirSync(directory).sort(),
  makeDirectory: (directory) => {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
  },
  rename: (from, to) => renameSync(from, to),
  unlink: (path) => unlinkSync(path),
  remove: (path) => rm(path),
  async syncDirectory(directory) {
    const handle = await open(directory);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async freeBytes(directory) {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  },
};

function openHandle(path: string, mode: OpenMode): FileHandle {
  const fd = openSync(path, FLAGS[mode], 0o640);
  return {
    write(buffer, bytes, position, done) {
      write(fd, buffer, 0, bytes, position, (error, written) => {
        if (error !== null) done(error);
        else if (written !== bytes) done(shortWrite(path, written, bytes));
        else done(undefined);
      });
    },
    writeSync(buffer, position) {
      const written = writeSync(fd, buffer, 0, buffer.length, position);
      if (written !== buffer.length) throw shortWrite(path, written, buffer.length);
    },
    readSync: (buffer, position) => readSync(fd, buffer, 0, buffer.length, position),
    read(buffer, position, done) {
      read(fd, buffer, 0, buffer.length, position, (error, bytes) => {
        done(error ?? undefined, bytes);
      });
    },
    sync: (done) => fdatasync(fd, (error) => done(error ?? undefined)),
    syncSync: () => fdatasyncSync(fd),
    bytes: () => fstatSync(fd).size,
    truncateSync: (bytes) => ftruncateSync(fd, bytes),
    close: () => closeSync(fd),
  };
}

function shortWrite(path: string, written: number, bytes: number): Failure {
  return new Failure('SHORT_WRITE', `${path}: wrote ${written} of ${bytes} bytes`);
}
