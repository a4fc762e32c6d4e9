// Keys from an issuer over HTTP: rotation, an issuer that fails, and one that means harm.

import { describe, expect, test, vi } from 'vitest';
import { type IssuerAnswer, openIssuer } from '../support/issuer.js';
import {
  claims,
  keySet,
  makeSigner,
  NOW_S,
  openVerifying,
  token,
  type Verifying,
  verdictOf,
} from '../support/tokens.js';

const HOUR_MS = 3_600_000;
const old = makeSigner('EdDSA', 'old');
const next = makeSigner('ES256', 'next');
const lasting = claims({ exp: NOW_S + 30 * 24 * 3600 });
const SET = keySet(old);

async function openWith(first: IssuerAnswer, timeoutMs?: number) {
  const issuer = await openIssuer(first);
  const verifying = await openVerifying([], {
    jwks: { kind: 'url', url: issuer.url },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  return { ...verifying, issuer };
}

const all = ({ verifier }: Verifying, texts: readonly string[]) =>
  Promise.all(texts.map((text) => verdictOf(verifier, text)));

test('keys are fetched once and kept', async () => {
  const open = await openWith(SET);
  expect(await all(open, Array(20).fill(token(old)))).toEqual(Array(20).fill('verified'));
  expect(open.issuer.asked).toEqual(['/jwks']);
});

test('a key that is new is fetched when the first token of it comes, once for all', async () => {
  const open = await openWith(SET);
  open.issuer.answer(keySet(old, next));
  expect(await verdictOf(open.verifier, token(next))).toBe('unknown_key');
  open.clock.advance(30_000);
  const texts = [...Array(20).fill(token(next)), ...Array(20).fill(token(old))];
  expect(await all(open, texts)).toEqual(Array(40).fill('verified'));
  expect(open.issuer.asked).toHaveLength(2);
});

test('tokens of unknown keys cause one fetch in half a minute, however many they are', async () => {
  const open = await openWith(SET);
  const strangers = Array.from({ length: 50 }, (_, i) => token(old, claims(), { kid: `k${i}` }));
  for (let seconds = 0; seconds < 300; seconds += 10) {
    expect(await all(open, strangers)).toEqual(Array(50).fill('unknown_key'));
    open.clock.advance(10_000);
  }
  expect(open.issuer.asked).toHaveLength(10);
});

test('keys are fetched again and again by themselves', async () => {
  const issuer = await openIssuer(SET);
  const jwks = { kind: 'url', url: issuer.url } as const;
  const { verifier } = await openVerifying([], { jwks, everyMs: 5 });
  issuer.answer(keySet(next));
  await vi.waitFor(async () => expect(await verdictOf(verifier, token(next))).toBe('verified'));
  expect(await verdictOf(verifier, token(old))).toBe('unknown_key');
});

const TROUBLE: readonly (readonly [string, IssuerAnswer])[] = [
  ['fails', 500],
  ['fails with keys', (response) => response.writeHead(500).end(keySet(next))],
  ['knows nothing of keys', 404],
  ['has nothing to say', 204],
  ['says that nothing changed', 304],
  ['hangs', () => {}],
  ['hangs after the first bytes', (response) => response.writeHead(200).write('{"keys":')],
  ['drops the connection', (response) => response.destroy()],
  [
    'drops it in the body',
    (response) => response.writeHead(200).write('{', () => response.destroy()),
  ],
  [
    'says it is more than comes',
    (response) => response.writeHead(200, { 'content-length': 9 }).end(),
  ],
  ['answers a page', '<html></html>'],
  ['answers no keys', '{"keys":[]}'],
  ['answers too much', keySet(next) + ' '.repeat(257 * 1024)],
  ['answers without end', (response) => pour(response)],
  ['sends elsewhere on its own host', (response) => redirect(response, '/other')],
];

describe.each(TROUBLE)('an issuer that %s', (_, answer) => {
  test('does no harm to those whose keys are known, and recovers', async () => {
    const open = await openWith(SET, 150);
    open.issuer.answer(answer);
    await open.verifier.refreshKeys();
    await open.verifier.refreshKeys();
    expect(await all(open, [token(old), token(next)])).toEqual(['verified', 'unknown_key']);
    expect(open.troubles).toEqual(['keys_stale']);
    open.issuer.answer(keySet(next));
    await open.verifier.refreshKeys();
    expect(await all(open, [token(next)])).toEqual(['verified']);
    expect(open.troubles).toEqual(['keys_stale', 'keys_good']);
  });

  test('does not keep us from starting', async () => {
    const open = await openWith(answer, 150);
    expect(await all(open, [token(old)])).toEqual(['keys_unavailable']);
    open.issuer.answer(SET);
    open.clock.advance(30_000);
    expect(await all(open, [token(old)])).toEqual(['verified']);
    expect(open.troubles).toEqual(['keys_unavailable', 'keys_good']);
  });
});

test('no redirect is followed to another origin', async () => {
  const other = await openIssuer(keySet(next));
  const open = await openWith((response) => redirect(response, other.url));
  expect(await all(open, [token(next)])).toEqual(['keys_unavailable']);
  expect(other.asked).toEqual([]);
});

test('an issuer that is down for a day is believed no longer', async () => {
  const open = await openWith(SET);
  open.issuer.answer(503);
  const text = token(old, lasting);
  for (let hour = 1; hour <= 24; hour++) {
    open.clock.advance(HOUR_MS);
    await open.verifier.refreshKeys();
    expect(await verdictOf(open.verifier, text)).toBe('verified');
  }
  open.clock.advance(1);
  await open.verifier.refreshKeys();
  expect(await verdictOf(open.verifier, text)).toBe('keys_unavailable');
  expect(open.troubles).toEqual(['keys_stale', 'keys_unavailable']);
});

test('a token that points to an issuer of its own makes us ask nobody', async () => {
  const own = await openIssuer(keySet(next));
  const open = await openWith(SET);
  open.clock.advance(30_000);
  const text = token(next, claims(), { jku: own.url, x5u: own.url, jwk: next.jwk });
  expect(await verdictOf(open.verifier, text)).toBe('unknown_key');
  expect(own.asked).toEqual([]);
});

test('closing cuts off a fetch under way', async () => {
  const open = await openWith(SET);
  open.issuer.answer(() => {});
  const fetching = open.verifier.refreshKeys();
  await vi.waitFor(() => expect(open.issuer.asked).toHaveLength(2));
  await open.verifier.close();
  await fetching;
  expect(open.troubles).toEqual([]);
});

describe('no keys are fetched from', () => {
  test.each([
    ['http://issuer.example/jwks', 'loopback only'],
    ['http://10.0.0.1/jwks', 'loopback only'],
    ['http://127.0.0.1.example.com/jwks', 'loopback only'],
    ['http://localhost.example.com/jwks', 'loopback only'],
    ['ftp://issuer.example/jwks', 'https://'],
    ['file:///etc/jwks.json', 'https://'],
    ['https://user:secret@issuer.example/jwks', 'no user and no password'],
    ['issuer.example/jwks', 'no URL'],
  ])('%s', async (url, text) => {
    const opening = openVerifying([], { jwks: { kind: 'url', url } });
    await expect(opening).rejects.toMatchObject({ code: 'KEYS_URL_REFUSED' });
    await expect(opening).rejects.toThrow(text);
    await expect(opening).rejects.not.toThrow('secret');
  });
});

type Response = Parameters<Extract<IssuerAnswer, (response: never) => void>>[0];

function redirect(response: Response, location: string): void {
  response.writeHead(302, { location }).end();
}

function pour(response: Response): void {
  response.writeHead(200);
  const more = () => {
    while (!response.destroyed && response.write(' '.repeat(16 * 1024)));
  };
  response.on('drain', more);
  more();
}
