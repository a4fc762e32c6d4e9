// Signing as Standard Webhooks 1.0.0 says: https://www.standardwebhooks.com

import { hmacBase64 } from '../../base/hash.js';
import { type EpochMs, SECOND_MS } from '../../base/units.js';
import type { DeliveryRecord, EndpointSecret } from './document.js';

const PREFIX = 'whsec_';

/** `bytes`: base64 of the key. */
export function secretText(bytes: string): string {
  return `${PREFIX}${bytes}`;
}

export type SignedHeaders = Readonly<
  Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>
>;

/** The headers of an attempt at `atMs`: one signature for each secret that is valid then. */
export function signedHeaders(
  { notification_id: id, payload }: Pick<DeliveryRecord, 'notification_id' | 'payload'>,
  secrets: readonly EndpointSecret[],
  atMs: EpochMs,
): SignedHeaders {
  const timestamp = `${Math.floor(atMs / SECOND_MS)}`;
  const valid = secrets.filter(({ expire_ms }) => expire_ms === null || atMs < expire_ms);
  const signed = valid.map(({ secret }) => signatureOf(secret, `${id}.${timestamp}.${payload}`));
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signed.join(' '),
  };
}

function signatureOf(secret: string, content: string): string {
  return `v1,${hmacBase64(secret.slice(PREFIX.length), content)}`;
}

/** The new one signs at once, the one before it until `untilMs`, older ones no more. */
export function rotated(
  secrets: readonly EndpointSecret[],
  secret: string,
  untilMs: EpochMs,
  atMs: EpochMs,
): readonly EndpointSecret[] {
  const [latest] = secrets;
  const fresh = { secret, expire_ms: null };
  if (latest === undefined || untilMs <= atMs) return [fresh];
  return [fresh, { ...latest, expire_ms: untilMs }];
}
