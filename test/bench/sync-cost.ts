// What one synced write costs on this disk: the unit in which the latency of a durable call is
// measured. 4 KiB at a new place in a file whose bytes are already allocated and on the disk.
//
//   node dist/bench-esm/test/bench/sync-cost.js [directory] [samples]

import { closeSync, fdatasyncSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { present } from '../../src/base/assert.js';

export interface SyncCost {
  /** Times of so many pwrite + fdatasync, one after another, in microseconds. */
  sampleUs(count: number): number[];
  close(): void;
}

const WRITE_BYTES = 4096;
const FILE_WRITES = 4096;

export function openSyncCost(directory: string): SyncCost {
  const path = join(directory, `sync-cost.${process.pid}`);
  const file = openSync(path, 'wx+');
  const zeros = Buffer.alloc(WRITE_BYTES);
  for (let index = 0; index < FILE_WRITES; index++) writeSync(file, zeros, 0, WRITE_BYTES);
  fsyncSync(file);
  const block = Buffer.alloc(WRITE_BYTES, 0xa5);
  let next = 0;

  function sampleUs(count: number): number[] {
    return Array.from({ length: count }, () => {
      const startMs = performance.now();
      writeSync(file, block, 0, WRITE_BYTES, (next++ % FILE_WRITES) * WRITE_BYTES);
      fdatasyncSync(file);
      return (performance.now() - startMs) * 1000;
    });
  }

  return {
    sampleUs,
    close() {
      closeSync(file);
      rmSync(path);
    },
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const upper = present(sorted[middle], 'a median needs a value');
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const cost = openSyncCost(process.argv[2] ?? '.');
  const samples = cost.sampleUs(Number(process.argv[3] ?? 400));
  cost.close();
  process.stdout.write(
    `${JSON.stringify({ samples: samples.length, p50Us: Math.round(median(samples)) })}\n`,
  );
}
