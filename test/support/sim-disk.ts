// A disk in memory that crashes: the journal's file layer over a model of a page cache, a medium and
// a directory that is made durable on its own. What a crash leaves is drawn from everything that the
// promises of POSIX allow:
//
// - of a write that was not synced, or is under way, any of its sectors of 512 bytes, or none;
// - of the length of a file that was not synced, the old one or a later one;
// - of names that were made, changed or removed since the directory was synced, the first few.
//
// Whatever is visible before a crash is what was written, synced or not. There is one directory, that
// of the segments, and a disk may stand in another place after a crash.

import { basename } from 'node:path';
import type { FileHandle, Files } from '../../src/journal/files.js';
import type { Draw } from './draws.js';
import { systemError } from './fault-files.js';

const SECTOR = 512;

export interface SimDisk {
  readonly files: Files;
  /** Everything that happened to it: each is a moment at which it can crash. */
  readonly moments: () => number;
  /** Called at each moment, before anybody is told of it. */
  readonly onMoment: (act: (moment: number, what: string) => void) => void;
  /**
   * The n-th write or sync from now on fails with EIO. As on ext4, XFS and Btrfs, what it was about
   * stays visible and counts as written, and never reaches the medium by itself.
   */
  readonly failAt: (call: 'write' | 'sync', nth: number) => void;
  /** Another disk, with what this one would have kept. */
  readonly crash: (draw: Draw) => SimDisk;
}

interface Write {
  readonly position: number;
  readonly bytes: Buffer;
}

interface Inode {
  /** What readers see. */
  cached: Buffer;
  /** What is on the medium. */
  stable: Buffer;
  /** Since the last sync, in order; a number is a length. */
  unsynced: (Write | number)[];
}

type IsBroken = (call: 'write' | 'sync') => boolean;

type Change = { readonly name: string; readonly inode: Inode | undefined };

interface Names {
  readonly cached: Map<string, Inode>;
  readonly stable: Map<string, Inode>;
  unsynced: Change[];
}

export function openSimDisk(contents: ReadonlyMap<string, Buffer> = new Map()): SimDisk {
  const names: Names = { cached: new Map(), stable: new Map(), unsynced: [] };
  for (const [name, bytes] of contents) {
    const inode = { cached: bytes, stable: Buffer.from(bytes), unsynced: [] };
    names.cached.set(name, inode);
    names.stable.set(name, inode);
  }
  let moments = 0;
  let tell = (_moment: number, _what: string) => {};
  const moment = (what: string) => tell(++moments, what);
  const left = { write: Infinity, sync: Infinity };
  const isBroken: IsBroken = (call) => --left[call] === 0;

  function setVisible(name: string, inode: Inode | undefined): void {
    if (inode === undefined) names.cached.delete(name);
    else names.cached.set(name, inode);
    names.unsynced.push({ name, inode });
  }

  function inodeAt(path: string): Inode {
    const inode = names.cached.get(basename(path));
    if (inode === undefined) {
      throw Object.assign(new Error(`ENOENT: no such file, ${path}`), { code: 'ENOENT' });
    }
    return inode;
  }

  const files: Files = {
    open(path, mode) {
      if (mode === 'create') {
        setVisible(basename(path), {
          cached: Buffer.alloc(0),
          stable: Buffer.alloc(0),
          unsynced: [],
        });
        moment('create');
      }
      return handleOf(inodeAt(path), mode === 'synced', moment, isBroken);
    },
    exists: (path) => names.cached.has(basename(path)),
    list: () => [...names.cached.keys()].sort(),
    makeDirectory: () => {},
    rename(from, to) {
      const inode = inodeAt(from);
      // One step: no crash leaves neither name.
      setVisible(basename(from), undefined);
      setVisible(basename(to), inode);
      moment('rename');
    },
    unlink(path) {
      inodeAt(path);
      setVisible(basename(path), undefined);
      moment('unlink');
    },
    syncDirectory() {
      for (const { name, inode } of names.unsynced) setName(names.stable, name, inode);
      names.unsynced = [];
      moment('sync of the directory');
    },
    freeBytes: async () => 2 ** 40,
  };

  return {
    files,
    moments: () => moments,
    onMoment(act) {
      tell = act;
    },
    failAt(call, nth) {
      left[call] = nth;
    },
    crash(draw) {
      const kept = new Map(names.stable);
      for (const { name, inode } of firstOf(names.unsynced, draw)) setName(kept, name, inode);
      return openSimDisk(new Map([...kept].map(([name, inode]) => [name, remains(inode, draw)])));
    },
  };
}

function setName(of: Map<string, Inode>, name: string, inode: Inode | undefined): void {
  if (inode === undefined) of.delete(name);
  else of.set(name, inode);
}

/** A rename is two changes that come together. */
function firstOf(changes: readonly Change[], draw: Draw): readonly Change[] {
  const count = draw(changes.length + 1);
  const next = changes[count];
  const last = changes[count - 1];
  const halves = last !== undefined && last.inode === undefined && next?.inode !== undefined;
  return changes.slice(0, halves ? count + 1 : count);
}

/** What a crash leaves of a file. */
function remains({ stable, unsynced }: Inode, draw: Draw): Buffer {
  let bytes: Buffer = Buffer.from(stable);
  // Length and data reach the medium apart from one another.
  const kept = unsynced.map(() => draw(3));
  for (const [i, each] of unsynced.entries()) {
    if (kept[i] === 0) continue;
    if (typeof each === 'number') bytes = withLength(bytes, each);
    else bytes = kept[i] === 1 ? written(bytes, each) : torn(bytes, each, draw);
  }
  return bytes;
}

function torn(bytes: Buffer, write: Write, draw: Draw): Buffer {
  let result = bytes;
  const end = write.position + write.bytes.length;
  for (let at = write.position; at < end; ) {
    const next = Math.min(end, at - (at % SECTOR) + SECTOR);
    const part = write.bytes.subarray(at - write.position, next - write.position);
    if (draw(2) === 0) result = written(result, { position: at, bytes: part });
    at = next;
  }
  return result;
}

/** The parts of a write that another one does not cover. */
function outside({ position, bytes }: Write, other: Write): Write[] {
  const end = position + bytes.length;
  const otherEnd = other.position + other.bytes.length;
  if (otherEnd <= position || other.position >= end) return [{ position, bytes }];
  const from = Math.max(position, otherEnd);
  return [
    { position, bytes: bytes.subarray(0, Math.max(0, other.position - position)) },
    { position: from, bytes: bytes.subarray(from - position) },
  ].filter((part) => part.bytes.length > 0);
}

function written(bytes: Buffer, write: Write): Buffer {
  const end = write.position + write.bytes.length;
  const result = end > bytes.length ? withLength(bytes, end) : bytes;
  write.bytes.copy(result, write.position);
  return result;
}

function withLength(bytes: Buffer, length: number): Buffer {
  const result = Buffer.alloc(length);
  bytes.copy(result, 0, 0, length);
  return result;
}

function handleOf(
  inode: Inode,
  isSynced: boolean,
  moment: (what: string) => void,
  isBroken: IsBroken,
): FileHandle {
  function put(buffer: Buffer, position: number): Write {
    const write = { position, bytes: Buffer.from(buffer) };
    inode.cached = written(inode.cached, write);
    inode.unsynced.push(write);
    return write;
  }

  /** Its own bytes and no others: what was written there before is gone. */
  function settle(write: Write): void {
    inode.unsynced = inode.unsynced.flatMap((each): readonly (Write | number)[] => {
      if (each === write) return [];
      return typeof each === 'number' ? [each] : outside(each, write);
    });
    inode.stable = written(inode.stable, write);
  }

  function forget(write: Write): void {
    inode.unsynced = inode.unsynced.filter((each) => each !== write);
  }

  return {
    write(buffer, bytes, position, done) {
      const write = put(buffer.subarray(0, bytes), position);
      moment('begin of a write');
      const broken = isBroken('write');
      if (broken) forget(write);
      setImmediate(() => {
        if (isSynced && !broken) settle(write);
        moment('end of a write');
        done(broken ? systemError('EIO') : undefined);
      });
    },
    writeSync(buffer, position) {
      const write = put(buffer, position);
      moment('write');
      if (isBroken('write')) {
        forget(write);
        throw systemError('EIO');
      }
      if (isSynced) settle(write);
    },
    readSync(buffer, position) {
      return inode.cached.copy(buffer, 0, position, position + buffer.length);
    },
    read(buffer, position, done) {
      setImmediate(() => {
        done(undefined, inode.cached.copy(buffer, 0, position, position + buffer.length));
      });
    },
    syncSync() {
      inode.unsynced = [];
      if (isBroken('sync')) throw systemError('EIO');
      inode.stable = Buffer.from(inode.cached);
      moment('sync');
    },
    bytes: () => inode.cached.length,
    truncateSync(bytes) {
      inode.cached = withLength(inode.cached, bytes);
      inode.unsynced.push(bytes);
      moment('change of length');
    },
    close: () => {},
  };
}
