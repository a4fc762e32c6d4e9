// What a server says about itself, and what the system says about it.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { ServerProcess } from './server-process.js';

const BYTES_PER_BLOCK = 512;
const POLL_MS = 250;
const SETTLE_MS_MAX = 900_000;
/** Written to, and the one made ready behind it. */
const OPEN_SEGMENTS = 2;

/** Resident set, files that are mapped included. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, 'VmRSS');
}

export function residentBytesMax(pid: number): number {
  return statusBytes(pid, 'VmHWM');
}

/** What all files below take on the disk, room that is only reserved included. */
export function diskBytes(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name)).blocks * BYTES_PER_BLOCK)
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** A metric without labels, or with exactly those in `series`. */
export async function readMetric(server: ServerProcess, series: string): Promise<number> {
  const reply = await fetch(`http://${server.ops}/metrics`);
  const text = await reply.text();
  const line = text.split('\n').find((it) => it.startsWith(`${series} `));
  if (line === undefined) throw new Error(`no metric ${series}`);
  return Number(line.slice(series.length + 1));
}

export function recordedEvents(server: ServerProcess): Promise<number> {
  return readMetric(server, 'tollgate_events_total{outcome="recorded"}');
}

/** Waits until all is in LMDB, and every full segment is compressed. */
export async function settle(server: ServerProcess): Promise<void> {
  const deadlineMs = performance.now() + SETTLE_MS_MAX;
  const journal = join(server.dataDirectory, 'journal');
  for (;;) {
    const lag = await readMetric(server, 'tollgate_checkpoint_lag_entries');
    const plain = readdirSync(journal).filter((name) => !name.endsWith('.segz')).length;
    if (lag === 0 && plain <= OPEN_SEGMENTS) return;
    if (performance.now() > deadlineMs) throw new Error('the server does not come to rest');
    await wait(POLL_MS);
  }
}

function statusBytes(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find((it) => it.startsWith(`${field}:`));
  return Number(line?.match(/\d+/)?.[0]) * 1024;
}
