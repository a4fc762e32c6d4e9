// Runs the command as main does, with its output kept and files in a folder of their own.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { Clock } from '../../src/base/clock.js';
import { runReplay } from '../../src/ops/replay/replay.js';

export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Noon on 2026-03-01, the moment at which every test runs. */
export const NOW_MS = Date.UTC(2026, 2, 1, 12);

const clock: Clock = { wallMs: () => NOW_MS, monotonicMs: () => performance.now() };

export async function run(...argv: string[]): Promise<Run> {
  const stdout = openSink();
  const stderr = openSink();
  const io = { stdout: stdout.stream, stderr: stderr.stream };
  const exitCode = await runReplay(argv, io, clock);
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

export interface Folder {
  readonly write: (name: string, text: string) => string;
  readonly path: (name: string) => string;
  readonly close: () => void;
}

export function openFolder(): Folder {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-replay-'));
  const path = (name: string): string => join(folder, name);
  return {
    path,
    write(name, text) {
      writeFileSync(path(name), text);
      return path(name);
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export function openSink() {
  const chunks: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
}
