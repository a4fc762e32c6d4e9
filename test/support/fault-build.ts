// What the tests of whole processes run: dist/, built anew where it is missing or older than the
// sources. Test files run side by side, so one of them builds and the others wait.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist', 'main.js');
const LOCK = join(ROOT, 'node_modules', '.cache-tollgate-build');
/** A lock older than this is left from a killed run. */
const BUILD_MS_MAX = 60_000;

export async function ensureBuilt(): Promise<void> {
  while (!isFresh()) {
    if (takeLock()) {
      try {
        if (!isFresh()) execFileSync(process.execPath, [join(ROOT, 'scripts', 'build.mjs')]);
      } finally {
        rmSync(LOCK, { recursive: true, force: true });
      }
      return;
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

function isFresh(): boolean {
  if (!existsSync(MAIN) || existsSync(LOCK)) return false;
  const builtMs = statSync(MAIN).mtimeMs;
  return newestMs(join(ROOT, 'src')) < builtMs && newestMs(join(ROOT, 'generated')) < builtMs;
}

function newestMs(directory: string): number {
  const entries = readdirSync(directory, { withFileTypes: true });
  const times = entries.map((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? newestMs(path) : statSync(path).mtimeMs;
  });
  return Math.max(0, ...times);
}

function takeLock(): boolean {
  try {
    mkdirSync(LOCK);
    return true;
  } catch {
    const age = existsSync(LOCK) ? Date.now() - statSync(LOCK).mtimeMs : 0;
    if (age > BUILD_MS_MAX) rmSync(LOCK, { recursive: true, force: true });
    return false;
  }
}
