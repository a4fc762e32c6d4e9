// A JSON Web Key Set (RFC 7517), and the keys of it that tokens may be signed with. A key says by
// its type and curve which algorithm it is for, and is found under that one only: no token chooses
// what its key is used as (RFC 8725, section 3.1).

import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { Failure, messageOf } from '../base/failure.js';
import { limits } from '../limits.js';

export type JwtAlgorithm = 'RS256' | 'ES256' | 'EdDSA';

export interface KeySet {
  /** Without a key id: the key for the algorithm, where there is just one. */
  readonly find: (algorithm: JwtAlgorithm, kid: string | undefined) => KeyObject | undefined;
}

type Members = Readonly<Record<string, unknown>>;

interface SigningKey {
  readonly algorithm: JwtAlgorithm;
  readonly kid: string | undefined;
  readonly key: KeyObject;
}

/**
 * Throws a `Failure` of code KEYS_INVALID where the text is no key set or has no key to verify
 * with. Keys for other uses and algorithms are passed over, as RFC 7517 wants it.
 */
export function keySetFrom(text: string): KeySet {
  const keys = membersOf(text).flatMap((jwk) => signingKeyFrom(jwk) ?? []);
  if (keys.length === 0) throw invalid('it has no key for RS256, ES256 or EdDSA');
  const named = keys.filter(({ kid }) => kid !== undefined);
  const byName = new Map(named.map((each) => [nameOf(each.algorithm, each.kid), each.key]));
  if (byName.size < named.length) throw invalid('two keys of one algorithm have the same kid');
  return {
    find(algorithm, kid) {
      if (kid !== undefined) return byName.get(nameOf(algorithm, kid));
      const fitting = keys.filter((each) => each.algorithm === algorithm);
      return fitting.length === 1 ? fitting[0]?.key : undefined;
    },
  };
}

function nameOf(algorithm: JwtAlgorithm, kid = ''): string {
  return `${algorithm} ${kid}`;
}

function membersOf(text: string): readonly unknown[] {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch (error) {
    throw invalid(`it is no JSON: ${messageOf(error)}`);
  }
  const keys = isObject(set) ? set['keys'] : undefined;
  if (!Array.isArray(keys)) throw invalid('it has no list "keys"');
  if (keys.length > limits.keySetKeys) throw invalid(`it has more than ${limits.keySetKeys} keys`);
  return keys;
}

/** Undefined for a private key too: what was published proves nothing any more. */
function signingKeyFrom(jwk: unknown): SigningKey | undefined {
  if (!isObject(jwk) || 'd' in jwk) return undefined;
  const { kid, use, alg, key_ops: operations } = jwk;
  if (kid !== undefined && !isKeyId(kid)) return undefined;
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !isListWith(operations, 'verify')) return undefined;
  const kind = kindOf(jwk);
  if (kind === undefined || (alg !== undefined && alg !== kind.algorithm)) return undefined;
  const key = publicKeyFrom(kind.material);
  if (key === undefined || !isStrong(key)) return undefined;
  return { algorithm: kind.algorithm, kid, key };
}

/** Only the members that make the public key. */
function kindOf(jwk: Members) {
  const { kty, crv } = jwk;
  if (kty === 'RSA') return { algorithm: 'RS256', material: pick(jwk, 'kty', 'n', 'e') } as const;
  if (kty === 'EC' && crv === 'P-256') {
    return { algorithm: 'ES256', material: pick(jwk, 'kty', 'crv', 'x', 'y') } as const;
  }
  if (kty === 'OKP' && crv === 'Ed25519') {
    return { algorithm: 'EdDSA', material: pick(jwk, 'kty', 'crv', 'x') } as const;
  }
  return undefined;
}

function pick(jwk: Members, ...names: readonly string[]): JsonWebKey {
  return Object.fromEntries(names.map((name) => [name, jwk[name]]));
}

/** Undefined where the numbers are none, or no point of the curve. */
function publicKeyFrom(material: JsonWebKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: material, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** With the exponent 1 everybody can sign. */
function isStrong({ asymmetricKeyDetails }: KeyObject): boolean {
  const { modulusLength, publicExponent } = asymmetricKeyDetails ?? {};
  if (modulusLength === undefined || publicExponent === undefined) return true;
  return modulusLength >= limits.rsaKeyBitsMin && publicExponent > 2n;
}

function isKeyId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= limits.keyIdChars;
}

function isListWith(value: unknown, wanted: string): boolean {
  return Array.isArray(value) && value.includes(wanted);
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(why: string): Failure {
  return new Failure('KEYS_INVALID', `the key set cannot be used: ${why}`);
}
