// An API key: `tg_3f9a21c7d0_<secret>`. The part before the secret finds it and is no secret; of
// the whole only the SHA-256 is kept, which is enough for 256 random bits.

import type { EpochMs } from '../../base/units.js';
import type { Principal } from './principal.js';
import { isRole, permissionsOf, type Role } from './roles.js';

export interface ApiKeyRecord {
  /** The id, and what the key begins with. */
  readonly key_id: string;
  readonly display_name: string;
  /** '': for the organisations of `allowed_orgs`. */
  readonly org_id: string;
  readonly roles: readonly Role[];
  readonly allowed_orgs: readonly string[];
  /** SHA-256 of the whole text, in hexadecimal. */
  readonly secret: string;
  /** What a rotation replaced, and until when it is taken. */
  readonly previous: { readonly secret: string; readonly until_ms: EpochMs } | null;
  /** From then on it is refused. */
  readonly expire_ms: EpochMs | null;
  readonly revoked_ms: EpochMs | null;
  readonly created_by: string;
  readonly created_ms: EpochMs;
  readonly updated_ms: EpochMs;
}

/** Of `tg_3f9a21c7d0`. */
export const KEY_ID_CHARS = 13;
/** 40 random bits name a key, 256 are its secret. */
const KEY = /^(tg_[0-9a-f]{10})_[A-Za-z0-9_-]{43}$/;
/** Of the random bytes that name it. */
export const KEY_ID_BYTES = 5;
export const SECRET_BYTES = 32;

export function keyText(keyId: string, secret: Buffer): string {
  return `${keyId}_${secret.toString('base64url')}`;
}

/** Undefined where the text cannot be a key. */
export function keyIdIn(text: string): string | undefined {
  return KEY.exec(text)?.[1];
}

export function isKey(text: string): boolean {
  return text.startsWith('tg_');
}

export function isLive({ revoked_ms, expire_ms }: ApiKeyRecord, nowMs: EpochMs): boolean {
  return revoked_ms === null && (expire_ms === null || nowMs < expire_ms);
}

/** Until when this hash opens the key; undefined where it does not. */
export function openUntilMs(
  { secret, previous, expire_ms }: ApiKeyRecord,
  given: string,
): EpochMs | undefined {
  const endMs = expire_ms ?? Infinity;
  if (isSame(given, secret)) return endMs;
  if (previous === null || !isSame(given, previous.secret)) return undefined;
  return Math.min(previous.until_ms, endMs);
}

/** In a time that does not tell how much of it is right. Both are as long as any other hash. */
export function isSame(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

/** Roles that a later version knew are left out. */
export function principalOf(key: ApiKeyRecord): Principal {
  return {
    name: `key:${key.key_id}`,
    orgId: key.org_id,
    allowedOrgs: key.allowed_orgs,
    permissions: permissionsOf(key.roles.filter(isRole)),
  };
}
