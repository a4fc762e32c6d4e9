// Pages of other origins: they may call where their origin is named, with a credential of their own,
// and nowhere else.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { http } from '../support/http.js';
import { AUTH_ON, bearer, bootstrapKey } from '../support/keys.js';
import { type Running, start } from '../support/service.js';

const CONSOLE = 'https://console.example';
const NAMED = ['--http-cors-origins', `${CONSOLE},http://localhost:3000`];
const ELSEWHERE = 'https://elsewhere.example';

let open: Running;
let closed: Running;
let key: Readonly<Record<string, string>>;

beforeAll(async () => {
  open = await start({ flags: [...AUTH_ON, ...NAMED] });
  closed = await start();
  key = bearer(bootstrapKey(open));
});
afterAll(() => Promise.all([open.stop(), closed.stop()]));

const preflight = (running: Running, origin: string, path = '/v1/orgs/acme/usage:record') => {
  const headers = {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type,idempotency-key',
  };
  return http(running, 'OPTIONS', path, { headers });
};
const allowed = 'access-control-allow-origin';

test.each([CONSOLE, 'http://localhost:3000'])('a page of %s may send calls', async (origin) => {
  const { status, headers, bytes } = await preflight(open, origin);
  expect([status, bytes.length, headers[allowed]]).toEqual([204, 0, origin]);
  expect(headers['access-control-allow-methods']).toBe('GET, POST, PUT, PATCH, DELETE');
  const named = String(headers['access-control-allow-headers']).split(', ');
  expect(named).toEqual(expect.arrayContaining(['authorization', 'content-type']));
  expect(named).toEqual(expect.arrayContaining(['idempotency-key', 'if-match', 'x-api-key']));
  expect(headers['access-control-max-age']).toBe('600');
});

test('it reads the answer, the refusal, and the headers that matter', async () => {
  const good = await http(open, 'GET', '/v1/whoami', { headers: { ...key, origin: CONSOLE } });
  const bad = await http(open, 'GET', '/v1/whoami', { headers: { origin: CONSOLE } });
  const older = await http(open, 'GET', '/admin/billing/quota', { headers: { origin: CONSOLE } });
  expect([good.status, bad.status, older.status]).toEqual([200, 401, 401]);
  for (const { headers } of [good, bad, older]) {
    expect(headers[allowed]).toBe(CONSOLE);
    expect(headers['access-control-expose-headers']).toBe('etag, retry-after, x-request-id');
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
  }
});

test('a page of another origin is not told that it may', async () => {
  for (const origin of [ELSEWHERE, `${CONSOLE}.evil.example`, 'null', CONSOLE.toUpperCase()]) {
    expect((await preflight(open, origin)).headers).not.toHaveProperty(allowed);
    const headers = { ...key, origin };
    expect((await http(open, 'GET', '/v1/whoami', { headers })).headers).not.toHaveProperty(
      allowed,
    );
  }
});

test('what a cache keeps is kept for each origin alone', async () => {
  const { headers } = await http(open, 'GET', '/openapi.json', { headers: { origin: CONSOLE } });
  expect(headers['vary']).toBe('Origin, accept-encoding');
});

test('OPTIONS that no browser asks has the form of any other refusal', async () => {
  const { status, headers, json } = await http(open, 'OPTIONS', '/v1/orgs/acme/usage:record');
  expect([status, headers['allow'], json.code]).toEqual([405, 'POST', 12]);
});

test('by default nothing is allowed, and a preflight is refused', async () => {
  const asked = await preflight(closed, CONSOLE);
  expect([asked.status, asked.headers['allow']]).toEqual([405, 'POST']);
  const answer = await http(closed, 'GET', '/v1/whoami', { headers: { origin: CONSOLE } });
  for (const { headers } of [answer, asked]) {
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
});
