// Ids are a port with two implementations: random, and counted in tests.

import { randomFillSync } from 'node:crypto';
import type { EpochMs } from './units.js';

export interface IdSource {
  /** A UUIDv7 (RFC 9562 §5.7): 48 bits of wall time, then randomness; sorts by time. */
  readonly uuid: (now: EpochMs) => string;
}

export function openIdSource(): IdSource {
  const pool = Buffer.alloc(4096);
  let used = pool.length;
  return {
    uuid(now) {
      if (used + 10 > pool.length) {
        randomFillSync(pool);
        used = 0;
      }
      const random = pool.toString('hex', used, used + 10);
      used += 10;
      return uuidOf(now, random);
    },
  };
}

/** `random` is 20 hexadecimal digits; six of its bits give way to version and variant. */
export function uuidOf(now: EpochMs, random: string): string {
  const time = Math.trunc(now).toString(16).padStart(12, '0');
  const variant = ((Number.parseInt(random.charAt(3), 16) & 0x3) | 0x8).toString(16);
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-` +
    `${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`
  );
}
