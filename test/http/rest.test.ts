// The REST face: what the README shows, and how HTTP's own words are used.

import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createTestClock } from '../support/clock.js';
import { type Given, http } from '../support/http.js';
import { AUTH_ON, bearer, bootstrapKey, makeKey } from '../support/keys.js';
import { type Running, start } from '../support/service.js';

async function service(
  act: (running: Running) => Promise<void>,
  flags: readonly string[] = [],
): Promise<void> {
  const running = await start({ clock: createTestClock('2026-11-20T12:00:00Z'), flags });
  try {
    await act(running);
    expect(running.fatal).toEqual([]);
  } finally {
    await running.stop();
  }
}

const USAGE = '/v1/orgs/acme/usage';
const event = (event_id: string, more: object = {}) => ({
  event: { event_id, meter: 'executions', quantity: '2', ...more },
});

test('usage is recorded, read and priced over HTTP as over gRPC', () =>
  service(async (running) => {
    const first = await http(running, 'POST', `${USAGE}:record`, { body: event('a') });
    expect(first.status).toBe(200);
    expect(first.json).toMatchObject({
      outcome: 'OUTCOME_RECORDED',
      event_id: 'a',
      quantity: '2',
      recorded_time: '2026-11-20T12:00:00Z',
      message: '',
      quotas: [{ meter: 'executions', used: '2', thresholds_crossed: [], scope: {} }],
    });
    expect(typeof first.json.sequence).toBe('string');
    const again = await http(running, 'POST', `${USAGE}:record`, { body: event('a') });
    expect(again.json.outcome).toBe('OUTCOME_DUPLICATE');
    const read = await http(running, 'GET', `${USAGE}?meters=executions&meters=agents`);
    expect(read.json.totals).toMatchObject([
      { meter: 'agents', quantity: '0', event_count: '0' },
      { meter: 'executions', quantity: '2', event_count: '1' },
    ]);
    const { json } = await http(running, 'GET', `${USAGE}/events?page_size=1`);
    expect(json.events).toMatchObject([{ event_id: 'a', meter: 'executions', quantity: '2' }]);
  }));

test('either spelling of a field is taken, and null is absent', () =>
  service(async (running) => {
    const body = {
      event: { eventId: 'b', meter: 'run_units', run: { cpuSeconds: 0.5, latency_ms: null } },
      enforceQuota: true,
      validate_only: null,
    };
    const { json } = await http(running, 'POST', `${USAGE}:record`, { body });
    expect(json).toMatchObject({ outcome: 'OUTCOME_RECORDED', quantity: '0.6' });
  }));

test('a denial is data, or 429 where the caller asks for it', () =>
  service(async (running) => {
    const body = { items: [{ meter: 'run_units', quantity: '1000' }] };
    const data = await http(running, 'POST', '/v1/orgs/acme/quota:check', { body });
    expect(data).toMatchObject({ status: 200, json: { allowed: false } });
    const headers = { 'tollgate-deny-as-error': 'true' };
    const refused = await http(running, 'POST', '/v1/orgs/acme/quota:check', { body, headers });
    expect(refused.status).toBe(429);
    expect(refused.json.details[0]).toMatchObject({ reason: 'QUOTA_EXCEEDED' });
  }));

const BAD: readonly [what: string, method: string, path: string, given: Given, field: string][] = [
  ['an unknown field', 'POST', `${USAGE}:record`, { body: { evnt: {} } }, 'evnt'],
  ['a field in depth', 'POST', `${USAGE}:record`, { body: event('c', { x: 1 }) }, 'event.x'],
  [
    'a number for text',
    'POST',
    `${USAGE}:record`,
    { body: event('c', { quantity: 2 }) },
    'event.quantity',
  ],
  ['two of a group', 'POST', `${USAGE}:record`, { body: event('c', { run: {} }) }, 'event.run'],
  [
    'an unknown name',
    'POST',
    `${USAGE}:record`,
    { body: { ...event('c'), durability: 'X' } },
    'durability',
  ],
  [
    'no text of a map',
    'POST',
    `${USAGE}:record`,
    { body: event('c', { dimensions: { a: 1 } }) },
    'event.dimensions["a"]',
  ],
  ['half a character', 'POST', `${USAGE}:record`, { body: event('\ud800') }, 'event.event_id'],
  [
    'a bad time',
    'POST',
    `${USAGE}:record`,
    { body: event('c', { event_time: '2026-11-31T00:00:00Z' }) },
    'event.event_time',
  ],
  ['an array', 'POST', `${USAGE}:record`, { body: [] }, 'body'],
  ['no JSON', 'POST', `${USAGE}:record`, { body: '{"event":' }, 'body'],
  [
    'another organisation',
    'POST',
    `${USAGE}:record`,
    { body: event('c', { org_id: 'bolt' }) },
    'event.org_id',
  ],
  [
    'a bad quantity',
    'POST',
    `${USAGE}:record`,
    { body: event('c', { quantity: '-1' }) },
    'event.quantity',
  ],
  ['an unknown parameter', 'GET', `${USAGE}?metres=x`, {}, 'metres'],
  ['a parameter twice', 'GET', `${USAGE}?period=2026-11&period=2026-10`, {}, 'period'],
  ['a bad number', 'GET', `${USAGE}/events?page_size=many`, {}, 'page_size'],
  [
    'a parameter beside a body',
    'POST',
    `${USAGE}:record?durability=1`,
    { body: event('c') },
    'durability',
  ],
];

test.each(BAD)('%s is 400, and its field is named', (_what, method, path, given, field) =>
  service(async (running) => {
    const before = running.core.journal.lastSequence();
    const { status, json } = await http(running, method, path, given);
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 3, details: [{ reason: 'FIELD_INVALID' }, {}] });
    const fields = json.details[1].field_violations.map((each: { field: string }) => each.field);
    expect(fields).toEqual([field]);
    expect(running.core.journal.lastSequence()).toBe(before);
  }),
);

const STRANGE: readonly [
  what: string,
  method: string,
  path: string,
  given: Given,
  status: number,
][] = [
  ['an unknown path', 'GET', '/v1/nothing', {}, 404],
  ['a path outside', 'GET', '/admin', {}, 404],
  ['an unknown verb', 'POST', `${USAGE}:forget`, { body: {} }, 404],
  ['a word that begins like one', 'POST', '/v1/orgs/acme/usageEVIL', { body: {} }, 404],
  ['a verb of another object', 'POST', '/v1/orgs/acme/invoices/inv_1:record', { body: {} }, 404],
  ['an empty part', 'GET', '/v1/orgs//usage', {}, 404],
  ['another method', 'DELETE', USAGE, {}, 405],
  ['a percent sign', 'GET', '/v1/orgs/a%zz/usage', {}, 400],
  [
    'text',
    'POST',
    `${USAGE}:record`,
    { body: '{}', headers: { 'content-type': 'text/plain' } },
    415,
  ],
  [
    'a form',
    'POST',
    `${USAGE}:record`,
    { body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    415,
  ],
  ['5 MiB', 'POST', `${USAGE}:record`, { body: `"${'x'.repeat(5 * 1024 * 1024)}"` }, 413],
];

test.each(STRANGE)(
  '%s is refused in the form of every refusal',
  (_what, method, path, given, status) =>
    service(async (running) => {
      const answer = await http(running, method, path, given);
      expect(answer.status).toBe(status);
      expect(answer.json).toMatchObject({
        code: expect.any(Number),
        message: expect.any(String),
        details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', domain: 'tollgate.dev' }],
      });
      if (status === 405) expect(answer.headers['allow']).toBe('GET');
    }),
);

test('a name with a slash and a colon is encoded in the path', () =>
  service(async (running) => {
    const body = { reservation_id: 'a/b:c', items: [{ meter: 'executions', quantity: '1' }] };
    const held = await http(running, 'POST', '/v1/orgs/acme/reservations', { body });
    expect(held.json.granted).toBe(true);
    const path = '/v1/orgs/acme/reservations/a%2Fb%3Ac';
    expect((await http(running, 'GET', path)).json.reservation.reservation_id).toBe('a/b:c');
    const released = await http(running, 'POST', `${path}:release`, { body: {} });
    expect(released.json.reservation.state).toBe('RESERVATION_STATE_RELEASED');
  }));

describe('an idempotency key', () => {
  test('is the id of an event, of a hold, of a change', () =>
    service(async (running) => {
      const headers = { 'idempotency-key': 'step-1' };
      const body = { event: { meter: 'executions' } };
      const recorded = await http(running, 'POST', `${USAGE}:record`, { body, headers });
      expect(recorded.json).toMatchObject({ event_id: 'step-1', outcome: 'OUTCOME_RECORDED' });
      const again = await http(running, 'POST', `${USAGE}:record`, { body, headers });
      expect(again.json.outcome).toBe('OUTCOME_DUPLICATE');
      const items = [{ meter: 'executions', quantity: '1' }];
      const hold = { body: { items }, headers };
      expect((await http(running, 'POST', '/v1/orgs/acme/reservations', hold)).status).toBe(200);
      const path = '/v1/orgs/acme/reservations/step-1';
      expect((await http(running, 'GET', path)).status).toBe(200);
      const organization = { body: { organization: { org_id: 'new' } }, headers };
      const made = await http(running, 'POST', '/v1/orgs', organization);
      expect((await http(running, 'POST', '/v1/orgs', organization)).json).toEqual(made.json);
    }));

  test('that is another than the field says is refused, and so is one for a batch', () =>
    service(async (running) => {
      const headers = { 'idempotency-key': '"one"' };
      const other = await http(running, 'POST', `${USAGE}:record`, { body: event('two'), headers });
      expect(other).toMatchObject({ status: 400 });
      const batch = { body: { events: [event('x').event] }, headers };
      const refused = await http(running, 'POST', `${USAGE}:recordBatch`, batch);
      expect(refused.json.message).toContain('event_id');
    }));
});

test('etag and if-match are the version of an object', () =>
  service(async (running) => {
    await http(running, 'POST', '/v1/orgs', { body: { organization: { org_id: 'acme' } } });
    const read = await http(running, 'GET', '/v1/orgs/acme');
    const etag = String(read.headers['etag']);
    expect(etag).toBe(`"${read.json.organization.etag}"`);
    const same = await http(running, 'GET', '/v1/orgs/acme', {
      headers: { 'if-none-match': etag },
    });
    expect(same).toMatchObject({ status: 304, bytes: Buffer.alloc(0) });
    const change = (display_name: string) =>
      http(running, 'PATCH', '/v1/orgs/acme', {
        body: { organization: { display_name }, update_mask: 'displayName' },
        headers: { 'if-match': etag },
      });
    expect((await change('A')).json.organization).toMatchObject({ display_name: 'A' });
    const stale = await change('B');
    expect(stale.status).toBe(412);
    expect(stale.json.details[0].reason).toBe('ETAG_MISMATCH');
  }));

test('every answer has the id of its request: the caller’s own, or a new one', () =>
  service(async (running) => {
    const own = { headers: { 'x-request-id': 'trace-7/4' } };
    expect((await http(running, 'GET', USAGE, own)).headers['x-request-id']).toBe('trace-7/4');
    const bad = { headers: { 'x-request-id': 'x'.repeat(129) } };
    for (const given of [{}, bad]) {
      const answer = await http(running, 'GET', '/v1/nothing', given);
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  }));

test('a long answer is compressed for a caller that takes it, and for no other', () =>
  service(async (running) => {
    const plain = await http(running, 'GET', '/v1/plans');
    expect(plain.headers['content-encoding']).toBeUndefined();
    const packed = await http(running, 'GET', '/v1/plans', {
      headers: { 'accept-encoding': 'br, gzip' },
    });
    expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding' });
    expect(gunzipSync(packed.bytes)).toEqual(plain.bytes);
    const refused = await http(running, 'GET', '/v1/plans', {
      headers: { 'accept-encoding': 'gzip;q=0, *;q=0' },
    });
    expect(refused.headers['content-encoding']).toBeUndefined();
  }));

test('the PDF of an invoice is a file, or JSON for a caller that wants it', () =>
  service(
    async (running) => {
      await http(running, 'POST', `${USAGE}:record`, {
        body: {
          event: { meter: 'service_usage', quantity: '1', event_time: '2026-10-20T00:00:00Z' },
        },
      });
      const generated = await http(running, 'POST', '/v1/orgs/acme/invoices:generate', {
        body: {
          period_start: '2026-10-01T00:00:00Z',
          period_end: '2026-11-01T00:00:00Z',
          finalize: true,
        },
      });
      expect(generated.json).toMatchObject({ invoice: { org_id: 'acme' } });
      const path = `/v1/invoices/${generated.json.invoice.invoice_id}/pdf`;
      const file = await http(running, 'GET', path);
      expect(file.headers).toMatchObject({ 'content-type': 'application/pdf' });
      expect(file.bytes.subarray(0, 5).toString()).toBe('%PDF-');
      const json = await http(running, 'GET', path, { headers: { accept: 'application/json' } });
      expect(Buffer.from(json.json.pdf, 'base64')).toEqual(file.bytes);
    },
    ['--invoice-grace', '366d'],
  ));

describe('with authentication', () => {
  test('a call needs a credential, and one without the right is refused', () =>
    service(async (running) => {
      const none = await http(running, 'GET', USAGE);
      expect(none).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
      expect(none.json.details[0].reason).toBe('CREDENTIAL_MISSING');
      const { secret } = await makeKey(running, { org_id: 'acme', roles: ['viewer'] });
      const read = await http(running, 'GET', USAGE, { headers: { 'x-api-key': secret } });
      expect(read.status).toBe(200);
      const write = { body: event('a'), headers: bearer(secret) };
      const refused = await http(running, 'POST', `${USAGE}:record`, write);
      expect(refused).toMatchObject({ status: 403, json: { code: 7 } });
      const foreign = await http(running, 'GET', '/v1/orgs/bolt/usage', {
        headers: bearer(secret),
      });
      expect(foreign.json.details[0].reason).toBe('ORG_MISMATCH');
    }, AUTH_ON));

  test('the audit log has the address that a change came from', () =>
    service(async (running) => {
      const headers = bearer(bootstrapKey(running));
      await http(running, 'POST', '/v1/orgs', {
        body: { organization: { org_id: 'acme' } },
        headers,
      });
      const path = '/v1/admin/audit-entries?org_id=acme';
      const { json } = await http(running, 'GET', path, { headers });
      expect(json.entries[0].source_address).toMatch(/^127\.0\.0\.1:\d+$/);
    }, AUTH_ON));
});
