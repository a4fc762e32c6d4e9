// `tollgate keys`, against a running server: what goes to which stream, and with which exit code.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { main } from '../../src/main.js';
import { cold } from '../support/cold.js';
import { AUTH_ON, bearer } from '../support/keys.js';
import { type Running, start } from '../support/service.js';

let running: Running;

beforeAll(async () => {
  running = await start({ flags: AUTH_ON });
});
afterAll(() => running.stop());
beforeEach(() => {
  vi.stubEnv('TOLLGATE_API_KEY_FILE', join(running.directory, 'bootstrap.key'));
});
afterEach(() => vi.unstubAllEnvs());

const KEY_LINE = /^tg_[0-9a-f]{10}_[\w-]{43}\n$/;

test('create prints the text of the key and nothing else on standard output', async () => {
  const flags = [
    '--name',
    'night shift',
    '--org',
    'acme',
    '--role',
    'operator',
    '--role',
    'viewer',
  ];
  const { code, out, err } = await run('create', ...flags, '--expires', '2099-01-31T00:00:00Z');
  expect([code, out]).toEqual([0, expect.stringMatching(KEY_LINE)]);
  const keyId = out.slice(0, 13);
  expect(err).toBe(`made ${keyId} (night shift): operator, viewer, for acme\n`);
  expect((await who(out)).org_id).toBe('acme');
  const listed = await run('list', '--org', 'acme');
  expect([listed.code, listed.err]).toEqual([0, '']);
  const [header, row] = listed.out.split('\n');
  expect(header).toMatch(/^KEY +NAME +FOR +ROLES +STATE +CREATED$/);
  expect(row).toMatch(
    new RegExp(`^${keyId}  night shift  acme +operator,viewer  live until 2099-01-31  \\d{4}-`),
  );
});

test('list --json prints one object a line, of every organisation without --org', async () => {
  await run('create', '--name', 'team', '--allowed-org', 'team-*', '--role', 'orchestrator');
  const { code, out } = await run('list', '--json');
  expect(code).toBe(0);
  const keys = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(keys.length).toBeGreaterThan(1);
  expect(keys[0]).toMatchObject({
    key_id: expect.stringMatching(/^tg_/),
    display_name: 'team',
    org_id: '',
    roles: ['orchestrator'],
    allowed_orgs: ['team-*'],
  });
  expect(Object.keys(keys[0])).not.toContain('expire_time');
  expect(await run('list', '--org', 'nobody')).toEqual({ code: 0, out: '', err: 'no keys\n' });
});

test('rotate prints another text of the key, and revoke ends it', async () => {
  const made = (await run('create', '--name', 'x', '--org', 'bolt', '--role', 'viewer')).out;
  const keyId = made.slice(0, 13);
  const rotated = await run('rotate', keyId, '--overlap', '0s', '--reason', 'lost');
  expect(rotated).toMatchObject({ code: 0, out: expect.stringMatching(KEY_LINE) });
  expect(rotated.out.slice(0, 13)).toBe(keyId);
  expect(rotated.err).toBe(`rotated ${keyId} (x): viewer, for bolt\n`);
  await expect(who(made)).rejects.toThrow('UNAUTHENTICATED');
  expect((await who(rotated.out)).org_id).toBe('bolt');
  const revoked = await run('revoke', keyId);
  expect(revoked).toEqual({ code: 0, out: '', err: `revoked ${keyId} (x): viewer, for bolt\n` });
  await expect(who(rotated.out)).rejects.toThrow('UNAUTHENTICATED');
  expect((await run('list', '--org', 'bolt')).out).toMatch(/ revoked \d{4}-\d\d-\d\d /);
});

test('a refusal of the server is failure, with its reason', async () => {
  const unknown = await run('revoke', 'tg_0123456789');
  expect([unknown.code, unknown.out]).toEqual([1, '']);
  expect(unknown.err).toMatch(/^keys: the call failed with NOT_FOUND \(API_KEY_NOT_FOUND\): /);
  const role = await run('create', '--name', 'x', '--org', 'acme', '--role', 'king');
  expect([role.code, role.out]).toEqual([1, '']);
  expect(role.err).toContain('api_key.roles');
  vi.stubEnv('TOLLGATE_API_KEY_FILE', '');
  expect((await run('list')).err).toContain('(CREDENTIAL_MISSING)');
});

test.each([
  [[], 'expected one of create, list, rotate, revoke'],
  [['creat'], 'expected one of create, list, rotate, revoke, got creat; did you mean "create"?'],
  [['create', '--role', 'viewer'], '--name is required'],
  [['create', '--name', 'x'], '--role is required'],
  [['create', '--name', 'x', '--role', 'viewer', '--json'], '--json: unknown flag'],
  [
    ['create', '--name', 'x', '--role', 'r', '--org', 'a', '--allowed-org', '*'],
    '--org and --allowed-org exclude each other',
  ],
  [
    ['create', '--name', 'x', '--role', 'r', '--expires', 'soon'],
    '--expires: expected a time like 2027-01-31T00:00:00Z, got soon',
  ],
  [['list', 'acme'], 'acme: unexpected argument'],
  [['rotate'], 'expected the id of one key, like tg_3f9a21c7d0'],
  [['revoke', 'tg_0123456789_secret'], 'expected the id of one key, like tg_3f9a21c7d0'],
  [
    ['rotate', 'tg_0123456789', '--overlap', '1w'],
    '--overlap: expected a duration like 0s, 12h or 7d, got 1w',
  ],
])('%j is bad usage', async (argv, message) => {
  expect(await run(...argv)).toEqual({ code: 2, out: '', err: `keys: ${message}\n` });
});

test('a target or a file that holds no key is bad usage', async () => {
  const missing = 'keys: --target is required: host:port or unix:///path\n';
  expect(await runAt('list')).toMatchObject({ code: 2, err: missing });
  expect(await runAt('list', '--target', 'nowhere')).toMatchObject({ code: 2 });
  const file = join(running.directory, 'two.key');
  writeFileSync(file, `${readFileSync(join(running.directory, 'bootstrap.key'))} and more`);
  vi.stubEnv('TOLLGATE_API_KEY_FILE', file);
  expect(await run('list')).toMatchObject({ code: 2, out: '' });
});

function run(...argv: readonly string[]) {
  const target = argv.length === 0 || argv[0] === 'creat' ? [] : ['--target', running.address];
  return runAt(...argv, ...target);
}

async function runAt(...argv: readonly string[]) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const code = await main(['keys', ...argv], { stdout, stderr });
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}

function who(key: string) {
  return cold(running, 'Access', 'WhoAmI', {}, bearer(key.trim()));
}
