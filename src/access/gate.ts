// The one place where a call's credential becomes somebody. gRPC and HTTP ask it the same way.
//
// Invariants: nobody passes without a credential that was proved against what is stored; from the
// answer of a revocation on the credential is refused, by a session that was remembered too; what
// is refused says one thing, whether the key never was, is another, has expired or was revoked.
//
// Cost: a call with a remembered key reads one header, looks up its first 13 characters and
// compares the rest; with a remembered token it costs a SHA-256. The first call with a key costs a
// SHA-256 and two look-ups in the ledger.

import { type EpochMs, SECOND_MS } from '../base/units.js';
import {
  isKey,
  isSame,
  KEY_ID_CHARS,
  keyIdIn,
  openUntilMs,
  principalOf,
} from '../domain/access/api-key.js';
import { type CertificateDocument, certificatePrincipal } from '../domain/access/certificate.js';
import type { Principal } from '../domain/access/principal.js';
import { limits } from '../limits.js';
import { hashOf } from '../operations/access/new-key.js';
import type { Core } from '../operations/core.js';
import { Refusal } from '../operations/refusal.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { JwtVerifier } from './jwt.js';
import { tokenPrincipal } from './jwt-principal.js';
import { openRateLimits, type Rate, type RateLimits } from './rate-limit.js';
import { openSessions, type Session } from './session.js';

export interface Gate {
  /** At once where the credential is remembered. Throws, or rejects with, UNAUTHENTICATED. */
  readonly admit: <Call>(call: Call, reader: CallReader<Call>) => Session | Promise<Session>;
}

/** How a face of the server reads what a call presents: nothing that nobody asks for. */
export interface CallReader<Call> {
  /** '' where absent. */
  readonly header: (call: Call, name: 'authorization' | 'x-api-key') => string;
  /** Of the connection; asked only where there is no other credential. */
  readonly certificate: (call: Call) => PeerCertificate;
}

export type PeerCertificate =
  /** No TLS, no certificate, or the connection is gone. */
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'proved';
      readonly uris: readonly string[];
      readonly dnsNames: readonly string[];
      /** From then on it proves nothing, on a connection that was opened before too. */
      readonly expiresMs: EpochMs;
    }
  /** One that is not believed, by OpenSSL's name for why: `CERT_HAS_EXPIRED`. */
  | { readonly kind: 'refused'; readonly why: string };

/** Where nobody has to say who they are: the core's own caller. */
export function openDoor(core: Core): Gate {
  const { principal } = core.caller;
  const session: Session = {
    principal,
    core,
    credential: '',
    expiresMs: Infinity,
    bucket: undefined,
    live: true,
  };
  return { admit: () => session };
}

export interface GateOptions {
  readonly rate: Rate;
  /** Undefined: a token is no credential. */
  readonly verifier: JwtVerifier | undefined;
  /** Who is known by a certificate. */
  readonly certificates: readonly CertificateDocument[];
}

export function openGate(core: Core, options: GateOptions): Gate {
  const { rate, verifier, certificates } = options;
  const known = new Map(certificates.map((each) => [each.san, certificatePrincipal(each)]));
  const sessions = openSessions();
  const rates = openRateLimits(core.clock, rate);
  let changes = 0;
  core.keyChanges.listen((keyId) => {
    changes++;
    sessions.forget(keyId);
  });

  const proving = new Map<string, Promise<Session>>();

  /** Calls that come with the same credential meanwhile wait for the same proof. */
  function prove(text: string, sessionKey: string): Promise<Session> {
    const begun = proving.get(text);
    if (begun !== undefined) return begun;
    if (proving.size >= limits.proofs) throw tooManyProofs();
    const proof = proveAlone(text, sessionKey).finally(() => proving.delete(text));
    proving.set(text, proof);
    return proof;
  }

  /** A key that is changed while it is read is read again. */
  async function proveAlone(text: string, sessionKey: string): Promise<Session> {
    for (;;) {
      const seen = changes;
      const proved = isKey(text)
        ? await proveKey(core, text)
        : await proveToken(core, text, verifier);
      if (seen !== changes) continue;
      if (proved === undefined) throw invalidCredential();
      const session = sessionOf(core, text, proved, rates);
      sessions.keep(sessionKey, session);
      return session;
    }
  }

  /** Its first name that somebody is known by. What ends on an open connection is refused too. */
  function admitByCertificate(certificate: PeerCertificate): Session {
    if (certificate.kind === 'absent') throw missingCredential();
    if (certificate.kind === 'refused') throw invalidCredential();
    const { uris, dnsNames, expiresMs } = certificate;
    const san = [...uris, ...dnsNames].find((name) => known.has(name));
    const principal = san === undefined ? undefined : known.get(san);
    if (principal === undefined || core.clock.wallMs() >= expiresMs) throw invalidCredential();
    const session = sessions.find(principal.name);
    if (session?.expiresMs === expiresMs) return session;
    const proved = { principal, expiresMs, provedUntilMs: expiresMs };
    const made = sessionOf(core, principal.name, proved, rates);
    sessions.keep(principal.name, made);
    return made;
  }

  const gate: Gate = {
    admit(call, reader) {
      const text = credentialIn(call, reader);
      if (text === '') return admitByCertificate(reader.certificate(call));
      if (text.length > limits.credentialChars) throw invalidCredential();
      const sessionKey = isKey(text) ? text.slice(0, KEY_ID_CHARS) : hashOf(text);
      const session = sessions.find(sessionKey);
      if (session !== undefined && isSame(text, session.credential)) {
        if (core.clock.wallMs() < session.expiresMs) return session;
      }
      return prove(text, sessionKey);
    },
  };
  return countingRefusals(gate, core.metrics.credentialsRefused);
}

/** Each call for itself: those that waited for the same proof too. */
function countingRefusals(gate: Gate, refused: Metrics['credentialsRefused']): Gate {
  const count = (error: unknown): never => {
    const reason = error instanceof Refusal ? COUNTED_AS[error.reason] : undefined;
    if (reason !== undefined) refused[reason].add();
    throw error;
  };
  return {
    admit(call, reader) {
      try {
        const admitted = gate.admit(call, reader);
        return admitted instanceof Promise ? admitted.catch(count) : admitted;
      } catch (error) {
        return count(error);
      }
    },
  };
}

const COUNTED_AS: Readonly<Record<string, keyof Metrics['credentialsRefused'] | undefined>> = {
  CREDENTIAL_MISSING: 'missing',
  CREDENTIAL_INVALID: 'invalid',
  OVERLOADED: 'overloaded',
};

interface Proved {
  readonly principal: Principal;
  /** From then on the credential is refused. */
  readonly expiresMs: EpochMs;
  /** From then on it has to be proved anew: not later than it is refused. */
  readonly provedUntilMs: EpochMs;
}

async function proveKey(core: Core, text: string): Promise<Proved | undefined> {
  const keyId = keyIdIn(text);
  if (keyId === undefined) return undefined;
  const given = hashOf(text);
  const located = await core.ledger.get('locator', '', keyId);
  if (located === undefined) return undefined;
  const stored = await core.ledger.get('api_key', located.value.org_id, keyId);
  if (stored === undefined || stored.value.revoked_ms !== null) return undefined;
  const expiresMs = openUntilMs(stored.value, given);
  if (expiresMs === undefined || core.clock.wallMs() >= expiresMs) return undefined;
  return { principal: principalOf(stored.value), expiresMs, provedUntilMs: expiresMs };
}

/** Proved anew from time to time: its key may have been withdrawn. */
async function proveToken(
  core: Core,
  text: string,
  verifier: JwtVerifier | undefined,
): Promise<Proved | undefined> {
  const verdict = await verifier?.verify(text);
  if (verdict?.kind !== 'verified') return undefined;
  const { expiresMs } = verdict;
  const provedUntilMs = Math.min(expiresMs, core.clock.wallMs() + limits.tokenSessionMs);
  return { principal: tokenPrincipal(verdict), expiresMs, provedUntilMs };
}

function sessionOf(
  core: Core,
  credential: string,
  { principal, expiresMs, provedUntilMs }: Proved,
  rates: RateLimits,
): Session {
  const expires = expiresMs === Infinity ? {} : { expiresMs };
  const own = { ...core, caller: { principal, source: '', ...expires } };
  const bucket = principal.orgId === '' ? undefined : rates.bucketOf(principal.name);
  return { principal, core: own, credential, expiresMs: provedUntilMs, bucket, live: true };
}

const BEARER = /^bearer +/i;

/** In both headers, it is the same: of two, nobody could say which one somebody else looked at. */
function credentialIn<Call>(call: Call, { header }: CallReader<Call>): string {
  const key = header(call, 'x-api-key');
  const authorization = header(call, 'authorization');
  if (authorization === '') return key;
  const text = withoutScheme(authorization);
  if (key !== '' && !isSame(key, text)) {
    throw invalidCredential('"authorization" and "x-api-key" are not the same: send one');
  }
  return text;
}

function withoutScheme(authorization: string): string {
  // The usual spelling needs no regular expression.
  if (authorization.startsWith('Bearer tg_')) return authorization.slice(7);
  const scheme = BEARER.exec(authorization)?.[0];
  return scheme === undefined ? authorization : authorization.slice(scheme.length);
}

function missingCredential(): Refusal {
  const text = 'no credential: send "authorization: Bearer <key or token>" or "x-api-key: <key>"';
  return new Refusal('UNAUTHENTICATED', 'CREDENTIAL_MISSING', text);
}

const INVALID = 'the credential is not valid: unknown, expired, revoked or not one at all';

function invalidCredential(text = INVALID): Refusal {
  return new Refusal('UNAUTHENTICATED', 'CREDENTIAL_INVALID', text);
}

function tooManyProofs(): Refusal {
  const text = 'too many new credentials at a time; those in use are not held up';
  return new Refusal('UNAVAILABLE', 'OVERLOADED', text, { retryMs: SECOND_MS });
}
