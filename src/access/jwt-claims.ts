// What a token says, once its signature has proved who wrote it. Each claim is checked for its
// type before its value: "1700000000" is no time, and an organisation is no object.

import type { EpochMs } from '../base/units.js';
import { ORG_PATTERN } from '../domain/access/principal.js';
import { limits } from '../limits.js';
import { isPathId } from '../operations/parse.js';

export interface ClaimNames {
  readonly orgId: string;
  readonly roles: string;
  readonly allowedOrgs: string;
}

export interface Expected {
  readonly issuer: string;
  readonly audience: string;
  readonly claims: ClaimNames;
}

export type Claims =
  | {
      readonly kind: 'verified';
      readonly subject: string;
      /** As they stand there; what they mean is not known here. */
      readonly roles: readonly string[];
      /** '' where the token names none. */
      readonly orgId: string;
      readonly allowedOrgs: readonly string[];
      /** From then on it is refused. */
      readonly expiresMs: EpochMs;
      /** 0, the oldest there is, where the token does not say. */
      readonly issuedMs: EpochMs;
    }
  | {
      readonly kind: 'refused';
      readonly why: 'issuer' | 'audience' | 'expired' | 'not_yet' | 'claims';
    };

type Payload = Readonly<Record<string, unknown>>;

const PRINTABLE = /^[\x20-\x7e]+$/;
const ROLE = /^[\x21-\x7e]+$/;
/** 9999-12-31: a later one is no time but a mistake, milliseconds for seconds above all. */
const SECONDS_MAX = 253_402_300_799;

export function readClaims(payload: Payload, expected: Expected, nowMs: EpochMs): Claims {
  if (payload['iss'] !== expected.issuer) return refused('issuer');
  if (!isFor(payload['aud'], expected.audience)) return refused('audience');
  const expiresMs = timeIn(payload, 'exp');
  const issuedMs = timeIn(payload, 'iat');
  const fromMs = timeIn(payload, 'nbf');
  if (typeof expiresMs !== 'number') return refused('claims');
  if (issuedMs === 'wrong' || fromMs === 'wrong') return refused('claims');
  if (nowMs >= expiresMs) return refused('expired');
  const latestMs = nowMs + limits.tokenSkewMs;
  if ((issuedMs ?? 0) > latestMs || (fromMs ?? 0) > latestMs) return refused('not_yet');
  const { sub } = payload;
  const { claims } = expected;
  const roles = rolesIn(claimIn(payload, claims.roles));
  const orgId = orgIn(claimIn(payload, claims.orgId));
  const allowedOrgs = patternsIn(claimIn(payload, claims.allowedOrgs));
  if (!isText(sub, PRINTABLE, limits.subjectChars)) return refused('claims');
  if (roles === undefined || orgId === undefined || allowedOrgs === undefined) {
    return refused('claims');
  }
  return {
    kind: 'verified',
    subject: sub,
    roles,
    orgId,
    allowedOrgs,
    expiresMs,
    issuedMs: issuedMs ?? 0,
  };
}

function refused(why: Extract<Claims, { kind: 'refused' }>['why']): Claims {
  return { kind: 'refused', why };
}

function isFor(aud: unknown, audience: string): boolean {
  if (!Array.isArray(aud)) return aud === audience;
  return aud.every((each) => typeof each === 'string') && aud.includes(audience);
}

/** Rounded down to a millisecond. RFC 7519 allows fractions of a second. */
function timeIn(payload: Payload, name: string): EpochMs | undefined | 'wrong' {
  const value = claimIn(payload, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value >= 0 && value <= SECONDS_MAX)) return 'wrong';
  return Math.floor(value * 1000);
}

/** The names are settings: `constructor` is no claim of every token. */
function claimIn(payload: Payload, name: string): unknown {
  return Object.hasOwn(payload, name) ? payload[name] : undefined;
}

function rolesIn(value: unknown): readonly string[] | undefined {
  if (value === undefined) return [];
  const roles = typeof value === 'string' ? value.split(' ').filter((role) => role !== '') : value;
  if (!Array.isArray(roles)) return undefined;
  return roles.every((role) => isText(role, ROLE, limits.roleChars)) ? roles : undefined;
}

function orgIn(value: unknown): string | undefined {
  if (value === undefined) return '';
  return typeof value === 'string' && isPathId(value) ? value : undefined;
}

function patternsIn(value: unknown): readonly string[] | undefined {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > limits.allowedOrgs) return undefined;
  return value.every((each) => isText(each, ORG_PATTERN, Infinity)) ? value : undefined;
}

function isText(value: unknown, shape: RegExp, charsMax: number): value is string {
  return typeof value === 'string' && value.length <= charsMax && shape.test(value);
}
