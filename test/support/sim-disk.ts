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
  /** Asynchronous writes that begin from now on end only when they are released. */
  readonly hold: () => void;
  readonly release: () => void;
  /**
   * `low`: there is room, but less than anybody keeps in reserve. `none`: what makes a file or makes
   * one longer fails with ENOSPC, what overwrites does not; as under a quota, it looks like enough.
   */
  readonly setRoom: (room: Room) => void;
  /** Another disk, with what this one would have kept. */
  readonly crash: (draw: Draw) => SimDisk;
  /** Another disk, as the next process finds this one: all that is visible, on the medium or not. */
  readonly reopen: () => SimDisk;
}

export type Room = 'enough' | 'low' | 'none';

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

/** What a handle asks of its disk. */
interface Faults {
  readonly moment: (what: string) => void;
  readonly isBroken: (call: 'write' | 'sync') => boolean;
  readonly isFull: () => boolean;
  /** When a write ends. */
  readonly end: (finish: () => void) => void;
}

type Change = { readonly name: string; readonly inode: Inode | undefined };

interface Names {
  readonly cached: Map<string, Inode>;
  readonly stable: Map<string, Inode>;
  unsynced: Change[];
}

const FREE_BYTES: Record<Room, number> = { enough: 2 ** 40, low: 4096, none: 2 ** 40 };

export function openSimDisk(contents: ReadonlyMap<string, Buffer> = new Map()): SimDisk {
  const names: Names = { cached: new Map(), stable: new Map(), unsynced: [] };
  for (const [name, bytes] of contents) {
    const inode = { cached: bytes, stable: Buffer.from(bytes), unsynced: [] };
    names.cached.set(name, inode);
    names.stable.set(name, inode);
  }
  return diskOf(names);
}

function diskOf(names: Names): SimDisk {
  let moments = 0;
  let tell = (_moment: number, _what: string) => {};
  const left = { write: Infinity, sync: Infinity };
  let room: Room = 'enough';
  let held: (() => void)[] | undefined;
  const faults: Faults = {
    moment: (what) => tell(++moments, what),
    isBroken: (call) => --left[call] === 0,
    isFull: () => room === 'none',
    end(finish) {
      if (held === undefined) setImmediate(finish);
      else held.push(finish);
    },
  };
  const { moment } = faults;

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
        if (room === 'none') throw systemError('ENOSPC', path);
        setVisible(basename(path), {
          cached: Buffer.alloc(0),
          stable: Buffer.alloc(0),
          unsynced: [],
        });
        moment('create');
      }
      return handleOf(inodeAt(path), mode === 'synced', faults);
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
    async remove(path) {
      files.unlink(path);
    },
    async syncDirectory() {
      for (const { name, inode } of names.unsynced) setName(names.stable, name, inode);
      names.unsynced = [];
      moment('sync of the directory');
    },
    freeBytes: async () => FREE_BYTES[room],
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
    hold() {
      held ??= [];
    },
    release() {
      for (const finish of held ?? []) setImmediate(finish);
      held = undefined;
    },
    setRoom(now) {
      room = now;
    },
    reopen: () => diskOf(copyOf(names)),
    crash(draw) {
      const kept = new Map(names.stable);
      for (const { name, inode } of firstOf(names.unsynced, draw)) setName(kept, name, inode);
      return openSimDisk(new Map([...kept].map(([name, inode]) => [name, remains(inode, draw)])));
    },
  };
}

/** A name may be of the same file before and after it is durable. */
function copyOf({ cached, stable, unsynced }: Names): Names {
  const copies = new Map<Inode, Inode>();
  const copy = (inode: Inode): Inode => {
    const before = copies.get(inode);
    if (before !== undefined) return before;
    const made = {
      cached: Buffer.from(inode.cached),
      stable: Buffer.from(inode.stable),
      unsynced: [...inode.unsynced],
    };
    copies.set(inode, made);
    return made;
  };
  const every = (of: ReadonlyMap<string, Inode>) =>
    new Map([...of].map(([name, inode]) => [name, copy(inode)]));
  return {
    cached: every(cached),
    stable: every(stable),
    unsynced: unsynced.map(({ name, inode }) => ({ name, inode: inode && copy(inode) })),
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

function handleOf(inode: Inode, isSynced: boolean, faults: Faults): FileHandle {
  const { moment, isBroken } = faults;

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

  function settleAny(each: Write | number): void {
    inode.stable =
      typeof each === 'number' ? withLength(inode.stable, each) : written(inode.stable, each);
  }

  const hasNoRoom = (end: number) => faults.isFull() && end > inode.cached.length;

  function forget(write: Write): void {
    inode.unsynced = inode.unsynced.filter((each) => each !== write);
  }

  return {
    write(buffer, bytes, position, done) {
      if (hasNoRoom(position + bytes)) {
        setImmediate(() => done(systemError('ENOSPC')));
        return;
      }
      const write = put(buffer.subarray(0, bytes), position);
      moment('begin of a write');
      const broken = isBroken('write');
      if (broken) forget(write);
      faults.end(() => {
        if (isSynced && !broken) settle(write);
        moment('end of a write');
        done(broken ? systemError('EIO') : undefined);
      });
    },
    writeSync(buffer, position) {
      if (hasNoRoom(position + buffer.length)) throw systemError('ENOSPC');
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
    sync(done) {
      const covered = [...inode.unsynced];
      moment('begin of a sync');
      const broken = isBroken('sync');
      faults.end(() => {
        inode.unsynced = inode.unsynced.filter((each) => !covered.includes(each));
        if (!broken) for (const each of covered) settleAny(each);
        moment('end of a sync');
        done(broken ? systemError('EIO') : undefined);
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
      if (hasNoRoom(bytes)) throw systemError('ENOSPC');
      inode.cached = withLength(inode.cached, bytes);
      inode.unsynced.push(bytes);
      moment('change of length');
    },
    close: () => {},
  };
}
