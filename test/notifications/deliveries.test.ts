import { describe, expect, test } from 'vitest';
import {
  advance,
  deliveries,
  endpoint,
  expectSigned,
  notify,
  startNotifying,
  until,
  untilState,
  useTokens,
} from '../support/notifying.js';
import { openReceiver } from '../support/receiver.js';
import { refused } from '../support/refusals.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('a notification', () => {
  test('is posted, signed, and delivered by a 2xx', async () => {
    const receiver = await openReceiver();
    const { running, clock } = await startNotifying();
    const { id, secret } = await endpoint(running, receiver.url);
    await useTokens(running, 'acme', 85, { eventId: 'e-1' });
    const [got] = await receiver.got(1);
    expectSigned(got as never, secret);
    expect(got?.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-timestamp': `${Math.floor(clock.wallMs() / 1000)}`,
    });
    expect(got?.json).toEqual({
      id: got?.id,
      type: 'quota.threshold_reached',
      timestamp: '2026-11-20T12:00:00.000Z',
      data: {
        org_id: 'acme',
        meter: 'tokens',
        quota_key: 'r',
        percent: 80,
        limit: '100',
        window: 'CALENDAR_MONTH',
        window_length_seconds: null,
        window_start: '2026-11-01T00:00:00.000Z',
        scope: {},
        match: {},
        event_id: 'e-1',
        event_time: '2026-11-20T12:00:00.000Z',
      },
    });
    const [delivery] = await untilState(running, 'DELIVERED');
    expect(delivery).toMatchObject({
      notification_id: got?.id,
      endpoint_id: id,
      event_type: 'quota.threshold_reached',
      org_id: 'acme',
      attempts: 1,
      last_status: 204,
      last_error: '',
      next_attempt_time: null,
      payload: got?.body,
    });
  });

  test('of a threshold comes once per window, and again in the next', async () => {
    const receiver = await openReceiver();
    const one = await startNotifying();
    const { running } = one;
    await endpoint(running, receiver.url, { event_types: ['quota.threshold_reached'] });
    for (const quantity of [79, 1, 1, 10, 10]) await useTokens(running, 'acme', quantity);
    await receiver.got(2);
    await advance(one, 15 * DAY_MS);
    await useTokens(running, 'acme', 100);
    const all = await receiver.got(4);
    const told = all.map(({ json: { data } }) => [data.percent, data.window_start.slice(0, 7)]);
    expect(told.map((each) => each.join(' ')).sort()).toEqual([
      '80 2026-11',
      '80 2026-12',
      '95 2026-11',
      '95 2026-12',
    ]);
    expect(new Set(all.map(({ id }) => id)).size).toBe(4);
  });

  test('goes to every endpoint that takes its type, under one id', async () => {
    const [all, quota, invoices] = [
      await openReceiver(),
      await openReceiver(),
      await openReceiver(),
    ];
    const { running } = await startNotifying();
    await endpoint(running, all.url);
    await endpoint(running, quota.url, { event_types: ['quota.threshold_reached'] });
    await endpoint(running, invoices.url, { event_types: ['invoice.finalized'] });
    await useTokens(running, 'acme', 80);
    const [first] = await all.got(1);
    const [second] = await quota.got(1);
    expect(second).toMatchObject({ id: first?.id, body: first?.body });
    await untilState(running, 'DELIVERED');
    expect(await deliveries(running)).toHaveLength(2);
    expect(invoices.received).toEqual([]);
  });

  test('is not stored where there is no endpoint', async () => {
    const { running } = await startNotifying();
    const { core } = running;
    await useTokens(running, 'acme', 100);
    const last = core.journal.lastSequence();
    await until(
      async () => core.notices.position(),
      (position) => position === last,
    );
    expect(core.journal.lastSequence()).toBe(last);
    const receiver = await openReceiver();
    await endpoint(running, receiver.url);
    await useTokens(running, 'bolt', 80);
    const [got] = await receiver.got(1);
    expect(got?.json.data).toMatchObject({ org_id: 'bolt', percent: 80 });
    expect(await deliveries(running)).toHaveLength(1);
  });
});

describe('an attempt that fails', () => {
  test('is repeated, later and later, under the same id', async () => {
    const receiver = await openReceiver(500, 302, 404, 200);
    const one = await startNotifying();
    const { running, clock } = one;
    await endpoint(running, receiver.url);
    await useTokens(running, 'acme', 80);
    const waits: number[] = [];
    for (let attempt = 1; attempt < 4; attempt++) {
      await receiver.got(attempt);
      const [delivery] = await until(
        () => deliveries(running),
        ([each]) => each.attempts === attempt,
      );
      const { seconds, nanos } = delivery.next_attempt_time;
      const waitMs = seconds * 1000 + nanos / 1e6 - clock.wallMs();
      waits.push(waitMs);
      await advance(one, waitMs - 1);
      expect(receiver.received).toHaveLength(attempt);
      await advance(one, 1);
    }
    const all = await receiver.got(4);
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    expect(new Set(all.map(({ body }) => body)).size).toBe(1);
    expect(new Set(all.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(4);
    for (const [i, wholeMs] of [5000, 20_000, 80_000].entries()) {
      expect(waits[i]).toBeGreaterThanOrEqual(wholeMs * 0.8);
      expect(waits[i]).toBeLessThanOrEqual(wholeMs * 1.2);
    }
    const [delivery] = await untilState(running, 'DELIVERED');
    expect(delivery).toMatchObject({ attempts: 4, last_status: 200, last_error: '' });
  });

  test('tells what went wrong', async () => {
    const receiver = await openReceiver(503);
    const { running } = await startNotifying();
    await endpoint(running, receiver.url);
    const closed = await endpoint(running, 'http://127.0.0.1:1/');
    await useTokens(running, 'acme', 80);
    const all = await until(
      () => deliveries(running),
      (found) => found.length === 2 && found.every(({ attempts }) => attempts === 1),
    );
    const of = (id: string) => all.find(({ endpoint_id }) => endpoint_id === id);
    expect(of(closed.id)).toMatchObject({
      state: 'DELIVERY_STATE_PENDING',
      last_status: 0,
      last_error: expect.stringContaining('ECONNREFUSED'),
    });
    expect(all.find(({ endpoint_id }) => endpoint_id !== closed.id)).toMatchObject({
      last_status: 503,
      last_error: 'answered with status 503',
    });
  });

  test('waits as long as the endpoint asks for', async () => {
    const receiver = await openReceiver(
      (response) => response.writeHead(429, { 'retry-after': '600' }).end(),
      200,
    );
    const { running, clock } = await startNotifying();
    await endpoint(running, receiver.url);
    await useTokens(running, 'acme', 80);
    const [delivery] = await until(
      () => deliveries(running),
      ([each]) => each?.attempts === 1,
    );
    expect(delivery.next_attempt_time.seconds).toBe(Math.floor(clock.wallMs() / 1000) + 600);
  });
});

describe('a dead letter', () => {
  async function dead() {
    const receiver = await openReceiver(500);
    const one = await startNotifying();
    const { running } = one;
    const { id } = await endpoint(running, receiver.url);
    await useTokens(running, 'acme', 80);
    for (let attempt = 1; attempt < 12; attempt++) {
      await until(
        () => deliveries(running),
        ([each]) => each?.attempts === attempt,
      );
      await advance(one, 15 * HOUR_MS);
    }
    const [delivery] = await untilState(running, 'DEAD');
    return { ...one, receiver, endpointId: id, delivery };
  }

  test('is what twelve attempts have failed for, and it can be replayed', async () => {
    const { running, receiver, delivery, endpointId } = await dead();
    expect(delivery).toMatchObject({ attempts: 12, next_attempt_time: null });
    const letters = await notify(running, 'ListDeadLetters', { endpoint_id: endpointId });
    expect(letters.deliveries).toEqual([delivery]);
    expect(running.core.metrics.deadLetters.value()).toBe(1);
    expect(running.logLines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ event: 'delivery_dead', delivery_id: delivery.delivery_id }),
    );
    receiver.answer(500, 200);
    const request = { delivery_id: delivery.delivery_id, request_id: 'r-1' };
    const replay = await notify(running, 'ReplayDelivery', request);
    expect(replay.delivery).toMatchObject({ state: 'DELIVERY_STATE_PENDING', attempts: 12 });
    expect(await notify(running, 'ReplayDelivery', request)).toEqual(replay);
    const [again] = await until(
      () => deliveries(running),
      ([each]) => each.attempts === 13,
    );
    expect(again.state).toBe('DELIVERY_STATE_PENDING');
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
  });

  test('cannot be replayed to an endpoint that is disabled or gone', async () => {
    const { running, delivery, endpointId } = await dead();
    const { delivery_id } = delivery;
    const mask = { update_mask: { paths: ['disabled'] } };
    const disable = { endpoint: { endpoint_id: endpointId, disabled: true }, ...mask };
    await notify(running, 'UpdateWebhookEndpoint', disable);
    const replay = () => refused(notify(running, 'ReplayDelivery', { delivery_id }));
    expect(await replay()).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'WEBHOOK_ENDPOINT_DISABLED',
    });
    await notify(running, 'DeleteWebhookEndpoint', { endpoint_id: endpointId });
    const gone = { code: 'NOT_FOUND', reason: 'WEBHOOK_ENDPOINT_NOT_FOUND' };
    expect(await replay()).toMatchObject(gone);
    // One that takes its id is another one.
    await endpoint(running, 'http://127.0.0.1:1/', { endpoint_id: endpointId });
    expect(await replay()).toMatchObject(gone);
    const none = refused(notify(running, 'ReplayDelivery', { delivery_id: 'dlv_none' }));
    expect(await none).toMatchObject({ code: 'NOT_FOUND', reason: 'DELIVERY_NOT_FOUND' });
  });
});

test('a delivery that arrived is replayed under the same id', async () => {
  const receiver = await openReceiver();
  const { running } = await startNotifying();
  await endpoint(running, receiver.url);
  await useTokens(running, 'acme', 80);
  const [delivery] = await untilState(running, 'DELIVERED');
  const { delivery_id, etag } = delivery;
  const stale = refused(notify(running, 'ReplayDelivery', { delivery_id, etag: '1' }));
  expect(await stale).toMatchObject({ code: 'ABORTED', reason: 'ETAG_MISMATCH' });
  await notify(running, 'ReplayDelivery', { delivery_id, etag });
  const [first, second] = await receiver.got(2);
  expect(second).toMatchObject({ id: first?.id, body: first?.body });
});

test('deliveries are listed newest first, by what is asked for', async () => {
  const receiver = await openReceiver(200, 500);
  const one = await startNotifying();
  const { running } = one;
  const { id } = await endpoint(running, receiver.url);
  await useTokens(running, 'acme', 80);
  await untilState(running, 'DELIVERED');
  await advance(one, 1000);
  await useTokens(running, 'bolt', 80);
  await until(
    () => deliveries(running),
    (all) => all.length === 2 && all[0].attempts === 1,
  );
  const orgs = async (filter: object) => {
    return (await deliveries(running, filter)).map(({ org_id }) => org_id);
  };
  const all = await deliveries(running);
  expect(await orgs({})).toEqual(['bolt', 'acme']);
  expect(await orgs({ endpoint_id: id })).toEqual(['bolt', 'acme']);
  expect(await orgs({ endpoint_id: 'other' })).toEqual([]);
  expect(await orgs({ org_id: 'acme' })).toEqual(['acme']);
  expect(await orgs({ state: 'DELIVERY_STATE_PENDING' })).toEqual(['bolt']);
  expect(await orgs({ event_type: 'quota.threshold_reached' })).toEqual(['bolt', 'acme']);
  expect(await orgs({ event_type: 'invoice.paid' })).toEqual([]);
  expect(await orgs({ notification_id: all[0].notification_id })).toEqual(['bolt']);
  expect(await orgs({ start_time: all[0].create_time })).toEqual(['bolt']);
  expect(await orgs({ end_time: all[0].create_time })).toEqual(['acme']);
  const first = await notify(running, 'ListDeliveries', { page_size: 1 });
  expect(first.deliveries).toEqual([all[0]]);
  const page_token = first.next_page_token;
  const second = await notify(running, 'ListDeliveries', { page_size: 1, page_token });
  expect(second.deliveries).toEqual([all[1]]);
  const other = refused(notify(running, 'ListDeliveries', { page_token, org_id: 'acme' }));
  expect(await other).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['page_token'] });
});

test('what was delivered is kept as long as it is said, and what waits longer', async () => {
  const receiver = await openReceiver(200, 500);
  const one = await startNotifying({ flags: ['--delivery-retention-days', '2'] });
  const { running } = one;
  const { id } = await endpoint(running, receiver.url);
  await useTokens(running, 'acme', 80);
  await untilState(running, 'DELIVERED');
  await useTokens(running, 'bolt', 80);
  await until(
    () => deliveries(running),
    (all) => all.length === 2 && all[0].attempts === 1,
  );
  const mask = { update_mask: { paths: ['disabled'] } };
  const disable = { endpoint: { endpoint_id: id, disabled: true }, ...mask };
  await notify(running, 'UpdateWebhookEndpoint', disable);
  await advance(one, 2 * DAY_MS - HOUR_MS);
  expect(await deliveries(running)).toHaveLength(2);
  await advance(one, 2 * HOUR_MS);
  const left = await until(
    () => deliveries(running),
    (all) => all.length === 1,
  );
  expect(left[0]).toMatchObject({ org_id: 'bolt', state: 'DELIVERY_STATE_PENDING' });
});
