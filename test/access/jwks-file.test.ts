// Keys in a file that changes under us: written over, renamed into place, or mounted.

import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import {
  claims,
  keySet,
  makeSigner,
  NOW_S,
  openVerifying,
  token,
  verdictOf,
} from '../support/tokens.js';

const HOUR_MS = 3_600_000;
const old = makeSigner('EdDSA', 'old');
const next = makeSigner('ES256', 'next');

test('a set that was written over, or renamed into place, is used without a restart', async () => {
  const { verifier, path, troubles } = await openVerifying([old]);
  expect(await verdictOf(verifier, token(next))).toBe('unknown_key');
  writeFileSync(path, keySet(old, next));
  await verifier.refreshKeys();
  expect(await verdictOf(verifier, token(old))).toBe('verified');
  expect(await verdictOf(verifier, token(next))).toBe('verified');
  writeFileSync(`${path}.new`, keySet(next));
  renameSync(`${path}.new`, path);
  await verifier.refreshKeys();
  expect(await verdictOf(verifier, token(old))).toBe('unknown_key');
  expect(await verdictOf(verifier, token(next))).toBe('verified');
  expect(troubles).toEqual([]);
});

test('a folder swapped by a symbolic link, as Kubernetes mounts secrets, is noticed', async () => {
  const { path: own } = await openVerifying([old]);
  const directory = dirname(own);
  const fill = (version: string, text: string) => {
    mkdirSync(join(directory, version));
    writeFileSync(join(directory, version, 'keys'), text);
    symlinkSync(version, join(directory, '..tmp'));
    renameSync(join(directory, '..tmp'), join(directory, '..data'));
  };
  fill('..1', keySet(old));
  symlinkSync('..data/keys', join(directory, 'keys'));
  const path = join(directory, 'keys');
  const { verifier } = await openVerifying([], { jwks: { kind: 'file', path } });
  expect(await verdictOf(verifier, token(old))).toBe('verified');
  fill('..2', keySet(next));
  await verifier.refreshKeys();
  expect(await verdictOf(verifier, token(old))).toBe('unknown_key');
  expect(await verdictOf(verifier, token(next))).toBe('verified');
});

test('the file is looked at again and again by itself', async () => {
  const { verifier, path } = await openVerifying([old], { everyMs: 5 });
  writeFileSync(path, keySet(next));
  await vi.waitFor(async () => expect(await verdictOf(verifier, token(next))).toBe('verified'));
});

const BAD: readonly (readonly [string, (path: string) => void])[] = [
  ['is gone', (path) => rmSync(path)],
  ['is empty', (path) => truncateSync(path)],
  ['is cut', (path) => writeFileSync(path, keySet(next).slice(0, -9))],
  ['is no set', (path) => writeFileSync(path, '[]')],
  ['has keys that are no list', (path) => writeFileSync(path, '{"keys":{}}')],
  ['has no key', (path) => writeFileSync(path, '{"keys":[]}')],
  ['has no key for us', (path) => writeFileSync(path, keySet(makeSigner('ES384', 'p384')))],
  ['has keys that are none', (path) => writeFileSync(path, '{"keys":[null,7,"x",[],{}]}')],
  ['has a point that is on no curve', (path) => writeFileSync(path, offCurve())],
  ['gives one name to two keys', (path) => writeFileSync(path, keySet(next, next))],
  ['has too many keys', (path) => writeFileSync(path, `{"keys":[${'{},'.repeat(100)}{}]}`)],
  ['is too long', (path) => writeFileSync(path, keySet(next) + ' '.repeat(257 * 1024))],
  ['is a folder', folderInstead],
];

test.each(BAD)('the old keys stay in use where the new file %s', async (_, spoil) => {
  const { verifier, path, troubles } = await openVerifying([old]);
  spoil(path);
  await verifier.refreshKeys();
  await verifier.refreshKeys();
  expect(await verdictOf(verifier, token(old))).toBe('verified');
  expect(await verdictOf(verifier, token(next))).toBe('unknown_key');
  expect(troubles).toEqual(['keys_stale']);
  rmSync(path, { recursive: true, force: true });
  writeFileSync(path, keySet(next));
  await verifier.refreshKeys();
  expect(await verdictOf(verifier, token(next))).toBe('verified');
  expect(troubles).toEqual(['keys_stale', 'keys_good']);
});

test('keys that were not confirmed for a day are used no longer', async () => {
  const { verifier, path, clock, troubles } = await openVerifying([old]);
  const lasting = token(old, claims({ exp: NOW_S + 3 * 24 * 3600 }));
  expect(verifier.keysAgeMs()).toBe(0);
  rmSync(path);
  await verifier.refreshKeys();
  clock.advance(24 * HOUR_MS);
  expect(verifier.keysAgeMs()).toBe(24 * HOUR_MS);
  expect(await verdictOf(verifier, lasting)).toBe('verified');
  clock.advance(1);
  expect(await verdictOf(verifier, lasting)).toBe('keys_unavailable');
  expect(troubles).toEqual(['keys_stale', 'keys_unavailable']);
  writeFileSync(path, keySet(old));
  await verifier.refreshKeys();
  expect(await verdictOf(verifier, lasting)).toBe('verified');
  expect(troubles).toEqual(['keys_stale', 'keys_unavailable', 'keys_good']);
});

test('without a file it opens all the same, and verifies once there is one', async () => {
  const { path: elsewhere } = await openVerifying([old]);
  const path = `${elsewhere}.later`;
  const { verifier, troubles } = await openVerifying([], { jwks: { kind: 'file', path } });
  expect(verifier.keysAgeMs()).toBe(Infinity);
  expect(await verdictOf(verifier, token(old))).toBe('keys_unavailable');
  writeFileSync(path, keySet(old));
  await verifier.refreshKeys();
  expect(await verdictOf(verifier, token(old))).toBe('verified');
  expect(troubles).toEqual(['keys_unavailable', 'keys_good']);
});

function folderInstead(path: string): void {
  rmSync(path);
  mkdirSync(path);
}

function offCurve(): string {
  return JSON.stringify({ keys: [{ ...next.jwk, y: next.jwk['x'] }] });
}
