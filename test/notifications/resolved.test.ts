import { expect, test } from 'vitest';
import { catalogueYaml } from '../support/catalogue.js';
import { cold, type Json } from '../support/cold.js';
import { crashImage } from '../support/crash-image.js';
import {
  advance,
  deliveries,
  endpoint,
  HUNDRED_A_MONTH,
  type Notifying,
  startNotifying,
  until,
  useTokens,
} from '../support/notifying.js';
import { openReceiver, type Receiver } from '../support/receiver.js';
import { start } from '../support/service.js';

const DAY_MS = 86_400_000;

const yaml = catalogueYaml({
  plans: `
    - id: free
      quotas:
        - {key: month, meter: tokens, limit: 100}
        - {key: run, meter: peak, limit: 10, window: LIFETIME, scope: [run], thresholds: [50]}
        - {key: first, meter: calls, limit: 10, window: FIXED_FROM_FIRST_USE, window_length: 1h}
        - {key: seats, meter: seats, limit: 10, window: LIFETIME}
    - id: more
      quotas:
        - {key: month, meter: tokens, limit: 110}
        - {key: seats, meter: seats, window: LIFETIME}
    - {id: none}`,
});

/** "reached month 80", "resolved month 80 new_window". */
function told({ received }: Receiver): string[] {
  return received.map(({ json: { type, data } }) => {
    const what = type.replace('quota.threshold_', '');
    return [what, data.quota_key, data.percent, data.cleared_by ?? ''].join(' ').trim();
  });
}

async function begin(more: object = {}): Promise<Notifying & { receiver: Receiver }> {
  const receiver = await openReceiver();
  const one = await startNotifying({ yaml, ...more });
  await endpoint(one.running, receiver.url);
  return { ...one, receiver };
}

const organisation = (running: Notifying['running'], method: string, plan: string) =>
  cold(running, 'Organization', method, { organization: { org_id: 'acme', plan } });

async function noneOpen({ running }: Notifying): Promise<void> {
  await until(
    () => running.core.ledger.get('alerts', 'acme', ''),
    (stored) => stored === undefined,
  );
}

test('a new window resolves what was reached in the one before, without any event', async () => {
  const one = await begin();
  await useTokens(one.running, 'acme', 96);
  await one.receiver.got(2);
  await advance(one, 10 * DAY_MS);
  await one.receiver.got(2);
  await advance(one, DAY_MS);
  const all = await one.receiver.got(4);
  expect(told(one.receiver).sort()).toEqual([
    'reached month 80',
    'reached month 95',
    'resolved month 80 new_window',
    'resolved month 95 new_window',
  ]);
  const at = (type: string, percent: number): Json =>
    all.find(({ json }) => json.type === type && json.data.percent === percent)?.json;
  const reached = at('quota.threshold_reached', 80);
  expect(at('quota.threshold_resolved', 80).data).toEqual({
    org_id: 'acme',
    meter: 'tokens',
    quota_key: 'month',
    percent: 80,
    limit: '100',
    window: 'CALENDAR_MONTH',
    window_length_seconds: null,
    window_start: '2026-11-01T00:00:00.000Z',
    scope: {},
    match: {},
    cleared_by: 'new_window',
    reached_notification_id: reached.id,
  });
  await noneOpen(one);
});

test('another limit resolves what it clears, and leaves what it does not', async () => {
  const one = await begin();
  const { running, receiver } = one;
  await useTokens(running, 'acme', 96);
  await receiver.got(2);
  // 96 of 110 are 87 %.
  await organisation(running, 'UpdateOrganization', 'more');
  await receiver.got(3);
  expect(told(receiver).at(-1)).toBe('resolved month 95 limit_changed');
  await useTokens(running, 'acme', 1);
  await receiver.got(4);
  expect(told(receiver).at(-1)).toBe('reached month 80');
  await organisation(running, 'UpdateOrganization', 'none');
  await receiver.got(5);
  expect(told(receiver).at(-1)).toBe('resolved month 80 rule_removed');
  await noneOpen(one);
  expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(5);
});

test('a window that opens with its first use resolves when it is over', async () => {
  const one = await begin();
  for (let i = 0; i < 8; i++) {
    await useTokens(one.running, 'acme', 1, { meter: 'calls', quantity: undefined });
  }
  await one.receiver.got(1);
  await advance(one, 3_600_000);
  await one.receiver.got(2);
  expect(told(one.receiver)).toEqual(['reached first 80', 'resolved first 80 new_window']);
});

test('a scope that was idle for long starts again', async () => {
  const one = await begin();
  const { running, receiver } = one;
  const peak = { meter: 'peak', dimensions: { run: 'r-1' } };
  await useTokens(running, 'acme', 6, peak);
  const [reached] = await receiver.got(1);
  expect(reached?.json.data).toMatchObject({ scope: { run: 'r-1' }, window_start: null });
  await advance(one, 7 * DAY_MS + 1);
  await receiver.got(2);
  expect(told(receiver)).toEqual(['reached run 50', 'resolved run 50 idle']);
  await useTokens(running, 'acme', 6, peak);
  await receiver.got(3);
});

test('a level that falls resolves nothing, another limit does', async () => {
  const one = await begin();
  const { running, receiver } = one;
  const seats = (level: number) => useTokens(running, 'acme', level, { meter: 'seats' });
  await seats(9);
  await receiver.got(1);
  await seats(1);
  await seats(9);
  await organisation(running, 'UpdateOrganization', 'more');
  await receiver.got(2);
  expect(told(receiver)).toEqual(['reached seats 80', 'resolved seats 80 limit_changed']);
});

test('an event ahead of its time is not resolved before its window was', async () => {
  const one = await begin();
  const { running, receiver, clock } = one;
  await advance(one, Date.parse('2026-11-30T23:58:00Z') - clock.wallMs());
  await useTokens(running, 'acme', 85, { at: '2026-12-01T00:01:00Z' });
  const [reached] = await receiver.got(1);
  expect(reached?.json.data.window_start).toBe('2026-12-01T00:00:00.000Z');
  await advance(one, DAY_MS);
  await useTokens(running, 'bolt', 85);
  await receiver.got(2);
  expect(told(receiver)).toEqual(['reached month 80', 'reached month 80']);
  await advance(one, 31 * DAY_MS);
  await receiver.got(4);
});

test('what was open at a crash is resolved after it, once', async () => {
  const one = await begin({ yaml: HUNDRED_A_MONTH });
  const { running, receiver, clock } = one;
  await useTokens(running, 'acme', 96);
  await receiver.got(2);
  await until(
    () => deliveries(running),
    (all) => all.every(({ state }) => state === 'DELIVERY_STATE_DELIVERED'),
  );
  const before = crashImage(running);
  await advance(one, 11 * DAY_MS);
  await receiver.got(4);
  const after = crashImage(running);
  for (const directory of [before, after]) {
    const again = await start({ directory, clock, yaml: HUNDRED_A_MONTH });
    await until(
      () => again.core.ledger.get('alerts', 'acme', ''),
      (stored) => stored === undefined,
    );
    await until(
      () => deliveries(again),
      (all) => all.length === 4 && all.every(({ attempts }) => attempts > 0),
    );
    await again.stop();
  }
  const ids = receiver.received.map(({ id, json }) => `${json.type} ${json.data.percent} ${id}`);
  expect(new Set(ids).size).toBe(4);
});

test('a budget in money has thresholds too', async () => {
  const plans = `
    - id: free
      quotas: [{key: budget, meter: spend, limit: 10}]
      prices: [{meter: tokens, unit_price: 1}]`;
  const one = await begin({ yaml: catalogueYaml({ plans }) });
  await useTokens(one.running, 'acme', 9);
  const [reached] = await one.receiver.got(1);
  expect(reached?.json.data).toMatchObject({ meter: 'spend', limit: '10', percent: 80 });
  await advance(one, 11 * DAY_MS);
  // The invoice of the month comes with it.
  await one.receiver.got(3);
  expect(told(one.receiver)).toContain('resolved budget 80 new_window');
});

test('many that end at once are all told of', async () => {
  const receiver = await openReceiver();
  const one = await startNotifying();
  const { running } = one;
  await endpoint(running, receiver.url, { event_types: ['quota.threshold_resolved'] });
  const orgs = Array.from({ length: 120 }, (_, i) => `org-${i}`);
  await Promise.all(orgs.map((org) => useTokens(running, org, 96)));
  const open = async () => {
    const page = await running.core.ledger.list({ kind: 'alerts', order: 'oldest', limit: 1000 });
    return page.records.flatMap(({ value }) => value.open).length;
  };
  await until(open, (count) => count === 240);
  await advance(one, 11 * DAY_MS);
  const all = await receiver.got(240);
  expect(new Set(all.map(({ json }) => `${json.data.org_id} ${json.data.percent}`)).size).toBe(240);
  await until(open, (count) => count === 0);
});

test('nothing is remembered where nobody wants to know of the end', async () => {
  const receiver = await openReceiver();
  const { running } = await startNotifying();
  await endpoint(running, receiver.url, { event_types: ['quota.threshold_reached'] });
  await useTokens(running, 'acme', 96);
  await receiver.got(2);
  expect(await running.core.ledger.get('alerts', 'acme', '')).toBeUndefined();
});
