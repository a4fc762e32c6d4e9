// Keys of the id index: 128 bits of SHA-256 over organisation, a separator that no id can hold, and
// the id. Events, reservations and requests never meet: their separators differ.

import { hashWords } from '../base/hash.js';

export function eventIdKey(orgId: string, eventId: string): Uint32Array {
  return hashWords(`${orgId}\u0000${eventId}`);
}

export function reservationIdKey(orgId: string, reservationId: string): Uint32Array {
  return hashWords(`${orgId}\u0001${reservationId}`);
}

/** Request ids of the cold services are one space for all organisations. */
export function requestIdKey(requestId: string): Uint32Array {
  return hashWords(`\u0002${requestId}`);
}
