// A notice is what there is to tell of one fact. Its notification has an id that follows from the
// fact alone, so that whoever derives it twice tells it once.

import { hashHex } from '../../base/hash.js';
import type { EpochMs } from '../../base/units.js';
import type { NotificationType } from './document.js';

export interface Notice {
  readonly type: NotificationType;
  readonly orgId: string;
  /** When it happened. */
  readonly atMs: EpochMs;
  readonly data: Readonly<Record<string, unknown>>;
}

/** No dot is in it: dots separate what is signed. */
export function notificationIdOf(fact: string): string {
  return `ntf_${hashHex(fact)}`;
}

export function deliveryIdOf(notificationId: string, endpointId: string): string {
  return `dlv_${hashHex(`${notificationId} ${endpointId}`)}`;
}

/** The body of every attempt. */
export function payloadOf(id: string, { type, orgId, atMs, data }: Notice): string {
  return JSON.stringify({ id, type, timestamp: timeText(atMs), data: { org_id: orgId, ...data } });
}

/** RFC 3339. */
export function timeText(ms: EpochMs): string {
  return new Date(ms).toISOString();
}

export function timeOrNull(ms: EpochMs | null): string | null {
  return ms === null ? null : timeText(ms);
}
