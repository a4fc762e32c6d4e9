// What HTTP itself refuses on the paths of older systems, in the form that their callers parse.

import { expect, test } from 'vitest';
import { createTestClock } from '../../support/clock.js';
import { type Given, http } from '../../support/http.js';
import { sharedService } from '../../support/shared-service.js';

const { now } = sharedService({ clock: createTestClock('2026-11-20T12:00:00Z') });

const REFUSED: readonly [what: string, verb: string, path: string, given: Given, status: number][] =
  [
    ['another method', 'DELETE', '/admin/billing/quota', {}, 405],
    ['a percent sign', 'GET', '/billing/usage/a%zz', {}, 400],
    ['no JSON', 'POST', '/usage/report', { body: '{"tenant_id":' }, 400],
    ['a list', 'POST', '/usage/report', { body: [] }, 400],
    ['no body', 'POST', '/usage/report', {}, 400],
    [
      'text',
      'POST',
      '/usage/report',
      { body: '{}', headers: { 'content-type': 'text/plain' } },
      415,
    ],
    ['5 MiB', 'POST', '/usage/report', { body: `"${'x'.repeat(5 * 1024 * 1024)}"` }, 413],
    ['a tenant that is none', 'GET', '/billing/usage/a%2Fb', {}, 400],
  ];

test.each(REFUSED)(
  '%s is refused as {"detail": text}',
  async (_what, verb, path, given, status) => {
    const answer = await http(now(), verb, path, given);
    expect(answer.status).toBe(status);
    expect(answer.json).toEqual({ detail: expect.any(String) });
    if (status === 405) expect(answer.headers['allow']).toBe('GET');
  },
);

test.each([
  ['GET', '/admin/billing'],
  ['GET', '/admin/billing/usage/'],
  ['POST', '/api/billing/usage:forget'],
  ['POST', '/api/billing/invoices/inv_1:pay'],
  ['GET', '/api/billing/invoices/a/b'],
  ['GET', '/healthz'],
  ['HEAD', '/nothing'],
])('%s %s is no path of theirs', async (verb, path) => {
  const answer = await http(now(), verb, path);
  expect(answer.status).toBe(404);
  if (verb !== 'HEAD') expect(answer.json).toMatchObject({ code: 5, details: [{}] });
});

test('a long answer is compressed, as on every other path', async () => {
  const { headers } = await http(now(), 'GET', '/api/billing/plans', {
    headers: { 'accept-encoding': 'gzip' },
  });
  expect(headers['vary']).toBe('accept-encoding');
});
