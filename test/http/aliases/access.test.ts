// Who may ask the paths of older systems for what, and how often: as with the RPCs behind them.

import { describe, expect, test } from 'vitest';
import { limits } from '../../../src/limits.js';
import { createTestClock } from '../../support/clock.js';
import { cold } from '../../support/cold.js';
import { type Answer, http } from '../../support/http.js';
import { AUTH_ON, bearer, bootstrapKey, makeKey } from '../../support/keys.js';
import { as, older } from '../../support/older.js';
import { sharedService } from '../../support/shared-service.js';

const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org } = sharedService({ clock, flags: AUTH_ON });
const { get, post, put } = older(now);

const PATHS: readonly [verb: string, path: string][] = [
  ['GET', '/admin/billing/usage'],
  ['GET', '/admin/billing/usage/history'],
  ['GET', '/admin/billing/quota'],
  ['GET', '/api/v1/billing/tenants/acme/usage-totals'],
  ['POST', '/api/billing/plans'],
  ['GET', '/api/billing/plans'],
  ['POST', '/api/billing/tenants/acme/subscriptions'],
  ['GET', '/api/billing/tenants/acme/subscriptions'],
  ['PUT', '/api/billing/tenants/acme/quotas/overrides'],
  ['GET', '/api/billing/tenants/acme/quotas/overrides'],
  ['GET', '/api/billing/tenants/acme/quotas'],
  ['POST', '/api/billing/usage:ingest'],
  ['GET', '/api/billing/tenants/acme/usage/summary'],
  ['POST', '/api/billing/tenants/acme/quotas:check'],
  ['POST', '/api/billing/invoices:generate'],
  ['GET', '/api/billing/tenants/acme/invoices'],
  ['GET', '/api/billing/invoices/inv_1'],
  ['POST', '/api/billing/invoices/inv_1:close'],
  ['POST', '/api/billing/invoices/inv_1:void'],
  ['POST', '/usage/report'],
  ['GET', '/billing/usage/acme'],
  ['GET', '/billing/invoice/acme'],
];
/** Bodies that would be taken, and are whatever is asked for. */
const BODY = {
  tenant_id: 'acme',
  plan_code: 'team',
  meter_key: 'executions',
  overrides: [{ quota_key: 'users', quota_limit: 7 }],
  period_start: '2026-10-01',
  period_end: '2026-11-01',
  service: 's',
  usage_type: 't',
  quantity: 1,
};

function ask(verb: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const given = verb === 'GET' ? { headers } : { headers, body: BODY };
  return http(now(), verb, path, given);
}

async function keyOf(org_id: string, ...roles: string[]): Promise<Record<string, string>> {
  return { 'x-api-key': (await makeKey(now(), { org_id, roles })).secret };
}

describe.each(PATHS)('%s %s', (verb, path) => {
  test('needs a key, and one that is valid', async () => {
    expect(await ask(verb, path)).toMatchObject({
      status: 401,
      json: { detail: 'Missing API key' },
      headers: { 'www-authenticate': 'Bearer' },
    });
    for (const key of ['nonsense', `tg_${'a'.repeat(10)}`]) {
      const answer = await ask(verb, path, { 'x-api-key': key });
      expect(answer).toMatchObject({ status: 401, json: { detail: 'Invalid API key' } });
    }
  });
});

describe.each(PATHS.filter(([, path]) => path.includes('acme') || path.endsWith('report')))(
  '%s %s',
  (verb, path) => {
    test('is refused to a key of another organisation', async () => {
      const { status, json } = await ask(verb, path, await keyOf('bolt', 'owner'));
      expect(status).toBe(403);
      expect(json).toEqual({ detail: expect.stringMatching(/organisation "acme"|billing\.admin/) });
    });
  },
);

describe('a role', () => {
  test.each(['owner', 'admin', 'member', 'viewer'])('%s reads', async (role) => {
    const key = await keyOf('acme', role);
    for (const [verb, path] of PATHS) {
      if (verb !== 'GET' || path.includes('inv_1')) continue;
      expect([path, (await ask(verb, path, key)).status]).toEqual([path, 200]);
    }
    const check = await ask('POST', '/api/billing/tenants/acme/quotas:check', key);
    expect(check.status).toBe(200);
  });

  test('viewer changes nothing', async () => {
    const key = await keyOf('acme', 'viewer');
    for (const [verb, path] of PATHS) {
      if (verb === 'GET' || path.endsWith(':check')) continue;
      // What is read first, to be voided, is not there.
      const expected = path.endsWith(':void') ? 404 : 403;
      expect([path, (await ask(verb, path, key)).status]).toEqual([path, expected]);
    }
  });

  test('operator reports usage, and closes no invoice', async () => {
    const key = await keyOf('acme', 'operator');
    expect((await post('/usage/report', BODY, key)).status).toBe(200);
    expect((await post('/api/billing/usage:ingest', BODY, key)).status).toBe(201);
    expect((await post('/api/billing/invoices/inv_1:close', {}, key)).status).toBe(403);
  });
});

describe('the organisation', () => {
  test('is that of the key, whatever the header says', async () => {
    const acme = org();
    const key = await keyOf(acme, 'operator');
    const event = { meter_key: 'run_units', quantity: 2 };
    expect((await post('/api/billing/usage:ingest', event, key)).json.event.tenant_id).toBe(acme);
    const own = await get('/admin/billing/usage', { ...key, ...as('bolt') });
    expect(own.json.total_run_units).toBe(2);
    expect((await get('/admin/billing/quota', key)).json.org_id).toBe(acme);
    const other = await get('/admin/billing/usage', await keyOf(org(), 'viewer'));
    expect(other.json.total_run_units).toBe(0);
  });

  test('of a key for several is named in the header, and must be one of them', async () => {
    const { secret } = await makeKey(now(), { roles: ['orchestrator'], allowed_orgs: ['team-*'] });
    const ask = (headers: object) => get('/admin/billing/usage', { ...bearer(secret), ...headers });
    expect((await ask({})).status).toBe(400);
    expect((await ask(as('team-1'))).status).toBe(200);
    expect(await ask(as('other'))).toMatchObject({
      status: 403,
      json: { detail: expect.stringContaining('other') },
    });
  });
});

test('a refusal is on record, with the method that was refused', async () => {
  const tenant = org();
  const { key_id, secret } = await makeKey(now(), { org_id: tenant, roles: ['viewer'] });
  await get('/billing/usage/elsewhere', bearer(secret));
  await put(`/api/billing/tenants/${tenant}/quotas/overrides`, BODY, bearer(secret));
  await get('/admin/billing/quota');
  const headers = bearer(bootstrapKey(now()));
  const denials = async (): Promise<readonly string[]> => {
    const { entries } = await cold(
      now(),
      'Admin',
      'ListAuditEntries',
      { page_size: 1000 },
      headers,
    );
    return entries.map(
      ({ actor, action }: { actor: string; action: string }) => `${actor} ${action}`,
    );
  };
  const wanted = [
    `key:${key_id} GetUsage`,
    `key:${key_id} PutQuotaOverride`,
    'unknown GET /admin/billing/quota',
  ];
  await expect.poll(denials, { timeout: 10_000 }).toEqual(expect.arrayContaining(wanted));
});

describe('the rate', () => {
  test('of usage reports is bounded for a key of an organisation, and for no other', async () => {
    const key = await keyOf(org(), 'operator');
    const statuses = async (path: string, count: number, headers: Record<string, string>) => {
      const answers = await Promise.all(
        Array.from({ length: count }, () => post(path, {}, headers)),
      );
      return [...new Set(answers.map(({ status }) => status))];
    };
    const half = limits.usageReportsPerMinute / 2;
    // What is wrong with a report is looked at when it may be made.
    for (const path of ['/usage/report', '/api/billing/usage:ingest']) {
      for (let sent = 0; sent < half; sent += 100) {
        expect(await statuses(path, 100, key)).toEqual([400]);
      }
    }
    for (const path of ['/usage/report', '/api/billing/usage:ingest']) {
      expect(await post(path, {}, key)).toMatchObject({
        status: 429,
        headers: { 'retry-after': '1' },
        json: { detail: expect.stringContaining('1000 usage reports a minute') },
      });
    }
    expect((await get('/admin/billing/usage', key)).status).toBe(200);
    expect(await statuses('/usage/report', 1, bearer(bootstrapKey(now())))).toEqual([400]);
    clock.advance(60);
    expect(await statuses('/usage/report', 1, key)).toEqual([400]);
    expect(await statuses('/usage/report', 1, key)).toEqual([429]);
    clock.advance(60_000);
    expect(await statuses('/usage/report', 100, key)).toEqual([400]);
  });
});

test('what a path performs is counted under the RPCs behind it', async () => {
  const key = await keyOf(org(), 'operator');
  const { metrics } = now().core;
  const counted = async (method: string, code: string) => {
    const text = await metrics.render();
    const line = text.match(
      new RegExp(`^tollgate_rpc_total\\{method="${method}",code="${code}"\\} (\\d+)$`, 'm'),
    );
    return Number(line?.[1] ?? 0);
  };
  const before = [await counted('Record', 'OK'), await counted('Record', 'INVALID_ARGUMENT')];
  await post('/usage/report', BODY, await keyOf('acme', 'operator'));
  await post('/usage/report', { ...BODY, tenant_id: null, quantity: '-1' }, key);
  expect([await counted('Record', 'OK'), await counted('Record', 'INVALID_ARGUMENT')]).toEqual(
    before.map((count) => count + 1),
  );
});
