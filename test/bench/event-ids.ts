// Unique ids and organisations, written as text straight into a message: no string is made.

import { randomFillSync } from 'node:crypto';

export interface IdSource {
  /** Over a UUID's 36 characters, hyphens in place: a random UUIDv4. */
  writeUuid(target: Buffer, at: number): void;
  /** Over the last three digits of an organisation: a random one of 1,000. */
  writeOrgDigits(target: Buffer, at: number): void;
}

export const UUID_PLACEHOLDER = '00000000-0000-4000-8000-000000000000';
export const ORG_PLACEHOLDER = 'bench-org-000';
export const ORG_DIGITS = 3;

const POOL_BYTES = 64 * 1024;
const HEX = Buffer.from('0123456789abcdef', 'latin1');
const DIGIT_ZERO = 0x30;
/** Where each byte's two hex digits stand, between the hyphens. */
const HEX_OFFSETS = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);

export function createIdSource(): IdSource {
  const pool = Buffer.allocUnsafe(POOL_BYTES);
  let used = POOL_BYTES;

  /** Returns where `bytes` fresh random bytes stand. */
  function take(bytes: number): number {
    if (used + bytes > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const at = used;
    used += bytes;
    return at;
  }

  function writeUuid(target: Buffer, at: number): void {
    const from = take(16);
    pool[from + 6] = ((pool[from + 6] as number) & 0x0f) | 0x40;
    pool[from + 8] = ((pool[from + 8] as number) & 0x3f) | 0x80;
    for (let index = 0; index < 16; index++) {
      const byte = pool[from + index] as number;
      const to = at + (HEX_OFFSETS[index] as number);
      target[to] = HEX[byte >>> 4] as number;
      target[to + 1] = HEX[byte & 15] as number;
    }
  }

  function writeOrgDigits(target: Buffer, at: number): void {
    const org = pool.readUInt16LE(take(2)) % 1000;
    target[at] = DIGIT_ZERO + Math.floor(org / 100);
    target[at + 1] = DIGIT_ZERO + (Math.floor(org / 10) % 10);
    target[at + 2] = DIGIT_ZERO + (org % 10);
  }

  return { writeUuid, writeOrgDigits };
}
