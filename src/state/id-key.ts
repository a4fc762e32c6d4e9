// Keys of the id index: 128 bits of SHA-256 over organisation, a separator that no id can hold, and
// the id. Events and reservations of one organisation never meet: their separators differ.

import { hashWords } from '../base/hash.js';

export function eventIdKey(orgId: string, eventId: string): Uint32Array {
  return hashWords(`${orgId}\u0000${eventId}`);
}

export function reservationIdKey(orgId: string, reservationId: string): Uint32Array {
  return hashWords(`${orgId}\u0001${reservationId}`);
}
