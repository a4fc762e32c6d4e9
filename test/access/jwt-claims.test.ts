// What a token that is signed as it should be must say, and what is made of it.

import { describe, expect, test } from 'vitest';
import {
  AUDIENCE,
  claims,
  ISSUER,
  type Json,
  makeSigner,
  NOW_S,
  openVerifying,
  token,
  verdictOf,
} from '../support/tokens.js';

const signer = makeSigner('EdDSA', 'ed-1');
const FUTURE = NOW_S + 600;

async function verdicts(rows: readonly (readonly [verdict: string, changes: Json])[]) {
  const { verifier } = await openVerifying([signer]);
  const got = [];
  for (const [, changes] of rows) {
    got.push([await verdictOf(verifier, token(signer, claims(changes))), changes]);
  }
  expect(got).toEqual(rows);
}

test('it is of this issuer, and for this audience', () =>
  verdicts([
    ['issuer', { iss: undefined }],
    ['issuer', { iss: 'https://other.example' }],
    ['issuer', { iss: `${ISSUER}/` }],
    ['issuer', { iss: ISSUER.toUpperCase() }],
    ['issuer', { iss: [ISSUER] }],
    ['audience', { aud: undefined }],
    ['audience', { aud: 'others' }],
    ['audience', { aud: [] }],
    ['audience', { aud: ['others', 'more'] }],
    ['audience', { aud: { [AUDIENCE]: true } }],
    ['audience', { aud: [[AUDIENCE]] }],
    ['audience', { aud: [AUDIENCE, 1] }],
    ['audience', { aud: `${AUDIENCE} others` }],
    ['verified', { aud: ['others', AUDIENCE] }],
  ]));

test('it ends on the dot, and may begin a minute ahead of our clock', () =>
  verdicts([
    ['verified', { exp: NOW_S + 0.001 }],
    ['expired', { exp: NOW_S }],
    ['expired', { exp: NOW_S - 1 }],
    ['expired', { exp: 0 }],
    ['verified', { nbf: NOW_S - 1 }],
    ['verified', { nbf: NOW_S + 60 }],
    ['not_yet', { nbf: NOW_S + 61 }],
    ['verified', { iat: NOW_S + 60 }],
    ['not_yet', { iat: NOW_S + 61 }],
    ['expired', { exp: NOW_S - 1, nbf: FUTURE }],
    ['verified', { iat: undefined }],
  ]));

test('times are numbers of seconds', () =>
  verdicts([
    ['claims', { exp: undefined }],
    ['claims', { exp: null }],
    ['claims', { exp: `${FUTURE}` }],
    ['claims', { exp: [FUTURE] }],
    ['claims', { exp: true }],
    ['claims', { exp: FUTURE * 1000 }],
    ['claims', { exp: -FUTURE }],
    ['claims', { nbf: `${NOW_S}` }],
    ['claims', { nbf: null }],
    ['claims', { iat: `${NOW_S}` }],
    ['claims', { iat: {} }],
  ]));

test('numbers that are none are refused in JSON as well', async () => {
  const { verifier } = await openVerifying([signer]);
  for (const exp of ['1e400', '-1e400']) {
    const text = JSON.stringify(claims({ exp: 7 })).replace('7}', `${exp}}`);
    expect(await verdictOf(verifier, token(signer, text))).toBe('claims');
  }
});

test('it names a subject, in printable characters', () =>
  verdicts([
    ['verified', { sub: 'x'.repeat(256) }],
    ['verified', { sub: 'spiffe://example.org/ns/prod' }],
    ['claims', { sub: undefined }],
    ['claims', { sub: '' }],
    ['claims', { sub: 'x'.repeat(257) }],
    ['claims', { sub: 'alice\n' }],
    ['claims', { sub: 'alice\u0000' }],
    ['claims', { sub: 'al\u202eice' }],
    ['claims', { sub: 7 }],
    ['claims', { sub: null }],
    ['claims', { sub: ['alice'] }],
    ['claims', { sub: { toString: 'alice' } }],
  ]));

test('organisations and roles are as they must be, or the token is refused', () =>
  verdicts([
    ['claims', { org_id: '' }],
    ['claims', { org_id: 'acme/other' }],
    ['claims', { org_id: 'acme\n' }],
    ['claims', { org_id: '*' }],
    ['claims', { org_id: 'x'.repeat(129) }],
    ['claims', { org_id: null }],
    ['claims', { org_id: ['acme'] }],
    ['claims', { allowed_orgs: '*' }],
    ['claims', { allowed_orgs: ['acme', 7] }],
    ['claims', { allowed_orgs: ['a*b'] }],
    ['claims', { allowed_orgs: [''] }],
    ['claims', { allowed_orgs: Array.from({ length: 101 }, (_, i) => `org-${i}`) }],
    ['claims', { roles: { admin: true } }],
    ['claims', { roles: 7 }],
    ['claims', { roles: ['admin', ['owner']] }],
    ['claims', { roles: [''] }],
    ['claims', { roles: ['ad min'] }],
    ['claims', { roles: 'admin\nowner' }],
    ['claims', { roles: ['x'.repeat(257)] }],
  ]));

describe('what it says is handed on', () => {
  const rows: readonly (readonly [Json, Json])[] = [
    [{ org_id: 'acme' }, { orgId: 'acme', allowedOrgs: [], roles: [] }],
    [{ allowed_orgs: ['*'] }, { orgId: '', allowedOrgs: ['*'] }],
    [{ allowed_orgs: ['acme', 'eu-*'] }, { allowedOrgs: ['acme', 'eu-*'] }],
    [{ roles: ['admin', 'what-else'] }, { roles: ['admin', 'what-else'] }],
    [{ roles: 'admin  owner ' }, { roles: ['admin', 'owner'] }],
    [{ roles: '' }, { roles: [] }],
    [{ iat: undefined }, { issuedMs: 0 }],
    [{ exp: FUTURE + 0.0019 }, { expiresMs: FUTURE * 1000 + 1 }],
  ];
  test.each(rows)('%j', async (changes, expected) => {
    const { verifier } = await openVerifying([signer]);
    expect(await verifier.verify(token(signer, claims(changes)))).toMatchObject({
      kind: 'verified',
      ...expected,
    });
  });
});

test('claims are found under the names that are set, and only as the token has them', async () => {
  const names = {
    orgId: 'https://example.com/org',
    roles: 'constructor',
    allowedOrgs: '__proto__',
  };
  const { verifier } = await openVerifying([signer], { claims: names });
  const plain = await verifier.verify(token(signer, claims({ org_id: 'acme', roles: 'admin' })));
  expect(plain).toMatchObject({ kind: 'verified', orgId: '', roles: [], allowedOrgs: [] });
  const text = JSON.stringify(claims({ 'https://example.com/org': 'acme' }));
  const named = `${text.slice(0, -1)},"constructor":"admin","__proto__":["eu-*"]}`;
  expect(await verifier.verify(token(signer, named))).toMatchObject({
    orgId: 'acme',
    roles: ['admin'],
    allowedOrgs: ['eu-*'],
  });
});

test('of a claim given twice the last counts, as RFC 7519 allows', async () => {
  const { verifier } = await openVerifying([signer]);
  const text = JSON.stringify(claims({ sub: 'alice' }));
  const twice = text.replace('{', '{"sub":"mallory",').replace('}', ',"exp":1}');
  expect(await verdictOf(verifier, token(signer, twice))).toBe('expired');
  const last = text.replace('{', '{"sub":"mallory",');
  expect(await verifier.verify(token(signer, last))).toMatchObject({ subject: 'alice' });
});
