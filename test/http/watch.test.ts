// An organisation's usage as server-sent events: complete, in order, and only for those who may.

import { describe, expect, onTestFinished, test } from 'vitest';
import type { Config } from '../../src/config.js';
import { limits } from '../../src/limits.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold, time } from '../support/cold.js';
import { http } from '../support/http.js';
import { AUTH_ON, bearer, bootstrapKey, makeKey } from '../support/keys.js';
import { until } from '../support/notifying.js';
import { ask, event } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { type Watching, watch } from '../support/watching.js';

async function service(flags: readonly string[] = [], change: Partial<Config> = {}) {
  const clock: TestClock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ clock, flags, change });
  onTestFinished(async () => {
    await running.stop();
    expect(running.fatal).toEqual([]);
  });
  return { running, clock };
}

/** Much is recorded at once: it need not wait for the next journal file. */
const LARGE = { segmentBytes: limits.segmentBytes };

async function use(running: Running, eventId: string, orgId = 'acme'): Promise<bigint> {
  const given = {
    orgId,
    eventId,
    meter: 'executions',
    quantity: '2',
    dimensions: { tool: 'search' },
  };
  return (await ask(running, 'record', { event: event(given) })).sequence;
}

const EACH = { orgId: 'acme', meter: 'executions', quantity: '1' };

/** Events that each say 4 KB of labels. */
async function useMuch(running: Running, from: number, count: number): Promise<void> {
  const labels = Array.from({ length: 16 }, (_, i) => [`k${i}`, 'x'.repeat(250)] as const);
  const events = Array.from({ length: count }, (_, i) =>
    event({ ...EACH, eventId: `e-${from + i}`, dimensions: labels }),
  );
  await ask(running, 'recordBatch', { orgId: 'acme', events });
}

async function idsOf(watching: Watching, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) ids.push((await watching.next())?.data.event_id ?? 'none');
  return ids;
}

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `e-${i}`);
const watchers = async ({ core }: Running) => core.watchers.count;

describe('who watches', () => {
  test('is told each event of the organisation once it is durable, and of no other', async () => {
    const { running } = await service();
    await use(running, 'before');
    const watching = await watch(running);
    expect(watching.status).toBe(200);
    expect(watching.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    });
    expect((await watching.block())?.text).toMatch(/^retry: 2000\nid: \d+$/);
    await use(running, 'other', 'bolt');
    const sequence = await use(running, 'a');
    expect(await watching.next()).toMatchObject({
      event: 'usage',
      id: `${sequence}`,
      data: {
        event_id: 'a',
        meter: 'executions',
        quantity: '2',
        sequence: `${sequence}`,
        event_time: '2026-11-20T12:00:00Z',
        recorded_time: '2026-11-20T12:00:00Z',
        dimensions: { tool: 'search' },
      },
    });
    // A repeat records nothing.
    await use(running, 'a');
    await use(running, 'b');
    expect(await idsOf(watching, 1)).toEqual(['b']);
  });

  test.each([
    ['Last-Event-ID', (id: bigint) => ({ headers: { 'last-event-id': `${id}` } })],
    ['the address', (id: bigint) => ({ query: `?after=${id}` })],
    [
      'both, by the header',
      (id: bigint) => ({ query: '?after=0', headers: { 'last-event-id': `${id}` } }),
    ],
  ])('goes on after the event that %s names', async (_what, given) => {
    const { running } = await service();
    const known = await use(running, 'known');
    await use(running, 'e-0');
    await use(running, 'other', 'bolt');
    await use(running, 'e-1');
    const watching = await watch(running, given(known));
    await use(running, 'e-2');
    expect(await idsOf(watching, 3)).toEqual(numbered(3));
  });

  test('is told everything once and in order, while much is recorded and before it is durable', async () => {
    const { running } = await service();
    const recorded: Promise<bigint>[] = [];
    for (let i = 0; i < 300; i++) recorded.push(use(running, `e-${i}`));
    const watchings = await Promise.all([1, 2, 3].map(() => watch(running, { query: '?after=0' })));
    for (let i = 300; i < 400; i++) recorded.push(use(running, `e-${i}`));
    const sequences = (await Promise.all(recorded)).map(String);
    for (const watching of watchings) {
      const told: string[] = [];
      while (told.length < 400) told.push((await watching.next())?.id ?? 'none');
      expect(told).toEqual(sequences.sort((a, b) => Number(a) - Number(b)));
    }
  });

  test('after a restart goes on where the connection broke', async () => {
    const { running } = await service();
    const first = await watch(running);
    await use(running, 'e-0');
    const last = (await first.next())?.id ?? '';
    await use(running, 'e-1');
    const again = await running.restart();
    try {
      const second = await watch(again, { headers: { 'last-event-id': last } });
      expect(await idsOf(second, 1)).toEqual(['e-1']);
    } finally {
      await again.stop();
    }
  });

  test('hears of a gap where the last event is out of reach, then of what comes', async () => {
    const { running } = await service();
    const last = await use(running, 'a');
    const watching = await watch(running, { query: '?after=123456789' });
    expect(await watching.next()).toMatchObject({
      event: 'gap',
      data: { after: '123456789', through: `${last}` },
    });
    await use(running, 'b');
    expect(await idsOf(watching, 1)).toEqual(['b']);
  });

  test('is told a batch that is more than may wait, as fast as it reads', async () => {
    const { running } = await service([], LARGE);
    const watching = await watch(running);
    await useMuch(running, 0, 800);
    await useMuch(running, 800, 10);
    expect(await idsOf(watching, 810)).toEqual(numbered(810));
  });

  test('and reads too slowly is cut off, and misses nothing when it comes again', async () => {
    const { running } = await service([], LARGE);
    const slow = await watch(running);
    slow.pause();
    let sent = 0;
    while (running.core.watchers.count > 0) {
      await useMuch(running, sent, 200);
      sent += 200;
    }
    slow.resume();
    let told = 0;
    let last = '';
    for (;;) {
      const said = await slow.next();
      if (said?.event !== 'usage') {
        expect(said?.event).toBe('lagging');
        break;
      }
      expect(said.data.event_id).toBe(`e-${told++}`);
      last = said.id;
    }
    expect(await slow.next()).toBeUndefined();
    const again = await watch(running, { headers: { 'last-event-id': last } });
    const rest = await idsOf(again, sent - told);
    expect(rest).toEqual(numbered(sent).slice(told));
  });

  test('hears every 15 seconds that there is nothing new, and how far that reaches', async () => {
    const { running, clock } = await service();
    const watching = await watch(running);
    await watching.block();
    const other = await use(running, 'other', 'bolt');
    clock.advance(limits.watchHeartbeatMs);
    expect((await watching.block())?.text).toBe(`: nothing new\nid: ${other}`);
  });
});

describe('a stream ends', () => {
  test('when its key is revoked: nothing is told from the answer on', async () => {
    const { running } = await service(AUTH_ON);
    const { key_id, secret } = await makeKey(running, { org_id: 'acme', roles: ['operator'] });
    const watching = await watch(running, { headers: bearer(secret) });
    const admin = bearer(bootstrapKey(running));
    await cold(running, 'Access', 'RevokeApiKey', { key_id }, admin);
    const body = { event: { event_id: 'a', meter: 'executions', quantity: '1' } };
    const given = { headers: admin, body };
    expect((await http(running, 'POST', '/v1/orgs/acme/usage:record', given)).status).toBe(200);
    expect(await watching.next()).toBeUndefined();
  });

  test('when its key expires', async () => {
    const { running, clock } = await service(AUTH_ON);
    const fields = { org_id: 'acme', roles: ['viewer'], expire_time: time('2026-11-20T12:01:00Z') };
    const { secret } = await makeKey(running, fields);
    const watching = await watch(running, { headers: { 'x-api-key': secret } });
    clock.advance(60_000);
    expect(await watching.next()).toBeUndefined();
    expect(running.core.watchers.count).toBe(0);
  });

  test('when the server stops, without holding it up', async () => {
    const { running } = await service();
    const watching = await watch(running);
    await running.service.close();
    expect(await watching.next()).toBeUndefined();
  });

  test('when its reader goes', async () => {
    const { running } = await service();
    const watching = await watch(running);
    expect(running.core.watchers.count).toBe(1);
    watching.close();
    await until(
      () => watchers(running),
      (count) => count === 0,
    );
    await use(running, 'a');
  });
});

describe('watching is refused', () => {
  test('to who has no credential, or one of another organisation', async () => {
    const { running } = await service(AUTH_ON);
    expect((await watch(running)).status).toBe(401);
    const { secret } = await makeKey(running, { org_id: 'bolt', roles: ['owner'] });
    expect((await watch(running, { headers: bearer(secret) })).status).toBe(403);
    const team = await makeKey(running, { roles: ['orchestrator'], allowed_orgs: ['team-*'] });
    const headers = bearer(team.secret);
    expect((await watch(running, { headers })).status).toBe(403);
    expect((await watch(running, { headers, orgId: 'team-1' })).status).toBe(200);
  });

  test('beyond the rate of the credential, of which a stream takes one call', async () => {
    const flags = [...AUTH_ON, '--rate-limit-per-second', '1', '--rate-limit-burst', '1'];
    const { running } = await service(flags);
    const { secret } = await makeKey(running, { org_id: 'acme', roles: ['viewer'] });
    const headers = bearer(secret);
    expect((await watch(running, { headers })).status).toBe(200);
    expect((await watch(running, { headers })).status).toBe(429);
  });

  test('to more than may watch one organisation, until one of them goes', async () => {
    const { running } = await service();
    const open = await Promise.all(
      Array.from({ length: limits.watchersPerOrg }, () => watch(running)),
    );
    expect((await watch(running)).status).toBe(429);
    expect((await watch(running, { orgId: 'bolt' })).status).toBe(200);
    open[0]?.close();
    await until(
      () => watchers(running),
      (count) => count === limits.watchersPerOrg,
    );
    expect((await watch(running)).status).toBe(200);
  });

  test.each([
    ['GET', '?after=x', {}, 400],
    ['GET', '?after=1&after=2', {}, 400],
    ['GET', '?since=1', {}, 400],
    ['GET', '', { 'last-event-id': '-1' }, 400],
    ['POST', '', {}, 405],
  ] as const)('%s %s %j with %i', async (method, query, headers, status) => {
    const { running } = await service();
    const path = `/v1/orgs/acme/usage:watch${query}`;
    expect((await http(running, method, path, { headers })).status).toBe(status);
  });
});
