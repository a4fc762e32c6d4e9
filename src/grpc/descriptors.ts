// How many of the files that this process may open its connections may take. The journal opens a
// file in the midst of its work, and a process that cannot ends: no crowd at the doors may do that.

import { existsSync, readFileSync } from 'node:fs';

/** Where Linux tells; elsewhere nothing is bounded. */
const LIMITS = '/proc/self/limits';
/** For journal, LMDB, indexes (a file a run), listeners, metrics and webhooks. */
const KEPT = 256;
/** gRPC and HTTP. */
const DOORS = 2;
const CONNECTIONS_MIN = 16;

/** Infinity where nothing tells. Node raises the soft limit to the hard one when it starts. */
export function descriptorsMax(): number {
  if (!existsSync(LIMITS)) return Number.POSITIVE_INFINITY;
  const found = /^Max open files +(\d+)/m.exec(readFileSync(LIMITS, 'utf8'));
  return found === null ? Number.POSITIVE_INFINITY : Number(found[1]);
}

/** Of one listener: `most`, or fewer where they could take what everything else needs. */
export function connectionsMax(most: number, descriptors = descriptorsMax()): number {
  return Math.max(CONNECTIONS_MIN, Math.min(most, Math.floor((descriptors - KEPT) / DOORS)));
}
