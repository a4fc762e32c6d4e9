// addresses.json in the data directory: where the server that runs there listens, and its process
// id. It is there from the moment the server serves until it stops in order.

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../base/replace-file.js';
import type { EpochMs } from '../base/units.js';

export const ADDRESSES = 'addresses.json';

export interface Addresses {
  readonly grpc: readonly string[];
  readonly http: readonly string[];
  readonly ops: readonly string[];
}

export async function publishAddresses(
  directory: string,
  addresses: Addresses,
  nowMs: EpochMs,
): Promise<void> {
  const text = JSON.stringify({
    pid: process.pid,
    instance: instanceOf(directory),
    started: new Date(nowMs).toISOString(),
    ...addresses,
  });
  await replaceFile(directory, ADDRESSES, `${text}\n`);
}

/** Tells this process from others on the machine. */
export function instanceOf(directory: string): string {
  return `${process.pid}@${directory}`;
}

export function withdrawAddresses(directory: string): void {
  rmSync(join(directory, ADDRESSES), { force: true });
}

export function areAddressesPublished(directory: string): boolean {
  return existsSync(join(directory, ADDRESSES));
}

/** Undefined where nothing is published, or what is was left by a process that is gone. */
export function publishedPid(directory: string): number | undefined {
  try {
    const text = readFileSync(join(directory, ADDRESSES), 'utf8');
    const { pid }: { readonly pid?: unknown } = JSON.parse(text);
    if (typeof pid !== 'number' || pid === process.pid) return undefined;
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}
