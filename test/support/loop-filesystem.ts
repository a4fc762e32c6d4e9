// A real file system in a file, whose power can be cut: what it has not put on its device is gone,
// its own log included, as with a machine that loses power.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mounted, mount, unableTo } from './privileges.js';

/** FS_IOC_SHUTDOWN, _IOR('X', 125, u32), with FSOP_GOING_FLAGS_NOLOGFLUSH. */
const CUT_POWER = `
import fcntl, os, struct, sys
directory = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(directory, 0x8004587d, struct.pack('I', 2))
`;

export const KINDS = {
  ext4: { bytes: 256 * 1024 ** 2, make: ['mkfs.ext4', '-q', '-F'] },
  // It makes none smaller than 300 MB.
  xfs: { bytes: 320 * 1024 ** 2, make: ['mkfs.xfs', '-q', '-f'] },
} as const;
export type Kind = keyof typeof KINDS;

export interface LoopFilesystem {
  /** Where it is mounted now. */
  readonly directory: () => string;
  /** From now on every call on it fails; nothing more reaches the device. */
  readonly cutPower: () => void;
  /** Mounts it anew, which replays its log. All files in it must be closed. */
  readonly remount: () => void;
  readonly remove: () => void;
}

export function openLoopFilesystem(kind: Kind): LoopFilesystem {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-image-'));
  const image = join(folder, 'image');
  const { bytes, make } = KINDS[kind];
  writeFileSync(image, '');
  truncateSync(image, bytes);
  run(...make, image);
  const attach = () => mount('-o', 'loop', '-t', kind, image);
  let mounted: Mounted = attach();
  return {
    directory: () => mounted.directory,
    cutPower: () => run('python3', '-c', CUT_POWER, mounted.directory),
    remount() {
      mounted.unmount();
      mounted = attach();
    },
    remove() {
      mounted.unmount();
      rmSync(folder, { recursive: true });
    },
  };
}

/** '' where this machine can do all of it. */
export function unableToLoop(kind: Kind): string {
  const missing = unableTo(`${kind} on a loop device`, ...KINDS[kind].make.slice(0, 1), '-V');
  if (missing !== '') return missing;
  try {
    const filesystem = openLoopFilesystem(kind);
    filesystem.cutPower();
    filesystem.remove();
    return '';
  } catch (error) {
    process.stderr.write(`SKIPPED, for want of ${kind} on a loop device: ${String(error)}\n`);
    return String(error);
  }
}

function run(...command: readonly string[]): void {
  const [program = '', ...argv] = command;
  execFileSync(program, argv, { stdio: 'pipe' });
}
