// The gate by itself, with a verifier that can be held up.

import { expect, test } from 'vitest';
import { openGate } from '../../src/access/gate.js';
import type { JwtVerdict, JwtVerifier } from '../../src/access/jwt.js';
import { limits } from '../../src/limits.js';
import { start } from '../support/service.js';

test('calls that come with the same token at once wait for one proof, good or bad', async () => {
  const running = await start();
  const asked: string[] = [];
  const answers: ((verdict: JwtVerdict) => void)[] = [];
  const verifier: JwtVerifier = {
    verify(token) {
      asked.push(token);
      return new Promise((resolve) => answers.push(resolve));
    },
    keysAgeMs: () => 0,
    refreshKeys: async () => undefined,
    close: async () => undefined,
  };
  const rate = { perSecond: 1, burst: 1, exceeded: 'slow down' };
  const gate = openGate(running.core, { rate, verifier, certificates: [] });
  const admit = (token: string) =>
    Promise.resolve(gate.admit(token, { header: () => token, certificate: absent }));
  const absent = () => ({ kind: 'absent' }) as const;
  try {
    const good = Array.from({ length: 64 }, () => admit('a.b.c'));
    const bad = Array.from({ length: 64 }, () => admit('d.e.f').catch((error) => error.reason));
    expect(asked).toEqual(['a.b.c', 'd.e.f']);
    answers[0]?.({
      kind: 'verified',
      subject: 'alice',
      orgId: 'acme',
      allowedOrgs: [],
      roles: ['viewer'],
      expiresMs: Infinity,
      issuedMs: 0,
    });
    answers[1]?.({ kind: 'refused', why: 'signature' });
    const sessions = new Set(await Promise.all(good));
    expect([...sessions].map(({ principal }) => principal.name)).toEqual(['jwt:alice']);
    expect(new Set(await Promise.all(bad))).toEqual(new Set(['CREDENTIAL_INVALID']));

    await admit('a.b.c');
    expect(asked).toHaveLength(2);
    const again = admit('d.e.f').catch((error) => error.reason);
    answers[2]?.({ kind: 'refused', why: 'signature' });
    expect(await again).toBe('CREDENTIAL_INVALID');
  } finally {
    await running.stop();
  }
});

test('beyond the bound on proofs new credentials come again later, and known ones are let in', async () => {
  const running = await start();
  const verifier: JwtVerifier = {
    verify: (token) => (token === 'known' ? Promise.resolve(KNOWN) : new Promise(() => {})),
    keysAgeMs: () => 0,
    refreshKeys: async () => undefined,
    close: async () => undefined,
  };
  const rate = { perSecond: 1, burst: 1, exceeded: 'slow down' };
  const gate = openGate(running.core, { rate, verifier, certificates: [] });
  const certificate = () => ({ kind: 'absent' }) as const;
  const admit = async (token: string) => gate.admit(token, { header: () => token, certificate });
  try {
    await admit('known');
    for (let i = 0; i < limits.proofs; i++) void admit(`token ${i}`);
    await expect(admit('one more')).rejects.toMatchObject({ reason: 'OVERLOADED' });
    expect(running.core.metrics.credentialsRefused.overloaded.value()).toBe(1);
    expect((await admit('known')).principal.name).toBe('jwt:alice');
  } finally {
    await running.stop();
  }
});

const KNOWN: JwtVerdict = {
  kind: 'verified',
  subject: 'alice',
  orgId: 'acme',
  allowedOrgs: [],
  roles: ['viewer'],
  expiresMs: Infinity,
  issuedMs: 0,
};
