// The life of a delivery: PENDING until the endpoint answers 2xx, or until the schedule of attempts
// is used up.

import type { DurationMs, EpochMs } from '../../base/units.js';
import { limits } from '../../limits.js';
import type { DeliveryRecord, WebhookEndpointRecord } from './document.js';
import { deliveryIdOf, type Notice, payloadOf } from './notice.js';

export function newDelivery(
  endpoint: WebhookEndpointRecord,
  notificationId: string,
  notice: Notice,
  atMs: EpochMs,
): DeliveryRecord {
  return {
    delivery_id: deliveryIdOf(notificationId, endpoint.endpoint_id),
    notification_id: notificationId,
    endpoint_id: endpoint.endpoint_id,
    endpoint_made_after: endpoint.made_after,
    event_type: notice.type,
    org_id: notice.orgId,
    state: 'PENDING',
    attempts: 0,
    attempts_before: 0,
    next_attempt_ms: atMs,
    last_status: 0,
    last_error: '',
    delivered_ms: null,
    payload: payloadOf(notificationId, notice),
    created_ms: atMs,
    updated_ms: atMs,
  };
}

/** What became of one attempt. */
export interface Attempt {
  /** 0: no answer. */
  readonly status: number;
  /** '' where the endpoint took it. */
  readonly error: string;
  /** What the endpoint asks for; 0 where it does not. */
  readonly retryAfterMs: DurationMs;
}

/** `random`: 0 to 1. */
export function attempted(
  before: DeliveryRecord,
  { status, error, retryAfterMs }: Attempt,
  atMs: EpochMs,
  random: number,
): DeliveryRecord {
  const attempts = before.attempts + 1;
  const last_error = [...error].slice(0, limits.deliveryErrorChars).join('');
  const known = { ...before, attempts, last_status: status, last_error, updated_ms: atMs };
  if (error === '') {
    return { ...known, state: 'DELIVERED', next_attempt_ms: null, delivered_ms: atMs };
  }
  const failures = attempts - before.attempts_before;
  if (failures >= limits.webhookAttempts) return { ...known, state: 'DEAD', next_attempt_ms: null };
  const asked = Math.min(retryAfterMs, limits.webhookBackoffMaxMs);
  const waitMs = Math.max(backoffMs(failures, random), asked);
  return { ...known, next_attempt_ms: atMs + waitMs };
}

/** 5 s, 20 s, 80 s … 12 h, each a fifth more or less: what failed together is tried apart. */
export function backoffMs(failures: number, random: number): DurationMs {
  const { webhookBackoffMs, webhookBackoffMaxMs } = limits;
  const wholeMs = Math.min(webhookBackoffMs * 4 ** (failures - 1), webhookBackoffMaxMs);
  return Math.round(wholeMs * (0.8 + 0.4 * random));
}

/** Due at once, with a whole schedule before it. */
export function replayed(before: DeliveryRecord, atMs: EpochMs): DeliveryRecord {
  return {
    ...before,
    state: 'PENDING',
    attempts_before: before.attempts,
    next_attempt_ms: atMs,
    delivered_ms: null,
    updated_ms: atMs,
  };
}

/** Its endpoint is gone. */
export function buried(before: DeliveryRecord, atMs: EpochMs): DeliveryRecord {
  const last_error = 'the endpoint was deleted';
  return { ...before, state: 'DEAD', next_attempt_ms: null, last_error, updated_ms: atMs };
}
