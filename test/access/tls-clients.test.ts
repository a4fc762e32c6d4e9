// What calls a server with TLS: the command line and the TypeScript client.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openTollgate } from '../../src/client/client.js';
import { main } from '../../src/main.js';
import { makeAuthority, opensslAbsent, opensslNote } from '../support/certificates.js';
import { AUTH_ON, bootstrapKey } from '../support/keys.js';
import { type Running, start } from '../support/service.js';

describe.skipIf(opensslAbsent)(`over TLS${opensslNote}`, () => {
  const authority = makeAuthority('us');
  const other = makeAuthority('them');
  const own = authority.issue();
  const elsewhere = authority.issue({ sans: ['DNS:elsewhere.example'] });
  const mine = authority.issue({ usage: 'clientAuth', sans: ['DNS:me.example'] });
  let open: Running;
  let closed: Running;
  let misnamed: Running;

  beforeAll(async () => {
    const tls = [...AUTH_ON, '--tls-cert-file', own.certFile, '--tls-key-file', own.keyFile];
    open = await start({ flags: tls });
    const asks = ['--tls-client-ca-file', authority.certFile, '--tls-client-auth', 'required'];
    closed = await start({ flags: [...tls, ...asks] });
    const { certFile, keyFile } = elsewhere;
    misnamed = await start({
      flags: [...AUTH_ON, '--tls-cert-file', certFile, '--tls-key-file', keyFile],
    });
  });
  afterAll(async () => {
    await Promise.all([open, closed, misnamed].map((running) => running.stop()));
    authority.remove();
    other.remove();
  });
  beforeEach(() => vi.stubEnv('TOLLGATE_API_KEY_FILE', join(open.directory, 'bootstrap.key')));
  afterEach(() => vi.unstubAllEnvs());

  const ca = ['--cacert', authority.certFile];
  const keys = (running: Running, ...flags: string[]) =>
    run('keys', 'list', '--target', running.address, ...flags);

  test('a command says whom it believes', async () => {
    const { code, out, err } = await keys(open, ...ca);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('bootstrap');
  });

  test('a command shows a certificate where the server asks for one', async () => {
    vi.stubEnv('TOLLGATE_API_KEY_FILE', join(closed.directory, 'bootstrap.key'));
    const shown = ['--cert', mine.certFile, '--key', mine.keyFile];
    expect((await keys(closed, ...ca, ...shown)).code).toBe(0);
    const unknown = await keys(closed, ...ca);
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringMatching(/certificate required/)]);
  });

  test('replay takes the same flags', async () => {
    const file = join(open.directory, 'usage.csv');
    writeFileSync(file, 'org,n\nacme,1\nacme,2\n');
    const rows = ['--org-column', 'org', '--meter', 'executions', '--quantity-column', 'n'];
    const { code, out } = await run('replay', file, '--target', open.address, ...rows, ...ca);
    expect([code, out]).toEqual([0, expect.stringMatching(/recorded +2\b/)]);
  });

  test('why there is no connection is said', async () => {
    const distrusted = await keys(open, '--tls');
    expect([distrusted.code, distrusted.out]).toEqual([1, '']);
    expect(distrusted.err).toMatch(/^keys: 127\.0\.0\.1:\d+: unable to (verify|get)/);
    expect((await keys(open, '--cacert', other.certFile)).err).toMatch(/: unable to (verify|get)/);
    expect((await keys(misnamed, ...ca)).err).toMatch(/127\.0\.0\.1 is not in the cert/);
    const plain = await start();
    expect((await keys(plain, '--tls')).err).toMatch(
      /^keys: \S+: the server does not speak TLS\n$/,
    );
    await plain.stop();
  });

  test.each([
    [['--target', 'unix:///t.sock', '--tls'], '--tls: a Unix socket has no TLS'],
    [['--target', 'localhost:1', '--cert', 'a'], '--cert and --key need each other'],
    [['--target', 'localhost:1', '--cacert', '/no/such'], /^--cacert: .*\/no\/such/],
    [['--target', 'localhost:1', '--cert', own.certFile, '--key', other.keyFile], /^--cacert, --c/],
    [['--target', 'localhost:1', '--cacert', join(__dirname, 'x.ts')], /^--cacert: /],
  ])('%j is bad usage', async (flags, message) => {
    const { code, out, err } = await run('keys', 'list', ...flags);
    expect([code, out]).toEqual([2, '']);
    expect(err.replace('keys: ', '').trimEnd()).toEqual(expect.stringMatching(message));
  });

  const usage = { orgId: 'acme', meter: 'executions', quantity: 1 };

  test('the client records, with a key or with a certificate', async () => {
    const tls = { rootCertificate: authority.cert };
    const apiKey = bootstrapKey(open);
    const known = openTollgate({ target: open.address, apiKey, tls });
    expect((await known.record(usage)).outcome).toBe('RECORDED');
    await known.close();
    const certified = openTollgate({
      target: closed.address,
      apiKey: bootstrapKey(closed),
      tls: { ...tls, clientCertificate: { certificate: mine.cert, privateKey: mine.key } },
    });
    expect((await certified.record(usage)).outcome).toBe('RECORDED');
    await certified.close();
  });

  test('the client does not talk to a server that it does not believe', async () => {
    const tls = { rootCertificate: other.cert };
    const tollgate = openTollgate({ target: open.address, tls, usageDeadlineMs: 500 });
    await expect(tollgate.record(usage)).rejects.toMatchObject({ name: 'TollgateUnavailable' });
    await tollgate.close();
  });
});

async function run(...argv: readonly string[]) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const code = await main(argv, { stdout, stderr });
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') };
}
