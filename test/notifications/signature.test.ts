import { expect, test } from 'vitest';
import { rotated, secretText, signedHeaders } from '../../src/domain/notifications/signature.js';

/** Of the reference implementation of Standard Webhooks, libraries/javascript. */
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  atMs: 1_614_265_330_000,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};

const { secret, id, atMs, body, signature } = VECTOR;
const delivery = { notification_id: id, payload: body };

test('a delivery is signed as the public test vector says', () => {
  expect(signedHeaders(delivery, [{ secret, expire_ms: null }], atMs + 999)).toEqual({
    'webhook-id': id,
    'webhook-timestamp': '1614265330',
    'webhook-signature': signature,
  });
});

test('after a rotation both secrets sign until the old one ends', () => {
  const fresh = secretText(Buffer.alloc(32, 7).toString('base64'));
  const secrets = rotated([{ secret, expire_ms: null }], fresh, atMs + 1000, atMs);
  const of = (ms: number) => signedHeaders(delivery, secrets, ms)['webhook-signature'].split(' ');
  expect(of(atMs)).toHaveLength(2);
  expect(of(atMs)[1]).toBe(signature);
  expect(of(atMs + 999)).toHaveLength(2);
  expect(of(atMs + 1000)).toHaveLength(1);
});

test('only the newest two secrets sign', () => {
  const first = rotated([{ secret, expire_ms: null }], 'whsec_AAAA', atMs + 1000, atMs);
  const second = rotated(first, 'whsec_BBBB', atMs + 2000, atMs);
  expect(second).toEqual([
    { secret: 'whsec_BBBB', expire_ms: null },
    { secret: 'whsec_AAAA', expire_ms: atMs + 2000 },
  ]);
  expect(rotated(second, 'whsec_CCCC', atMs, atMs)).toEqual([
    { secret: 'whsec_CCCC', expire_ms: null },
  ]);
});
