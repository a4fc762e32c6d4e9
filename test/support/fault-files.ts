// The journal's file layer with faults in it: the second implementation of the port. Whatever a
// test does not ask for goes to the real disk.

import { type FileHandle, type Files, type OpenMode, realFiles } from '../../src/journal/files.js';

export interface FileCall {
  readonly name:
    | 'open'
    | 'writeSync'
    | 'sync'
    | 'syncSync'
    | 'truncateSync'
    | 'rename'
    | 'unlink'
    | 'remove'
    | 'syncDirectory'
    | 'freeBytes';
  readonly path: string;
  readonly mode?: OpenMode;
  readonly position?: number;
  readonly bytes?: Buffer;
}

export interface AsyncWrite {
  readonly path: string;
  readonly mode: OpenMode;
  readonly position: number;
  readonly bytes: number;
  /** Writes to the real file, then tells the caller. */
  readonly land: () => void;
  /** Tells the caller and writes nothing. */
  readonly fail: (error: Error) => void;
  /** Leaves the first bytes on the disk and tells the caller of an error. */
  readonly tear: (bytes: number, error: Error) => void;
}

export interface Interceptor {
  /** Throws in place of the call. */
  readonly before?: (call: FileCall) => void;
  /** Answers an asynchronous write, now, later or never. */
  readonly write?: (write: AsyncWrite) => void;
  /** In place of what the file system says. */
  readonly freeBytes?: () => number;
}

export function interceptFiles(interceptor: Interceptor, files: Files = realFiles): Files {
  const { before = () => {}, write = ({ land }) => land() } = interceptor;
  return {
    ...files,
    open(path, mode) {
      before({ name: 'open', path, mode });
      return interceptHandle(files.open(path, mode), path, mode, before, write);
    },
    rename(from, to) {
      before({ name: 'rename', path: to });
      files.rename(from, to);
    },
    unlink(path) {
      before({ name: 'unlink', path });
      files.unlink(path);
    },
    async remove(path) {
      before({ name: 'remove', path });
      await files.remove(path);
    },
    async syncDirectory(directory) {
      before({ name: 'syncDirectory', path: directory });
      await files.syncDirectory(directory);
    },
    async freeBytes(directory) {
      return interceptor.freeBytes?.() ?? files.freeBytes(directory);
    },
  };
}

function interceptHandle(
  handle: FileHandle,
  path: string,
  mode: OpenMode,
  before: (call: FileCall) => void,
  write: (write: AsyncWrite) => void,
): FileHandle {
  return {
    ...handle,
    write(buffer, bytes, position, done) {
      write({
        path,
        mode,
        position,
        bytes,
        land: () => handle.write(buffer, bytes, position, done),
        fail: (error) => done(error),
        tear(kept, error) {
          handle.writeSync(Buffer.from(buffer.subarray(0, kept)), position);
          done(error);
        },
      });
    },
    writeSync(buffer, position) {
      before({ name: 'writeSync', path, mode, position, bytes: Buffer.from(buffer) });
      handle.writeSync(buffer, position);
    },
    sync(done) {
      try {
        before({ name: 'sync', path, mode });
      } catch (error) {
        setImmediate(() => done(error as Error));
        return;
      }
      handle.sync(done);
    },
    syncSync() {
      before({ name: 'syncSync', path, mode });
      handle.syncSync();
    },
    truncateSync(bytes) {
      before({ name: 'truncateSync', path, mode, position: bytes });
      handle.truncateSync(bytes);
    },
  };
}

/** An error as the operating system gives it. */
export function systemError(code: 'EIO' | 'ENOSPC', path = ''): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: write ${path}`), { code });
}

/** Segments stay as they are sealed. */
export const uncompressed: Files = interceptFiles({
  before({ name, path }) {
    if (name === 'open' && path.endsWith('.segz.tmp')) throw systemError('ENOSPC', path);
  },
});

export interface HeldFiles {
  readonly files: Files;
  /** From now on batches wait; segments are still made. */
  readonly hold: () => void;
  /** The next batch that waits, or the one that does already. */
  readonly next: () => Promise<AsyncWrite>;
  /** Batches that wait now. */
  readonly waiting: () => number;
  /** Lets everything through again. */
  readonly release: () => void;
}

/** A disk whose writes of batches are done when the test says so. */
export function heldFiles(files: Files = realFiles): HeldFiles {
  let holding = false;
  const held: AsyncWrite[] = [];
  const asking: ((write: AsyncWrite) => void)[] = [];

  function write(pending: AsyncWrite): void {
    if (!holding || pending.mode !== 'synced') {
      pending.land();
      return;
    }
    const ask = asking.shift();
    if (ask === undefined) held.push(pending);
    else ask(pending);
  }

  return {
    files: interceptFiles({ write }, files),
    hold() {
      holding = true;
    },
    next() {
      const first = held.shift();
      if (first !== undefined) return Promise.resolve(first);
      return new Promise((resolve) => asking.push(resolve));
    },
    waiting: () => held.length,
    release() {
      holding = false;
      for (const { land } of held.splice(0)) land();
    },
  };
}
