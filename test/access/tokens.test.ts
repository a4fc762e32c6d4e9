// Tokens as credentials of a running server: who they stand for, and how long.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold } from '../support/cold.js';
import { http } from '../support/http.js';
import { AUTH_ON, bearer, bootstrapKey } from '../support/keys.js';
import { refused } from '../support/refusals.js';
import { type Running, start, temporaryDirectory } from '../support/service.js';
import {
  AUDIENCE,
  claims,
  ISSUER,
  keySet,
  makeSigner,
  NOW,
  type Signer,
  token as tokenOf,
} from '../support/tokens.js';

const signer = makeSigner('ES256', 'k1');

async function service(
  act: (running: Running, clock: TestClock, keysFile: string) => Promise<void>,
): Promise<void> {
  const keysFile = join(temporaryDirectory(), 'keys.json');
  publish(keysFile, signer);
  const clock = createTestClock(NOW);
  const settings = ['--jwt-issuer', ISSUER, '--jwt-audience', AUDIENCE, '--jwt-keys', keysFile];
  const running = await start({ clock, flags: [...AUTH_ON, ...settings] });
  try {
    await act(running, clock, keysFile);
    expect(running.fatal).toEqual([]);
  } finally {
    await running.stop();
  }
}

function publish(path: string, ...signers: readonly Signer[]): void {
  writeFileSync(path, keySet(...signers));
}

const who = (running: Running, token: string) =>
  cold(running, 'Access', 'WhoAmI', {}, bearer(token));
const token = (more: object) => tokenOf(signer, claims({ ...more }));

describe('a token', () => {
  test('stands for its subject, in its organisation, with its roles', () =>
    service(async (running) => {
      const me = await who(running, token({ org_id: 'acme', roles: ['operator', 'dancer'] }));
      expect(me).toMatchObject({ principal: 'jwt:alice', org_id: 'acme', allowed_orgs: [] });
      expect(me.permissions).toEqual(['billing.read', 'usage.read', 'usage.write']);
      const headers = bearer(token({ org_id: 'acme', roles: 'viewer' }));
      expect((await http(running, 'GET', '/v1/whoami', { headers })).json.org_id).toBe('acme');
    }));

  test('without an organisation has roles of the platform, for the organisations it names', () =>
    service(async (running) => {
      const given = { roles: ['orchestrator', 'owner'], allowed_orgs: ['team-*'] };
      const me = await who(running, token(given));
      expect(me).toMatchObject({ org_id: '', allowed_orgs: ['team-*'] });
      expect(me.permissions).toEqual(['usage.read', 'usage.write']);
      const usage = (org_id: string) =>
        cold(running, 'Metering', 'GetUsage', { org_id }, bearer(token(given)));
      await usage('team-7');
      expect((await refused(usage('acme'))).reason).toBe('ORG_MISMATCH');
    }));

  test('of an organisation has no role of the platform, whatever it says', () =>
    service(async (running) => {
      const given = { org_id: 'acme', roles: ['platform_admin'], allowed_orgs: ['*'] };
      const me = await who(running, token(given));
      expect(me).toMatchObject({ org_id: 'acme', allowed_orgs: [], permissions: [] });
    }));

  test('is refused from its end on, though it was just taken', () =>
    service(async (running, clock) => {
      const text = token({ org_id: 'acme', roles: ['viewer'], exp: Date.parse(NOW) / 1000 + 60 });
      await who(running, text);
      clock.advance(59_999);
      await who(running, text);
      clock.advance(1);
      const refusal = await refused(who(running, text));
      expect(refusal).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'CREDENTIAL_INVALID' });
    }));

  test('of a key that was withdrawn is refused after five minutes, though it was taken before', () =>
    service(async (running, clock, keysFile) => {
      const text = token({ org_id: 'acme', roles: ['viewer'] });
      await who(running, text);
      const next = makeSigner('ES256', 'k2');
      publish(keysFile, next);
      clock.advance(300_000);
      // It is noticed when a token names the new key.
      const fresh = tokenOf(next, claims({ org_id: 'acme', roles: ['viewer'] }));
      expect((await who(running, fresh)).org_id).toBe('acme');
      expect((await refused(who(running, text))).reason).toBe('CREDENTIAL_INVALID');
    }));

  test('is no better known when it is refused: bad ones say what bad keys say', () =>
    service(async (running) => {
      const texts = [
        tokenOf(makeSigner('ES256', 'k1'), claims({ org_id: 'acme' })),
        token({ iss: 'https://other.example' }),
        token({ exp: 1 }),
        'a.b.c',
      ];
      const answers = await Promise.all(texts.map((text) => refused(who(running, text))));
      const bad = await refused(who(running, `${bootstrapKey(running).slice(0, -3)}abc`));
      for (const { message } of answers) expect(message).toBe(bad.message);
      const log = running.logLines.join('');
      for (const text of texts.slice(0, 3)) expect(log).not.toContain(text.split('.')[2]);
    }));
});
