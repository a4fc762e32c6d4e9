// API keys from their making to their end, with a real server and real calls.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold, type Json, time, timeText } from '../support/cold.js';
import { AUTH_ON, bearer, bootstrapKey, makeKey } from '../support/keys.js';
import { refused } from '../support/refusals.js';
import { type Running, start } from '../support/service.js';

const OPERATOR = { org_id: 'acme', roles: ['operator'] };
const DAY_MS = 86_400_000;

async function service(act: (running: Running, clock: TestClock) => Promise<void>): Promise<void> {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ clock, flags: AUTH_ON });
  try {
    await act(running, clock);
    expect(running.fatal).toEqual([]);
  } finally {
    await running.stop();
  }
}

const keys = (running: Running, method: string, request: object, key = bootstrapKey(running)) =>
  cold(running, 'Access', method, request, bearer(key));
const who = (running: Running, key: string) => keys(running, 'WhoAmI', {}, key);

describe('the first start', () => {
  test('writes a key that may everything to a file of its user alone, and logs only the path', () =>
    service(async (running) => {
      const file = join(running.directory, 'bootstrap.key');
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const key = bootstrapKey(running);
      expect(key).toMatch(/^tg_[0-9a-f]{10}_[A-Za-z0-9_-]{43}$/);
      expect(await who(running, key)).toMatchObject({
        principal: `key:${key.slice(0, 13)}`,
        org_id: '',
        allowed_orgs: ['*'],
        expire_time: null,
      });
      const line = running.logLines.find((each) => each.includes('bootstrap_key'));
      expect(JSON.parse(line ?? '{}')).toMatchObject({ file, key_id: key.slice(0, 13) });
      expect(running.logLines.join('')).not.toContain(key.slice(14));
    }));

  test('is the only one: the key stays what it is', () =>
    service(async (running) => {
      const key = bootstrapKey(running);
      const again = await running.restart();
      try {
        expect(bootstrapKey(again)).toBe(key);
        expect((await who(again, key)).allowed_orgs).toEqual(['*']);
      } finally {
        await again.stop();
      }
    }));

  test('comes again where every key that may everything has ended', () =>
    service(async (running) => {
      const key = bootstrapKey(running);
      await keys(running, 'RevokeApiKey', { key_id: key.slice(0, 13) });
      const again = await running.restart();
      try {
        const next = bootstrapKey(again);
        expect(next).not.toBe(key);
        expect((await who(again, next)).permissions).toContain('platform.admin');
        expect((await refused(who(again, key))).reason).toBe('CREDENTIAL_INVALID');
      } finally {
        await again.stop();
      }
    }));
});

test('without authentication nobody has to say who they are, and may everything', async () => {
  const running = await start();
  try {
    const answer = await cold(running, 'Access', 'WhoAmI');
    expect(answer).toMatchObject({ principal: 'local', allowed_orgs: ['*'] });
    expect(answer.permissions).toContain('platform.admin');
    expect(readdirSync(running.directory)).not.toContain('bootstrap.key');
  } finally {
    await running.stop();
  }
});

describe('a key', () => {
  test('is what was asked for, and says so', () =>
    service(async (running) => {
      const expire_time = time('2026-12-20T00:00:00Z');
      const api_key = { ...OPERATOR, display_name: 'Runner', expire_time };
      const made = await keys(running, 'CreateApiKey', { api_key });
      expect(made.api_key).toMatchObject({
        display_name: 'Runner',
        org_id: 'acme',
        roles: ['operator'],
        allowed_orgs: [],
        revoke_time: null,
        created_by: `key:${bootstrapKey(running).slice(0, 13)}`,
      });
      expect(made.secret.startsWith(made.api_key.key_id)).toBe(true);
      const me = await who(running, made.secret);
      expect(me).toMatchObject({ org_id: 'acme', allowed_orgs: [] });
      expect(me.permissions).toEqual(['billing.read', 'usage.read', 'usage.write']);
      expect(timeText(me.expire_time)).toBe('2026-12-20T00:00:00.000Z');
      const { api_key: read } = await keys(running, 'GetApiKey', { key_id: made.api_key.key_id });
      expect(read).toEqual(made.api_key);
    }));

  test('is taken as a bearer in any spelling, and as x-api-key', () =>
    service(async (running) => {
      const { secret } = await makeKey(running, OPERATOR);
      for (const metadata of [
        { authorization: `bearer ${secret}` },
        { authorization: `BEARER   ${secret}` },
        { authorization: secret },
        { 'x-api-key': secret },
      ]) {
        expect((await cold(running, 'Access', 'WhoAmI', {}, metadata)).org_id).toBe('acme');
      }
    }));

  test('is in no file and no log but as its hash', () =>
    service(async (running) => {
      const { secret } = await makeKey(running, OPERATOR);
      await who(running, secret);
      await refused(who(running, `${secret.slice(0, -1)}-`));
      await running.core.journal.drain();
      const hidden = secret.slice(14);
      for (const name of readdirSync(running.directory, { recursive: true }) as string[]) {
        const path = join(running.directory, name);
        if (statSync(path).isFile()) expect(readFileSync(path, 'latin1')).not.toContain(hidden);
      }
      expect(running.logLines.join('')).not.toContain(hidden);
    }));

  test('made twice by one request is one key, and its text is shown once', () =>
    service(async (running) => {
      const request = { api_key: { ...OPERATOR, display_name: 'r' }, request_id: 'make-1' };
      const first = await keys(running, 'CreateApiKey', request);
      const second = await keys(running, 'CreateApiKey', request);
      expect(second).toEqual({ api_key: first.api_key, secret: '' });
      const { api_keys } = await keys(running, 'ListApiKeys', { org_id: 'acme' });
      expect(api_keys).toHaveLength(1);
    }));

  test('ends when it expires', () =>
    service(async (running, clock) => {
      const expire_time = time('2026-11-21T00:00:00Z');
      const { secret } = await makeKey(running, { ...OPERATOR, expire_time });
      clock.advance(DAY_MS / 2 - 1);
      expect((await who(running, secret)).org_id).toBe('acme');
      clock.advance(1);
      expect((await refused(who(running, secret))).reason).toBe('CREDENTIAL_INVALID');
    }));

  test('ends when it is revoked, from the answer on, and is listed as revoked', () =>
    service(async (running) => {
      const { key_id, secret } = await makeKey(running, OPERATOR);
      await who(running, secret);
      await keys(running, 'RevokeApiKey', { key_id, reason: 'lost' });
      expect((await refused(who(running, secret))).code).toBe('UNAUTHENTICATED');
      const again = await keys(running, 'RevokeApiKey', { key_id });
      expect(timeText(again.api_key.revoke_time)).toBe('2026-11-20T12:00:00.000Z');
      const rotation = keys(running, 'RotateApiKey', { key_id });
      expect(await refused(rotation)).toMatchObject({ reason: 'API_KEY_ENDED' });
    }));
});

describe('a rotated key', () => {
  test('opens with both texts for a day, then with the new one only', () =>
    service(async (running, clock) => {
      const { key_id, secret } = await makeKey(running, OPERATOR);
      const rotated = await keys(running, 'RotateApiKey', { key_id });
      expect(timeText(rotated.api_key.previous_expire_time)).toBe('2026-11-21T12:00:00.000Z');
      for (const text of [secret, rotated.secret, secret]) {
        expect((await who(running, text)).principal).toBe(`key:${key_id}`);
      }
      clock.advance(DAY_MS);
      expect((await refused(who(running, secret))).reason).toBe('CREDENTIAL_INVALID');
      expect((await who(running, rotated.secret)).org_id).toBe('acme');
    }));

  test('opens at once with the new text only, where no overlap is asked for', () =>
    service(async (running) => {
      const { key_id, secret } = await makeKey(running, OPERATOR);
      await who(running, secret);
      const rotated = await keys(running, 'RotateApiKey', { key_id, overlap: { seconds: 0 } });
      expect(rotated.api_key.previous_expire_time).toBeNull();
      expect((await refused(who(running, secret))).reason).toBe('CREDENTIAL_INVALID');
      expect((await who(running, rotated.secret)).org_id).toBe('acme');
    }));
});

const NOT_CREDENTIALS: readonly [what: string, text: (good: string) => string][] = [
  ['another secret', (good) => `${good.slice(0, 14)}${'A'.repeat(43)}`],
  ['one character changed', (good) => `${good.slice(0, -2)}${good.endsWith('AA') ? 'BB' : 'AA'}`],
  ['an unknown id', (good) => `tg_0000000000${good.slice(13)}`],
  ['its id alone', (good) => good.slice(0, 13)],
  ['cut short', (good) => good.slice(0, -1)],
  ['too long', (good) => `${good}A`],
  ['words', () => 'let me in'],
  ['basic authentication', () => 'Basic YWNtZTphY21l'],
  ['9 KiB', () => `tg_${'a'.repeat(7 * 1024)}`],
];

test('whatever is wrong with a credential, the refusal says the same', () =>
  service(async (running) => {
    const { key_id, secret } = await makeKey(running, OPERATOR);
    await who(running, secret);
    const revoked = await makeKey(running, OPERATOR);
    await keys(running, 'RevokeApiKey', { key_id: revoked.key_id });
    const answers: Json[] = [];
    const texts = [...NOT_CREDENTIALS.map(([, text]) => text(secret)), revoked.secret];
    for (const text of texts) {
      const { code, reason, message } = await refused(who(running, text));
      answers.push(`${code} ${reason} ${message}`);
    }
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('UNAUTHENTICATED CREDENTIAL_INVALID');
    expect(key_id).not.toBe(revoked.key_id);
    const nothing = await refused(cold(running, 'Access', 'WhoAmI'));
    expect(nothing).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'CREDENTIAL_MISSING' });
  }));

const BAD_KEYS: readonly [what: string, fields: object, field: string][] = [
  ['no name', { display_name: '', ...OPERATOR }, 'api_key.display_name'],
  ['no role', { org_id: 'acme' }, 'api_key.roles'],
  ['a role that is none', { org_id: 'acme', roles: ['king'] }, 'api_key.roles'],
  ['a role of the platform', { org_id: 'acme', roles: ['platform_admin'] }, 'api_key.roles'],
  ['a role of an organisation', { roles: ['owner'] }, 'api_key.roles'],
  ['patterns beside an organisation', { ...OPERATOR, allowed_orgs: ['*'] }, 'api_key.allowed_orgs'],
  ['a bad pattern', { roles: ['orchestrator'], allowed_orgs: ['a*b'] }, 'api_key.allowed_orgs'],
  ['a bad organisation', { ...OPERATOR, org_id: 'a/b' }, 'api_key.org_id'],
  ['a past end', { ...OPERATOR, expire_time: { seconds: 1 } }, 'api_key.expire_time'],
];

test.each(BAD_KEYS)('a key with %s is refused, and the field is named', (_what, fields, field) =>
  service(async (running) => {
    const api_key = { display_name: 'bad', ...fields };
    const refusal = await refused(keys(running, 'CreateApiKey', { api_key }));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [field] });
  }),
);

describe('whoever makes a key', () => {
  test('with keys.write makes keys of the own organisation, and no others', () =>
    service(async (running) => {
      const { secret } = await makeKey(running, { org_id: 'acme', roles: ['admin'] });
      const own = (fields: object) =>
        keys(running, 'CreateApiKey', { api_key: { display_name: 'x', ...fields } }, secret);
      expect((await own({ roles: ['member'] })).api_key.org_id).toBe('acme');
      const foreign = await refused(own({ org_id: 'bolt', roles: ['member'] }));
      expect(foreign).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'ORG_MISMATCH' });
      const platform = await refused(own({ org_id: '', roles: ['platform_admin'] }));
      expect(platform).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['api_key.roles'] });
      const { api_keys } = await keys(running, 'ListApiKeys', {}, secret);
      expect(new Set(api_keys.map((key: Json) => key.org_id))).toEqual(new Set(['acme']));
    }));

  test('without it makes none', () =>
    service(async (running) => {
      const { secret } = await makeKey(running, OPERATOR);
      const api_key = { display_name: 'x', ...OPERATOR };
      const refusal = await refused(keys(running, 'CreateApiKey', { api_key }, secret));
      expect(refusal).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'PERMISSION_MISSING' });
    }));

  test('cannot see, rotate or end a key of somebody else, by its id alone either', () =>
    service(async (running) => {
      const { secret } = await makeKey(running, { org_id: 'acme', roles: ['owner'] });
      const foreign = await makeKey(running, { org_id: 'bolt', roles: ['owner'] });
      for (const method of ['GetApiKey', 'RotateApiKey', 'RevokeApiKey']) {
        const answers: unknown[] = [];
        for (const key_id of [foreign.key_id, 'tg_0123456789']) {
          const { code, reason, message } = await refused(
            keys(running, method, { key_id }, secret),
          );
          answers.push([code, reason, message.replace(key_id, 'ID')]);
        }
        expect(answers[0]).toEqual(answers[1]);
        expect(answers[0]).toContain('API_KEY_NOT_FOUND');
      }
      expect((await who(running, foreign.secret)).org_id).toBe('bolt');
    }));
});

test('a change is in the audit log with who made it, from where, and without the key', () =>
  service(async (running) => {
    const { key_id } = await makeKey(running, OPERATOR);
    const by = bootstrapKey(running);
    const request = { target_kind: 'api_key', target_id: key_id };
    const { entries } = await cold(running, 'Admin', 'ListAuditEntries', request, bearer(by));
    expect(entries).toHaveLength(1);
    const [entry] = entries;
    expect(entry).toMatchObject({ actor: `key:${by.slice(0, 13)}`, action: 'CreateApiKey' });
    expect(entry.source_address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(JSON.parse(entry.after)).toMatchObject({ key_id, secret: '[redacted]' });
  }));
