import { expect, test } from 'vitest';
import { createTestClock } from '../support/clock.js';
import { cold, type Json } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const { now, org, lastSequence } = sharedService();

const set = (key: string, more: object = {}) =>
  cold(now(), 'Admin', 'SetFeatureFlag', { key, ...more });
const list = async (request: object = {}, running: Running = now()): Promise<string[]> => {
  const { flags } = await cold(running, 'Admin', 'ListFeatureFlags', request);
  return flags.map(flagText);
};
const flagText = ({ key, org_id, enabled }: Json) =>
  `${key}${org_id === '' ? '' : ` of ${org_id}`} ${enabled ? 'on' : 'off'}`;

test('a flag is made, changed and removed', async () => {
  const made = await set('cycle', { enabled: true, description: 'for tests' });
  expect(made.flag).toMatchObject({
    key: 'cycle',
    org_id: '',
    enabled: true,
    description: 'for tests',
    etag: '1',
  });
  const { flag } = await set('cycle', { enabled: false });
  expect(flag).toMatchObject({ enabled: false, description: 'for tests', etag: '2' });
  expect(flag.create_time).toEqual(made.flag.create_time);
  expect(await set('cycle')).toEqual({ flag: null });
  expect((await list()).filter((text) => text.startsWith('cycle'))).toEqual([]);
  expect((await set('cycle', { enabled: true })).flag).toMatchObject({ description: '' });
});

test('setting the same again changes nothing', async () => {
  const first = await set('same', { enabled: true, description: 'd' });
  const before = lastSequence();
  expect(await set('same', { enabled: true })).toEqual(first);
  expect(await set('same', { enabled: true, description: 'd', reason: 'again' })).toEqual(first);
  expect(await set('never.was')).toEqual({ flag: null });
  expect(lastSequence()).toBe(before);
  expect((await set('same', { enabled: true, description: '' })).flag).toMatchObject({ etag: '2' });
});

test('an organisation has its own flags, and those for all that it has none of', async () => {
  const [acme, bolt] = [org(), org()];
  await set('own.a', { enabled: true });
  await set('own.b', { enabled: true });
  await set('own.b', { enabled: false, org_id: acme });
  await set('own.c', { enabled: true, org_id: acme });
  const own = async (org_id: string) =>
    (await list({ org_id })).filter((text) => text.startsWith('own.'));
  expect(await own(acme)).toEqual(['own.a on', `own.b of ${acme} off`, `own.c of ${acme} on`]);
  expect(await own(bolt)).toEqual(['own.a on', 'own.b on']);
  const all = (await list()).filter((text) => text.startsWith('own.'));
  expect(all).toEqual(['own.a on', 'own.b on', `own.b of ${acme} off`, `own.c of ${acme} on`]);
});

test('pages are in order, whatever the order of making', async () => {
  const running = await start({ clock: createTestClock() });
  try {
    for (const key of ['d', 'b', 'e', 'a', 'c']) {
      for (const org_id of ['o2', '', 'o1']) {
        await cold(running, 'Admin', 'SetFeatureFlag', { key, org_id, enabled: true });
      }
    }
    const listed: string[] = [];
    for (let page_token = ''; ; ) {
      const request = { page_size: 4, page_token };
      const page = await cold(running, 'Admin', 'ListFeatureFlags', request);
      listed.push(...page.flags.map(flagText));
      page_token = page.next_page_token;
      if (page_token === '') break;
    }
    expect(listed).toEqual(
      ['a', 'b', 'c', 'd', 'e'].flatMap((key) => [
        `${key} on`,
        `${key} of o1 on`,
        `${key} of o2 on`,
      ]),
    );
    const other = list({ org_id: 'o1', page_token: 'x' }, running);
    expect(await refused(other)).toMatchObject({ fields: ['page_token'] });
  } finally {
    await running.stop();
  }
});

test('a change is made once by its request id, and only of the version that it names', async () => {
  const request = { enabled: true, request_id: 'flag-1' };
  const first = await set('once', request);
  await set('once', { enabled: false });
  expect(await set('once', request)).toEqual(first);
  expect(await refused(set('other', request))).toMatchObject({
    code: 'ALREADY_EXISTS',
    reason: 'REQUEST_ID_REUSED',
  });
  const stale = refused(set('once', { enabled: true, etag: '1' }));
  expect(await stale).toMatchObject({ code: 'ABORTED', reason: 'ETAG_MISMATCH' });
  const gone = refused(set('not.there', { enabled: true, etag: '1' }));
  expect(await gone).toMatchObject({ code: 'ABORTED', reason: 'ETAG_MISMATCH' });
  expect((await set('once', { enabled: true, etag: '2' })).flag).toMatchObject({ etag: '3' });
});

test.each<[what: string, request: object, fields: string[]]>([
  ['key', { key: 'No', enabled: true }, ['key']],
  ['organisation', { key: 'k', org_id: 'a b', enabled: true }, ['org_id']],
  ['text', { key: 'k', description: 'x'.repeat(257), reason: '\u0001' }, ['description', 'reason']],
])('a bad %s is refused', async (_, { ...request }, fields) => {
  const refusal = await refused(cold(now(), 'Admin', 'SetFeatureFlag', request));
  expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields });
});

test('flags stand after a restart', async () => {
  const first = await start({ clock: createTestClock() });
  await cold(first, 'Admin', 'SetFeatureFlag', { key: 'a', enabled: true });
  await cold(first, 'Admin', 'SetFeatureFlag', { key: 'b', enabled: true });
  await cold(first, 'Admin', 'SetFeatureFlag', { key: 'b' });
  const second = await first.restart();
  try {
    expect(await list({}, second)).toEqual(['a on']);
  } finally {
    await second.stop();
  }
});

test('no more than 10,000 are kept', async () => {
  const running = await start({ clock: createTestClock() });
  try {
    const changes = Array.from({ length: 10_000 }, (_, i) => {
      const key = `f${i}`;
      const times = { created_ms: 0, updated_ms: 0 };
      const value = { key, org_id: '', enabled: true, description: '', ...times };
      return { kind: 'feature_flag', orgId: '', id: key, replaces: 0, value } as const;
    });
    const by = { atMs: 0, actor: 'a', action: 'feature_flags.set', orgId: '', reason: '' };
    await running.core.ledger.commit({ ...by, changes: () => changes });
    const setOne = (key: string, more: object = {}) =>
      cold(running, 'Admin', 'SetFeatureFlag', { key, ...more });
    const one = { enabled: false };
    expect(await refused(setOne('one.more', one))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'FEATURE_FLAGS_EXHAUSTED',
    });
    expect((await setOne('f7', one)).flag).toMatchObject({ enabled: false });
    await setOne('f8');
    expect((await setOne('one.more', one)).flag).toMatchObject({ key: 'one.more' });
  } finally {
    await running.stop();
  }
});
