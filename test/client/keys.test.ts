// The key that goes with each call: sent, refused, rotated.

import { expect, test } from 'vitest';
import { cold } from '../support/cold.js';
import { AUTH_ON, bearer, bootstrapKey, makeKey } from '../support/keys.js';
import { start } from '../support/service.js';
import { openClient } from './given.js';

const usage = { meter: 'executions', quantity: 1 };
const OPERATOR = { org_id: 'acme', roles: ['operator'] };

test('a key goes with streams and calls; without one the server refuses', async () => {
  const running = await start({ flags: AUTH_ON });
  const { secret } = await makeKey(running, OPERATOR);
  const known = openClient(running.address, { apiKey: secret, orgId: 'acme' });
  expect((await known.tollgate.record(usage)).outcome).toBe('RECORDED');
  expect((await known.tollgate.check([])).allowed).toBe(true);
  const unknown = openClient(running.address, { orgId: 'acme' });
  const missing = { code: 'CREDENTIAL_MISSING', retriable: false };
  await expect(unknown.tollgate.record(usage)).rejects.toMatchObject(missing);
  await expect(unknown.tollgate.check([])).rejects.toMatchObject(missing);
  await known.tollgate.close();
  await unknown.tollgate.close();
  await running.stop();
});

test('events of another organisation are refused, and not those beside them', async () => {
  const running = await start({ flags: AUTH_ON });
  const { secret } = await makeKey(running, OPERATOR);
  const { tollgate } = openClient(running.address, { apiKey: secret, orgId: 'acme' });
  const outcomes = await Promise.allSettled(
    ['acme', 'bolt', 'acme', 'bolt', 'acme'].map((orgId) => tollgate.record({ ...usage, orgId })),
  );
  const recorded = { status: 'fulfilled', value: { outcome: 'RECORDED' } };
  const foreign = { status: 'rejected', reason: { code: 'ORG_MISMATCH', retriable: false } };
  expect(outcomes).toMatchObject([recorded, foreign, recorded, foreign, recorded]);
  await tollgate.close();
  await running.stop();
});

test('a key that was revoked gives way to the one that the function gives by then', async () => {
  const running = await start({ flags: AUTH_ON });
  const first = await makeKey(running, OPERATOR);
  const second = await makeKey(running, OPERATOR);
  let key = first.secret;
  const apiKey = async () => key;
  const { tollgate } = openClient(running.address, { apiKey, orgId: 'acme' });
  expect((await tollgate.record(usage)).outcome).toBe('RECORDED');
  const by = bearer(bootstrapKey(running));
  await cold(running, 'Access', 'RevokeApiKey', { key_id: first.key_id }, by);
  key = second.secret;
  // The stream was opened with the key that has ended; the check takes the new one.
  expect((await tollgate.record(usage)).outcome).toBe('RECORDED');
  expect((await tollgate.check([])).allowed).toBe(true);
  await cold(running, 'Access', 'RevokeApiKey', { key_id: second.key_id }, by);
  await expect(tollgate.record(usage)).rejects.toMatchObject({ code: 'CREDENTIAL_INVALID' });
  await tollgate.close();
  await running.stop();
});

test('a key that cannot be read is waited for', async () => {
  const running = await start({ flags: AUTH_ON });
  const { secret } = await makeKey(running, OPERATOR);
  let asked = 0;
  const apiKey = () => {
    if (++asked < 3) throw new Error('ENOENT: key file');
    return secret;
  };
  const { tollgate, troubles } = openClient(running.address, { apiKey, orgId: 'acme' });
  expect((await tollgate.record(usage)).outcome).toBe('RECORDED');
  expect(troubles[0]).toMatchObject({
    kind: 'disconnected',
    code: 'CREDENTIAL_UNREADABLE',
    message: 'apiKey: ENOENT: key file',
  });
  await tollgate.close();
  await running.stop();
});
