// Tokens as issuers and attackers make them, by node:crypto alone: what is tested signs nothing.

import {
  constants,
  createHmac,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  type JwtVerifier,
  type JwtVerifierOptions,
  openJwtVerifier,
} from '../../src/access/jwt.js';
import { createTestClock, type TestClock } from './clock.js';
import { temporaryDirectory } from './service.js';

export type Json = Readonly<Record<string, unknown>>;

export interface Signer {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Public, with `kid` and `alg`. */
  readonly jwk: JsonWebKey & Json;
  readonly algorithm: string;
  readonly kid: string;
}

type Pair = Pick<Signer, 'privateKey' | 'publicKey'>;

const PAIRS: Readonly<Record<string, () => Pair>> = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

export function makeSigner(algorithm: string, kid: string, pair = PAIRS[algorithm]?.()): Signer {
  if (pair === undefined) throw new Error(`no keys for ${algorithm}`);
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid, alg: algorithm };
  return { ...pair, jwk, algorithm, kid };
}

export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'tollgate';
export const NOW = '2026-11-20T12:00:00Z';
export const NOW_S = Date.parse(NOW) / 1000;

/** What a sound token says; changes with `undefined` take a claim out. */
export function claims(changes: Json = {}): Json {
  const sound = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat: NOW_S, exp: NOW_S + 600 };
  return { ...sound, ...changes };
}

/** A sound token, but for what is given. */
export function token(
  signer: Signer,
  payload: Json | string | Buffer = claims(),
  header: Json = {},
): string {
  const { algorithm, kid, privateKey } = signer;
  const input = parts({ alg: algorithm, typ: 'JWT', kid, ...header }, payload);
  return `${input}.${signature(algorithm, privateKey, input)}`;
}

/** Header and payload, not signed. */
export function parts(header: Json | string, payload: Json | string | Buffer): string {
  return `${base64url(header)}.${base64url(payload)}`;
}

export function base64url(value: Json | string | Buffer): string {
  if (Buffer.isBuffer(value)) return value.toString('base64url');
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return Buffer.from(text).toString('base64url');
}

export function signature(algorithm: string, key: KeyObject, input: string): string {
  const data = Buffer.from(input);
  const hash = `sha${algorithm.slice(2)}`;
  switch (algorithm.slice(0, 2)) {
    case 'RS':
      return sign(hash, data, key).toString('base64url');
    case 'PS': {
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      return sign(hash, data, { key, padding, saltLength: 32 }).toString('base64url');
    }
    case 'ES':
      return sign(hash, data, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
    default:
      return sign(null, data, key).toString('base64url');
  }
}

export function hmac(secret: string | Buffer, input: string): string {
  return createHmac('sha256', secret).update(input).digest('base64url');
}

export interface Verifying {
  readonly verifier: JwtVerifier;
  readonly clock: TestClock;
  /** The file, where the keys come from one. */
  readonly path: string;
  /** Of `onTrouble`, in order. */
  readonly troubles: readonly string[];
}

/** With the keys in a file, unless `changes` say otherwise. Closed when the test is over. */
export async function openVerifying(
  signers: readonly Signer[],
  changes: Partial<JwtVerifierOptions> = {},
): Promise<Verifying> {
  const directory = temporaryDirectory();
  const path = join(directory, 'jwks.json');
  writeFileSync(path, keySet(...signers));
  const clock = createTestClock(NOW);
  const troubles: string[] = [];
  const verifier = await openJwtVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    claims: { orgId: 'org_id', roles: 'roles', allowedOrgs: 'allowed_orgs' },
    jwks: { kind: 'file', path },
    clock,
    // The timer reads only where a test is about it.
    everyMs: 3_600_000,
    onTrouble: (state) => troubles.push(state),
    ...changes,
  });
  onTestFinished(async () => {
    await verifier.close();
    rmSync(directory, { recursive: true });
  });
  return { verifier, clock, path, troubles };
}

export function keySet(...signers: readonly Pick<Signer, 'jwk'>[]): string {
  return JSON.stringify({ keys: signers.map(({ jwk }) => jwk) });
}

/** The one word: `verified`, or why not. */
export async function verdictOf(verifier: JwtVerifier, text: string): Promise<string> {
  const verdict = await verifier.verify(text);
  return verdict.kind === 'verified' ? verdict.kind : verdict.why;
}
