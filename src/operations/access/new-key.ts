// A new key: its id, its text, and the record without it.

import { hash, randomBytes } from 'node:crypto';
import type { EpochMs } from '../../base/units.js';
import {
  type ApiKeyRecord,
  KEY_ID_BYTES,
  keyText,
  SECRET_BYTES,
} from '../../domain/access/api-key.js';
import type { Change } from '../../ledger/ledger.js';
import { locator } from '../billing/bill.js';
import { create } from '../change.js';

export interface KeyText {
  readonly keyId: string;
  /** Whole, to be shown once. */
  readonly text: string;
  /** What is kept of it. */
  readonly secret: string;
}

type Fields = Pick<
  ApiKeyRecord,
  'display_name' | 'org_id' | 'roles' | 'allowed_orgs' | 'expire_ms' | 'created_by'
>;

export function newKeyText(keyId = `tg_${randomBytes(KEY_ID_BYTES).toString('hex')}`): KeyText {
  const text = keyText(keyId, randomBytes(SECRET_BYTES));
  return { keyId, text, secret: hashOf(text) };
}

/** SHA-256, in hexadecimal. */
export function hashOf(text: string): string {
  return hash('sha256', text);
}

export function newKeyChanges(
  fields: Fields,
  { keyId, secret }: KeyText,
  atMs: EpochMs,
): readonly Change[] {
  const { org_id: orgId } = fields;
  const state = { previous: null, revoked_ms: null, created_ms: atMs, updated_ms: atMs };
  const record: ApiKeyRecord = { key_id: keyId, ...fields, secret, ...state };
  return [create('api_key', orgId, keyId, record), locator(orgId, keyId)];
}
