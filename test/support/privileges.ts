// What this machine lets a test do. A test that needs more is skipped, and says so out loud: a
// plain container passes, and nobody takes it for proven there.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** '' where the command can be run and ends with 0; otherwise why not, told on standard error. */
export function unableTo(what: string, ...command: readonly string[]): string {
  const [program = '', ...argv] = command;
  try {
    execFileSync(program, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    return '';
  } catch (error) {
    const text = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
    process.stderr.write(`SKIPPED, for want of ${what}: ${text}\n`);
    return `${what}: ${text}`;
  }
}

export interface Mounted {
  readonly directory: string;
  readonly unmount: () => void;
}

/** Arguments of mount(8) before the place. */
export function mount(...argv: readonly string[]): Mounted {
  const directory = mkdtempSync(join(tmpdir(), 'tollgate-mount-'));
  try {
    execFileSync('mount', [...argv, directory], { stdio: 'pipe' });
  } catch (error) {
    rmdirSync(directory);
    throw error;
  }
  return {
    directory,
    unmount() {
      execFileSync('umount', [directory], { stdio: 'pipe' });
      rmdirSync(directory);
    },
  };
}

/** A file system in memory of so many bytes. */
export function mountTmpfs(bytes: number): Mounted {
  return mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs');
}

export function unableToMount(): string {
  const name = 'the right to mount a file system';
  return unableTo(name, 'unshare', '--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt');
}
