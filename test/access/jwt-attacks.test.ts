// Tokens that somebody forged, bent or borrowed (RFC 8725), and what each is refused for.

import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  base64url,
  claims,
  hmac,
  type Json,
  makeSigner,
  NOW_S,
  openVerifying,
  parts,
  type Signer,
  signature,
  token,
  verdictOf,
} from '../support/tokens.js';

const rsa = makeSigner('RS256', 'rsa-1');
const ec = makeSigner('ES256', 'ec-1');
const ed = makeSigner('EdDSA', 'ed-1');
/** Somebody else's keys, under the names of ours. */
const forgedRsa = makeSigner('RS256', 'rsa-1');
const forgedEd = makeSigner('EdDSA', 'ed-1');
const es384 = makeSigner('ES384', 'p384');
const ps256 = makeSigner('PS256', 'pss');
const weak = makeSigner('RS256', 'weak', generateKeyPairSync('rsa', { modulusLength: 1024 }));
const everybodySigns: Signer = { ...rsa, jwk: { ...rsa.jwk, kid: 'e1', e: 'AQ' } };
const encryption: Signer = { ...ed, jwk: { ...ed.jwk, kid: 'enc', use: 'enc' } };
const leaked = { jwk: { ...ec.privateKey.export({ format: 'jwk' }), kid: 'leaked', alg: 'ES256' } };
const secret = { jwk: { kty: 'oct', k: base64url('secret'), kid: 'oct', alg: 'HS256' } };
const set = [rsa, ec, ed, es384, ps256, weak, everybodySigns, encryption, leaked, secret];

type Row = readonly [what: string, why: string, text: string];

async function expectRefused(rows: readonly Row[]): Promise<void> {
  const { verifier } = await openVerifying(set as readonly Signer[]);
  const got: Row[] = [];
  for (const [what, , text] of rows) got.push([what, await verdictOf(verifier, text), text]);
  expect(got).toEqual(rows);
}

test('a sound token of each algorithm is verified', async () => {
  const { verifier } = await openVerifying([rsa, ec, ed]);
  for (const signer of [rsa, ec, ed]) {
    expect(await verifier.verify(token(signer))).toEqual({
      kind: 'verified',
      subject: 'alice',
      roles: [],
      orgId: '',
      allowedOrgs: [],
      expiresMs: (NOW_S + 600) * 1000,
      issuedMs: NOW_S * 1000,
    });
  }
});

test('no algorithm is taken but the three, in any spelling', () => {
  const unsigned = (alg: string) => `${parts({ alg, typ: 'JWT' }, claims())}.`;
  const nones = ['none', 'None', 'NONE', 'nOnE', 'none ', ' none', ''].map(unsigned);
  const others = ['HS256', 'HS384', 'HS512', 'RS384', 'PS256', 'ES384', 'ES256K', 'rs256', 'EDDSA'];
  return expectRefused([
    ...nones.map((text): Row => ['none', 'algorithm', text]),
    ['none, signed', 'algorithm', token(rsa, claims(), { alg: 'none' })],
    ...others.map((alg): Row => [alg, 'algorithm', token(rsa, claims(), { alg })]),
    ['a key of its own algorithm', 'algorithm', token(ps256)],
    ['the algorithm is a list', 'malformed', token(rsa, claims(), { alg: ['RS256'] })],
    ['the algorithm is null', 'malformed', token(rsa, claims(), { alg: null })],
    ['no algorithm', 'malformed', token(rsa, claims(), { alg: undefined })],
  ]);
});

test('a public key is no secret that a token can be signed with', () => {
  const pem = `${rsa.publicKey.export({ format: 'pem', type: 'spki' })}`;
  const pkcs1 = `${rsa.publicKey.export({ format: 'pem', type: 'pkcs1' })}`;
  const der = rsa.publicKey.export({ format: 'der', type: 'spki' });
  const secrets = [pem, pem.trim(), pkcs1, der, JSON.stringify(rsa.jwk), `${rsa.jwk['n']}`];
  const signed = (alg: string, key: string | Buffer) => {
    const input = parts({ alg, typ: 'JWT', kid: 'rsa-1' }, claims());
    return `${input}.${hmac(key, input)}`;
  };
  return expectRefused([
    ...secrets.map((key): Row => ['HS256', 'algorithm', signed('HS256', key)]),
    ...secrets.map((key): Row => ['said to be RS256', 'signature', signed('RS256', key)]),
    ['a secret of the set', 'algorithm', signed('HS256', 'secret')],
  ]);
});

test('a key verifies what it is for and nothing else', () =>
  expectRefused([
    ['ES256 by the name of an RSA key', 'unknown_key', token(ec, claims(), { kid: 'rsa-1' })],
    ['ES256 with a P-384 key', 'unknown_key', es256With(es384)],
    ['RS256 with a key for PS256', 'unknown_key', rs256With(ps256)],
    ['RS256 with 1024 bits', 'unknown_key', token(weak)],
    ['RSA with exponent 1', 'unknown_key', token(rsa, claims(), { kid: 'e1' })],
    ['a key for encryption', 'unknown_key', token(ed, claims(), { kid: 'enc' })],
    ['a key published with its secret', 'unknown_key', token(ec, claims(), { kid: 'leaked' })],
    ['a PSS signature said to be RS256', 'signature', pssSaidToBeRs256()],
    ['an ES256 signature in DER', 'signature', derSignature()],
  ]));

test('the key comes from the set by its name, never from the token', () => {
  const bring = (header: Json) => token(forgedEd, claims(), header);
  const own = { jwk: forgedEd.jwk };
  return expectRefused([
    ['a forged key under a name of ours', 'signature', token(forgedEd)],
    ['embedded', 'signature', bring(own)],
    ['embedded, without a name', 'signature', bring({ ...own, kid: undefined })],
    ['embedded, under a name of its own', 'unknown_key', bring({ ...own, kid: 'own' })],
    ['pointed to', 'signature', bring({ jku: 'http://127.0.0.1:9/jwks' })],
    ['a certificate', 'signature', bring({ x5c: ['MIIB'], x5u: 'http://127.0.0.1:9/' })],
    ['unknown', 'unknown_key', token(ed, claims(), { kid: 'ed-2' })],
    ['a name of every object', 'unknown_key', token(ed, claims(), { kid: '__proto__' })],
    ['a path', 'unknown_key', token(ed, claims(), { kid: '../../dev/null' })],
    ['an empty name', 'unknown_key', token(ed, claims(), { kid: '' })],
    ['a number', 'malformed', token(ed, claims(), { kid: 1 })],
  ]);
});

test('what a token of ours brings along is not read, and does no harm', async () => {
  const { verifier } = await openVerifying([ed]);
  const header = { jwk: forgedEd.jwk, jku: 'http://127.0.0.1:9/jwks', x5t: 'abc', cty: 'json' };
  expect(await verdictOf(verifier, token(ed, claims(), header))).toBe('verified');
});

describe('a token without the name of its key', () => {
  const unnamed = token(ed, claims(), { kid: undefined });
  test('is verified where one key fits its algorithm', async () => {
    const { verifier } = await openVerifying([rsa, ec, ed]);
    expect(await verdictOf(verifier, unnamed)).toBe('verified');
  });
  test('is refused where several do', async () => {
    const { verifier } = await openVerifying([ed, makeSigner('EdDSA', 'ed-2')]);
    expect(await verdictOf(verifier, unnamed)).toBe('unknown_key');
  });
});

test('every change of what was signed, and of the signature, is noticed', () => {
  const text = token(rsa);
  const [header = '', payload = '', sealed = ''] = text.split('.');
  const admin = base64url(claims({ roles: ['platform_admin'] }));
  const flipped = `${sealed.startsWith('A') ? 'B' : 'A'}${sealed.slice(1)}`;
  return expectRefused([
    ['another payload', 'signature', `${header}.${admin}.${sealed}`],
    ['another header', 'signature', `${base64url({ alg: 'RS256' })}.${payload}.${sealed}`],
    ['another signature', 'signature', `${header}.${payload}.${flipped}`],
    ['the signature of another token', 'signature', swapped()],
    ['no signature', 'signature', `${header}.${payload}.`],
    ['a short signature', 'signature', `${header}.${payload}.${sealed.slice(0, -6)}`],
    ['zeros for ES256', 'signature', zeros(ec, 64)],
    ['zeros for EdDSA', 'signature', zeros(ed, 64)],
    ['nothing for ES256', 'signature', zeros(ec, 0)],
  ]);
});

test('what has not the shape of a token is malformed', () => {
  const text = token(rsa);
  const [header = '', payload = '', sealed = ''] = text.split('.');
  const long = token(rsa, claims({ filler: 'x'.repeat(9 * 1024) }));
  expect(long.length).toBeGreaterThan(9 * 1024);
  const texts = [
    ['empty', ''],
    ['dots', '..'],
    ['one part', header],
    ['two parts', `${header}.${payload}`],
    ['four parts', `${text}.${sealed}`],
    ['five parts, as encrypted ones have', `${header}.${payload}.${sealed}.${payload}.${sealed}`],
    ['cut in the payload', text.slice(0, header.length + payload.length - 3)],
    ['nine KiB', long],
    ['a blank before', ` ${text}`],
    ['a line end behind', `${text}\n`],
    ['padding', `${text}==`],
    ['base64 that is not for URLs', `${header}.${payload}.${sealed.slice(0, -4)}++//`],
    ['a character of another alphabet', `${header}.${payload}.${sealed.slice(0, -1)}é`],
    ['a header that is no JSON', `${base64url('{"alg":')}.${payload}.${sealed}`],
    ['a header that is a list', `${base64url('["RS256"]')}.${payload}.${sealed}`],
    ['a header that is null', `${base64url('null')}.${payload}.${sealed}`],
    ['a header that is no UTF-8', `${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.e30.`],
    ['the JSON serialization', JSON.stringify({ protected: header, payload, signature: sealed })],
    ['another type', token(rsa, claims(), { typ: 'dpop+jwt' })],
    ['a type that is a list', token(rsa, claims(), { typ: ['JWT'] })],
    ['an extension that must be understood', token(rsa, claims(), { crit: ['exp'], exp: 1 })],
    ['an empty list of them', token(rsa, claims(), { crit: [] })],
    ['a payload that is not encoded', token(rsa, claims(), { crit: ['b64'], b64: false })],
    ['the same without saying so', token(rsa, claims(), { b64: false })],
    ['one that says it is encoded', token(rsa, claims(), { crit: ['b64'], b64: true })],
    ['a payload that is no JSON', token(rsa, 'alice')],
    ['a payload that is no UTF-8', token(rsa, Buffer.from(JSON.stringify(claims()), 'utf16le'))],
    [
      'a name that is no UTF-8',
      token(rsa, Buffer.from(JSON.stringify(claims({ sub: 'é' })), 'latin1')),
    ],
    ['a payload that is a list', token(rsa, '[]')],
    ['a payload that is another token', token(rsa, token(ed), { cty: 'JWT' })],
  ] as const;
  return expectRefused(texts.map(([what, each]): Row => [what, 'malformed', each]));
});

test('types that access tokens have are taken, in any case', async () => {
  const { verifier } = await openVerifying([ed]);
  for (const typ of [undefined, 'JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt']) {
    expect(await verdictOf(verifier, token(ed, claims(), { typ }))).toBe('verified');
  }
});

function es256With(signer: Signer): string {
  const input = parts({ alg: 'ES256', kid: signer.kid }, claims());
  return `${input}.${signature('ES256', signer.privateKey, input)}`;
}

function rs256With(signer: Signer): string {
  const input = parts({ alg: 'RS256', kid: signer.kid }, claims());
  return `${input}.${signature('RS256', signer.privateKey, input)}`;
}

function pssSaidToBeRs256(): string {
  const input = parts({ alg: 'RS256', kid: rsa.kid }, claims());
  return `${input}.${signature('PS256', rsa.privateKey, input)}`;
}

/** What `openssl dgst -sign` writes: 70 to 72 bytes instead of 64. */
function derSignature(): string {
  const input = parts({ alg: 'ES256', kid: ec.kid }, claims());
  return `${input}.${signature('RS256', ec.privateKey, input)}`;
}

function swapped(): string {
  const other = token(rsa, claims({ sub: 'bob' })).split('.')[2];
  return `${token(rsa).split('.').slice(0, 2).join('.')}.${other}`;
}

function zeros({ algorithm, kid }: Signer, bytes: number): string {
  return `${parts({ alg: algorithm, kid }, claims())}.${Buffer.alloc(bytes).toString('base64url')}`;
}

test('somebody with keys of their own gets nowhere', () =>
  expectRefused([
    ['RS256', 'signature', token(forgedRsa)],
    ['EdDSA', 'signature', token(forgedEd)],
  ]));
