// JSON Web Tokens (RFC 7519) of one issuer, checked as RFC 8725 asks for.
//
// Invariants: the algorithm is one of three, and the one that its key is for. Keys come from the
// configured set alone: what a token brings along or points to (`jwk`, `x5c`, `jku`, `x5u`) is not
// read. One text is one token: another spelling of the same bytes is refused. The payload is not
// looked at before the signature is proved.

import type { KeyObject } from 'node:crypto';
import { compactVerify, errors } from 'jose';
import type { Clock } from '../base/clock.js';
import type { DurationMs } from '../base/units.js';
import { limits } from '../limits.js';
import { type JwksOptions, type JwksSource, openJwks } from './jwks.js';
import { type Claims, type Expected, readClaims } from './jwt-claims.js';
import type { JwtAlgorithm } from './key-set.js';
import { takeTurns } from './take-turns.js';

export interface JwtVerifierOptions extends Expected {
  readonly jwks: JwksSource;
  readonly clock: Clock;
  readonly onTrouble: JwksOptions['onTrouble'];
  /** As in `JwksOptions`. */
  readonly everyMs?: DurationMs;
  readonly timeoutMs?: DurationMs;
}

export interface JwtVerifier {
  /** Waits for the issuer where the key is not known, at most `limits.keySetTimeoutMs`. */
  readonly verify: (token: string) => Promise<JwtVerdict>;
  /** Since the keys were last read and found good; Infinity where they never were. */
  readonly keysAgeMs: () => DurationMs;
  /** Reads the keys now; the timer does the same. Never rejects. */
  readonly refreshKeys: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export type JwtVerdict =
  | Claims
  | {
      readonly kind: 'refused';
      readonly why: 'malformed' | 'algorithm' | 'signature' | 'unknown_key' | 'keys_unavailable';
    };

interface Header {
  readonly kind: 'header';
  readonly algorithm: JwtAlgorithm;
  readonly kid: string | undefined;
}

/** Opens without keys too, as `openJwks` does: until they come, verdicts are `keys_unavailable`. */
export async function openJwtVerifier(options: JwtVerifierOptions): Promise<JwtVerifier> {
  const { jwks: source, clock } = options;
  const jwks = await openJwks({ ...options, source });
  const turns = takeTurns(limits.signaturesAtOnce);

  async function find({ algorithm, kid }: Header) {
    const found = jwks.find(algorithm, kid);
    if (found.kind === 'found' || !(await jwks.refetch())) return found;
    return jwks.find(algorithm, kid);
  }

  return {
    async verify(token) {
      const header = readHeader(token);
      if (header.kind !== 'header') return header;
      const found = await find(header);
      if (found.kind !== 'found') return refused(found.kind);
      const signed = await turns(() => payloadOf(token, found.key, header.algorithm));
      if (signed.kind !== 'payload') return signed;
      const payload = objectFrom(signed.bytes);
      if (payload === undefined) return refused('malformed');
      return readClaims(payload, options, clock.wallMs());
    },
    keysAgeMs: jwks.ageMs,
    refreshKeys: jwks.refresh,
    close: jwks.close,
  };
}

/**
 * Three parts in base64url. Where the last character of a part has bits that stand for nothing,
 * they are zero: else four or sixteen texts would be one token. The signature may be empty here, so
 * that `none` is refused for what it is.
 */
const PART = '(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?';
const TOKEN = new RegExp(`^(${PART})\\.${PART}\\.${PART}$`);
/** RFC 9068, and what everybody writes; `application/` may be left out (RFC 7515). */
const TYPE = /^(?:application\/)?(?:at\+)?jwt$/i;

function readHeader(token: string): Header | JwtVerdict {
  if (token.length > limits.credentialChars) return refused('malformed');
  const part = TOKEN.exec(token)?.[1];
  if (part === undefined) return refused('malformed');
  const header = objectFrom(Buffer.from(part, 'base64url'));
  if (header === undefined) return refused('malformed');
  const { alg, kid, typ, crit } = header;
  if (!isAlgorithm(alg)) return refused(typeof alg === 'string' ? 'algorithm' : 'malformed');
  if (typ !== undefined && !(typeof typ === 'string' && TYPE.test(typ))) {
    return refused('malformed');
  }
  // No extension is understood, and one that need not be understood changes nothing.
  if (crit !== undefined || 'b64' in header) return refused('malformed');
  if (kid !== undefined && typeof kid !== 'string') return refused('malformed');
  return { kind: 'header', algorithm: alg, kid };
}

function isAlgorithm(alg: unknown): alg is JwtAlgorithm {
  return alg === 'RS256' || alg === 'ES256' || alg === 'EdDSA';
}

type Signed = { readonly kind: 'payload'; readonly bytes: Uint8Array } | JwtVerdict;

async function payloadOf(token: string, key: KeyObject, algorithm: JwtAlgorithm): Promise<Signed> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
    return { kind: 'payload', bytes: payload };
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) return refused('signature');
    if (error instanceof errors.JOSEError) return refused('malformed');
    throw error;
  }
}

/** Undefined for what is no JSON object in UTF-8. Of a member given twice the last counts. */
function objectFrom(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return value as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

function refused(why: Exclude<JwtVerdict, Claims>['why']): JwtVerdict {
  return { kind: 'refused', why };
}
