import { describe, expect, test } from 'vitest';
import { redacted } from '../../src/domain/notifications/redacted.js';
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
import { sharedService } from '../support/shared-service.js';

const URL_OF_NOBODY = 'http://127.0.0.1:1/';

describe('the calls about endpoints', () => {
  const { now } = sharedService();
  const call = (method: string, request: object = {}) => notify(now(), method, request);

  test('make one, tell its secret once, read and list it', async () => {
    const given = {
      url: 'https://example.com/hooks?a=b',
      event_types: ['invoice.paid', 'invoice.paid', 'quota.threshold_reached'],
      description: 'Ærø',
    };
    const request = { endpoint: given, request_id: 'make-1' };
    const made = await call('CreateWebhookEndpoint', request);
    expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(made.endpoint).toMatchObject({
      ...given,
      event_types: ['invoice.paid', 'quota.threshold_reached'],
      disabled: false,
      etag: '1',
    });
    expect(await call('CreateWebhookEndpoint', request)).toEqual(made);
    const { endpoint_id } = made.endpoint;
    expect(await call('GetWebhookEndpoint', { endpoint_id })).toEqual({ endpoint: made.endpoint });
    const { endpoints } = await call('ListWebhookEndpoints');
    expect(endpoints).toContainEqual(made.endpoint);
    expect(JSON.stringify(endpoints)).not.toContain('whsec_');
  });

  test('keep the secret out of the log, and out of what is shown of a record', async () => {
    const { id, secret } = await endpoint(now(), URL_OF_NOBODY);
    const stored = await now().core.ledger.get('webhook_endpoint', '', id);
    expect(JSON.stringify(stored)).toContain(secret);
    expect(JSON.stringify(redacted(stored))).not.toContain(secret);
    expect(redacted(stored)).toMatchObject({ value: { endpoint_id: id, url: URL_OF_NOBODY } });
    expect(now().logLines.join('')).not.toContain(secret);
  });

  test('take an id that is given, once', async () => {
    const { id } = await endpoint(now(), URL_OF_NOBODY, { endpoint_id: 'mine' });
    expect(id).toBe('mine');
    expect(await refused(endpoint(now(), URL_OF_NOBODY, { endpoint_id: 'mine' }))).toMatchObject({
      code: 'ALREADY_EXISTS',
      reason: 'WEBHOOK_ENDPOINT_EXISTS',
    });
  });

  test.each([
    ['', 'is required'],
    ['example.com/hook', 'absolute'],
    ['ftp://example.com/', 'absolute'],
    ['//example.com/', 'absolute'],
    ['https://', 'absolute'],
    ['https://user:pw@example.com/', 'user name'],
    ['https://user@example.com/', 'user name'],
    ['https://example.com/#part', 'fragment'],
    ['https://example.com/#', 'fragment'],
    ['https://exa\nmple.com/', 'control'],
    [' https://example.com/', 'blanks'],
    [`https://example.com/${'x'.repeat(2030)}`, '2048'],
    ['http://169.254.169.254/latest/meta-data/', 'link-local'],
    ['http://2852039166/', 'link-local'],
    ['http://[::ffff:169.254.169.254]/', 'link-local'],
    ['http://[fe80::1]/', 'link-local'],
    ['http://[fd00:ec2::254]/', 'link-local'],
    ['http://0.0.0.0/', 'link-local'],
    ['http://[::]/', 'link-local'],
    ['http://224.0.0.1/', 'link-local'],
  ])('refuse the URL %j', async (url, why) => {
    const made = await refused(endpoint(now(), url));
    expect(made).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['endpoint.url'] });
    expect(made.message).toContain(why);
  });

  test.each(['http://localhost:8080/', 'https://10.0.0.1/x', 'http://[::1]:9/', 'HTTPS://EX.com'])(
    'take the URL %j',
    async (url) => {
      await endpoint(now(), url);
    },
  );

  test('name every bad field', async () => {
    const bad = {
      endpoint_id: 'a/b',
      url: 'x',
      event_types: ['invoice.paid', 'invoice.eaten'],
      description: 'x'.repeat(257),
    };
    expect(await refused(call('CreateWebhookEndpoint', { endpoint: bad }))).toMatchObject({
      fields: [
        'endpoint.endpoint_id',
        'endpoint.url',
        'endpoint.event_types[1]',
        'endpoint.description',
      ],
    });
    const many = Array.from({ length: 65 }, () => 'invoice.paid');
    const given = { url: URL_OF_NOBODY, event_types: many };
    expect(await refused(call('CreateWebhookEndpoint', { endpoint: given }))).toMatchObject({
      fields: ['endpoint.event_types'],
    });
    expect(await refused(call('CreateWebhookEndpoint'))).toMatchObject({ fields: ['endpoint'] });
    expect(await refused(call('GetWebhookEndpoint', { endpoint_id: '' }))).toMatchObject({
      fields: ['endpoint_id'],
    });
    expect(await refused(call('ListDeliveries', { state: 9 }))).toMatchObject({
      fields: ['state'],
    });
  });

  test('change the fields of the mask and no other, with the etag of now', async () => {
    const { id } = await endpoint(now(), URL_OF_NOBODY, { description: 'a' });
    const update = (given: object, more: object = {}) =>
      call('UpdateWebhookEndpoint', { endpoint: { endpoint_id: id, ...given }, ...more });
    const mask = (...paths: string[]) => ({ update_mask: { paths } });
    const { endpoint: changed } = await update({ description: 'b' }, mask('description'));
    expect(changed).toMatchObject({ url: URL_OF_NOBODY, description: 'b', etag: '2' });
    expect(await refused(update({ url: 'x' }))).toMatchObject({ fields: ['endpoint.url'] });
    const stale = refused(update({ description: 'c' }, { ...mask('description'), etag: '1' }));
    expect(await stale).toMatchObject({ code: 'ABORTED', reason: 'ETAG_MISMATCH' });
    expect(await refused(update({}, mask('secret')))).toMatchObject({ fields: ['update_mask'] });
  });

  test('say what is not there', async () => {
    const endpoint_id = 'none';
    const refusals = await Promise.all([
      refused(call('GetWebhookEndpoint', { endpoint_id })),
      refused(call('DeleteWebhookEndpoint', { endpoint_id })),
      refused(call('RotateWebhookSecret', { endpoint_id })),
      refused(call('UpdateWebhookEndpoint', { endpoint: { endpoint_id, url: URL_OF_NOBODY } })),
    ]);
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({
        code: 'NOT_FOUND',
        reason: 'WEBHOOK_ENDPOINT_NOT_FOUND',
      });
    }
  });
});

test('there are a hundred at most, also where calls race', async () => {
  const { running } = await startNotifying();
  const calls = Array.from({ length: 105 }, () => endpoint(running, URL_OF_NOBODY));
  const made = await Promise.allSettled(calls);
  expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
  const refusal = await refused(endpoint(running, URL_OF_NOBODY));
  expect(refusal).toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'WEBHOOK_ENDPOINTS_EXHAUSTED',
  });
  const { endpoints } = await notify(running, 'ListWebhookEndpoints', { page_size: 1000 });
  await notify(running, 'DeleteWebhookEndpoint', { endpoint_id: endpoints[0].endpoint_id });
  await endpoint(running, URL_OF_NOBODY);
});

describe('a rotated secret', () => {
  test('signs beside the old one until the overlap ends', async () => {
    const receiver = await openReceiver();
    const one = await startNotifying();
    const { running, clock } = one;
    const { id, secret: old } = await endpoint(running, receiver.url);
    const request = { endpoint_id: id, overlap: { seconds: 3600 }, request_id: 'r-1' };
    const reply = await notify(running, 'RotateWebhookSecret', request);
    expect(reply.old_secret_expire_time.seconds).toBe(clock.wallMs() / 1000 + 3600);
    expect(reply.secret).not.toBe(old);
    expect(await notify(running, 'RotateWebhookSecret', request)).toEqual(reply);
    await useTokens(running, 'acme', 80);
    const [first] = await receiver.got(1);
    expectSigned(first as never, reply.secret, old);
    await advance(one, 3_600_000);
    await useTokens(running, 'acme', 20);
    const [, second] = await receiver.got(2);
    expectSigned(second as never, reply.secret);
  });

  test('without an overlap replaces the old one at once; by default after a day', async () => {
    const receiver = await openReceiver();
    const { running, clock } = await startNotifying();
    const { id } = await endpoint(running, receiver.url);
    const rotate = (more: object) =>
      notify(running, 'RotateWebhookSecret', { endpoint_id: id, ...more });
    const late = await rotate({});
    expect(late.old_secret_expire_time.seconds).toBe(clock.wallMs() / 1000 + 86_400);
    const { secret, old_secret_expire_time: end } = await rotate({ overlap: { seconds: 0 } });
    expect(end.seconds).toBe(clock.wallMs() / 1000);
    await useTokens(running, 'acme', 80);
    const [got] = await receiver.got(1);
    expectSigned(got as never, secret);
    for (const seconds of [-1, 7 * 86_400 + 1]) {
      expect(await refused(rotate({ overlap: { seconds } }))).toMatchObject({
        fields: ['overlap'],
      });
    }
  });
});

describe('a disabled endpoint', () => {
  const disable = (running: Parameters<typeof notify>[0], id: string, disabled: boolean) =>
    notify(running, 'UpdateWebhookEndpoint', {
      endpoint: { endpoint_id: id, disabled },
      update_mask: { paths: ['disabled'] },
    });

  test('is not told of what happens meanwhile; what waits goes on waiting', async () => {
    const receiver = await openReceiver(500);
    const one = await startNotifying();
    const { running } = one;
    const { id } = await endpoint(running, receiver.url);
    await useTokens(running, 'acme', 80);
    await until(
      () => deliveries(running),
      ([each]) => each?.attempts === 1,
    );
    await disable(running, id, true);
    await useTokens(running, 'bolt', 80);
    receiver.answer(200);
    await advance(one, 10_000);
    // Another one is told of the same and shows that the turn of these is over.
    const other = await openReceiver();
    await endpoint(running, other.url);
    await useTokens(running, 'core', 80);
    await other.got(1);
    expect(receiver.received).toHaveLength(1);
    await disable(running, id, false);
    await useTokens(running, 'dune', 80);
    const all = await receiver.got(3);
    expect(all.map(({ json }) => json.data.org_id).sort()).toEqual(['acme', 'acme', 'dune']);
  });

  test('is told of what happened before it was disabled, although it is made later', async () => {
    const receiver = await openReceiver();
    const { running } = await startNotifying();
    const { id } = await endpoint(running, receiver.url);
    // In the same turn of the event loop: no delivery can have been made between.
    const used = useTokens(running, 'acme', 80);
    await Promise.all([used, used.then(() => disable(running, id, true))]);
    await disable(running, id, false);
    const [got] = await receiver.got(1);
    expect(got?.json.data.org_id).toBe('acme');
  });
});

test('what waits goes to the URL of now', async () => {
  const [before, after] = [await openReceiver(500), await openReceiver()];
  const one = await startNotifying();
  const { running } = one;
  const { id } = await endpoint(running, before.url);
  await useTokens(running, 'acme', 80);
  await until(
    () => deliveries(running),
    ([each]) => each?.attempts === 1,
  );
  await notify(running, 'UpdateWebhookEndpoint', {
    endpoint: { endpoint_id: id, url: after.url },
    update_mask: { paths: ['url'] },
  });
  await advance(one, 10_000);
  const [got] = await after.got(1);
  expect(got?.id).toBe(before.received[0]?.id);
});

test('what waits for an endpoint that is deleted is dead, whenever it was due', async () => {
  const receiver = await openReceiver(500);
  const { running } = await startNotifying();
  const { id } = await endpoint(running, receiver.url);
  for (const org of ['a', 'b', 'c']) await useTokens(running, org, 80);
  await until(
    () => deliveries(running),
    (all) => all.length === 3 && all.every(({ attempts }) => attempts === 1),
  );
  await notify(running, 'DeleteWebhookEndpoint', { endpoint_id: id });
  const dead = await untilState(running, 'DEAD');
  expect(dead).toHaveLength(3);
  expect(dead[0]).toMatchObject({ attempts: 1, last_error: 'the endpoint was deleted' });
  expect(receiver.received).toHaveLength(3);
});
