// Certificates and keys in files that change under us, good and bad.

import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { openTlsFiles, type TlsFilesOptions } from '../../src/access/tls-files.js';
import type { TlsMaterial } from '../../src/access/tls-material.js';
import {
  type Authority,
  type Certificate,
  makeAuthority,
  opensslAbsent,
  opensslNote,
} from '../support/certificates.js';
import { createTestClock } from '../support/clock.js';
import { temporaryDirectory } from '../support/service.js';

const DAY_MS = 86_400_000;

describe.skipIf(opensslAbsent)(`the files of a TLS server${opensslNote}`, () => {
  let authority: Authority & { readonly remove: () => void };
  let first: Certificate;
  let second: Certificate;
  let ended: Certificate;
  let short: Certificate;

  beforeAll(() => {
    authority = makeAuthority('authority');
    first = authority.issue();
    second = authority.issue();
    ended = authority.issue({ days: -1 });
    short = authority.issue({ days: 2 });
  });
  afterAll(() => authority.remove());

  /** With `first` in place, unless it says otherwise. */
  async function open(given: Certificate = first, changes: Partial<TlsFilesOptions> = {}) {
    const directory = temporaryDirectory();
    const place = (name: string, from: string) => {
      const path = join(directory, name);
      copyFileSync(from, path);
      return path;
    };
    const paths = {
      certFile: place('tls.crt', given.certFile),
      keyFile: place('tls.key', given.keyFile),
      clientCaFile: place('ca.crt', authority.certFile),
    };
    const clock = createTestClock(Date.now());
    const reloaded: TlsMaterial[] = [];
    const troubles: string[] = [];
    const errors: unknown[] = [];
    const files = await openTlsFiles({
      ...paths,
      clock,
      // The timer looks only where a test is about it.
      everyMs: DAY_MS,
      onReload: (material) => reloaded.push(material),
      onTrouble(state, error) {
        troubles.push(state);
        errors.push(error);
      },
      ...changes,
    });
    onTestFinished(async () => {
      await files.close();
      rmSync(directory, { recursive: true });
    });
    const write = ({ cert, key }: Pick<Certificate, 'cert' | 'key'>) => {
      writeFileSync(paths.certFile, cert);
      writeFileSync(paths.keyFile, key);
    };
    return { files, ...paths, directory, clock, reloaded, troubles, errors, write };
  }

  test('are read at once, with the end of what ends first', async () => {
    const { files, reloaded, troubles } = await open();
    expect(files.current()).toEqual({ cert: first.cert, key: first.key, ca: authority.cert });
    expect(files.notAfterMs()).toBe(Date.parse(new X509Certificate(first.cert).validTo));
    expect([files.failing(), reloaded, troubles]).toEqual([false, [], []]);
  });

  test('without authorities of clients there are none', async () => {
    const { certFile, keyFile } = first;
    const clock = createTestClock(Date.now());
    const none = { onReload: () => {}, onTrouble: () => {} };
    const files = await openTlsFiles({ certFile, keyFile, clock, ...none });
    expect(files.current()).toEqual({ cert: first.cert, key: first.key });
    await files.close();
  });

  test('are taken once they are new, and only then', async () => {
    const { files, write, reloaded, troubles } = await open();
    await files.refresh();
    write(first);
    await files.refresh();
    expect(reloaded).toEqual([]);
    write(second);
    await files.refresh();
    await files.refresh();
    expect(reloaded).toEqual([{ cert: second.cert, key: second.key, ca: authority.cert }]);
    expect(files.current()).toBe(reloaded[0]);
    expect(troubles).toEqual([]);
  });

  test('are taken where only the authorities of clients are new', async () => {
    const { files, clientCaFile, reloaded } = await open();
    writeFileSync(clientCaFile, Buffer.concat([authority.cert, first.cert]));
    await files.refresh();
    expect(reloaded).toHaveLength(1);
  });

  test('are looked at again and again by themselves', async () => {
    const { write, reloaded } = await open(first, { everyMs: 5 });
    write(second);
    await vi.waitFor(() => expect(reloaded).toHaveLength(1));
  });

  test('may be swapped as a folder, by a symbolic link', async () => {
    const { directory } = await open();
    const fill = (version: string, { cert, key }: Certificate) => {
      mkdirSync(join(directory, version));
      writeFileSync(join(directory, version, 'tls.crt'), cert);
      writeFileSync(join(directory, version, 'tls.key'), key);
      symlinkSync(version, join(directory, '..tmp'));
      renameSync(join(directory, '..tmp'), join(directory, '..data'));
    };
    fill('..1', first);
    const certFile = join(directory, '..data', 'tls.crt');
    const keyFile = join(directory, '..data', 'tls.key');
    const { files, reloaded, troubles } = await open(first, { certFile, keyFile });
    fill('..2', second);
    await files.refresh();
    expect(reloaded[0]).toMatchObject({ cert: second.cert, key: second.key });
    expect(troubles).toEqual([]);
  });

  test('replaced one by one are trouble until the last is there', async () => {
    const { files, certFile, keyFile, reloaded, troubles } = await open();
    writeFileSync(certFile, second.cert);
    await files.refresh();
    expect(files.failing()).toBe(true);
    expect(files.current().cert).toEqual(first.cert);
    writeFileSync(keyFile, second.key);
    await files.refresh();
    expect(files.failing()).toBe(false);
    expect(reloaded).toHaveLength(1);
    expect(troubles).toEqual(['tls_files_failing', 'tls_files_good']);
  });

  type Opened = Awaited<ReturnType<typeof open>>;
  const bad: readonly (readonly [string, string, (opened: Opened) => void])[] = [
    ['the certificate is gone', 'FILE_UNREADABLE', ({ certFile }) => rmSync(certFile)],
    ['the key is gone', 'FILE_UNREADABLE', ({ keyFile }) => rmSync(keyFile)],
    ['the authorities are gone', 'FILE_UNREADABLE', ({ clientCaFile }) => rmSync(clientCaFile)],
    ['a file is empty', 'TLS_FILES_INVALID', ({ certFile }) => writeFileSync(certFile, '')],
    [
      'the key is another',
      'TLS_FILES_INVALID',
      ({ keyFile }) => writeFileSync(keyFile, second.key),
    ],
    ['the key is none', 'TLS_FILES_INVALID', ({ keyFile }) => writeFileSync(keyFile, 'secret')],
    [
      'the key is cut',
      'TLS_FILES_INVALID',
      ({ write }) => write({ ...second, key: cut(second.key) }),
    ],
    [
      'the key is encrypted',
      'TLS_FILES_INVALID',
      ({ keyFile }) => writeFileSync(keyFile, locked()),
    ],
    [
      'the certificate is cut',
      'TLS_FILES_INVALID',
      ({ write }) => write({ ...second, cert: cut(second.cert) }),
    ],
    [
      'another of the chain is none',
      'TLS_FILES_INVALID',
      ({ write }) => write({ ...second, cert: Buffer.concat([second.cert, Buffer.from(EMPTY)]) }),
    ],
    [
      'the chain begins with the authority',
      'TLS_FILES_INVALID',
      ({ write }) => write({ ...second, cert: Buffer.concat([authority.cert, second.cert]) }),
    ],
    [
      'the authorities are none',
      'TLS_FILES_INVALID',
      ({ clientCaFile }) => writeFileSync(clientCaFile, EMPTY),
    ],
    [
      'the authorities are a key',
      'TLS_FILES_INVALID',
      ({ clientCaFile }) => writeFileSync(clientCaFile, second.key),
    ],
    ['the certificate has ended', 'TLS_CERTIFICATE_NOT_VALID', ({ write }) => write(ended)],
    [
      'a file is too long',
      'FILE_UNREADABLE',
      ({ certFile }) => writeFileSync(certFile, Buffer.alloc(1024 * 1024 + 1, second.cert)),
    ],
  ];

  test.each(bad)('keep the old ones in use where %s', async (_, code, spoil) => {
    const opened = await open();
    const { files, write, clientCaFile, reloaded, troubles, errors } = opened;
    spoil(opened);
    await files.refresh();
    await files.refresh();
    expect(files.current()).toEqual({ cert: first.cert, key: first.key, ca: authority.cert });
    expect([files.failing(), reloaded, troubles]).toEqual([true, [], ['tls_files_failing']]);
    expect(errors[0]).toMatchObject({ code });
    expect(`${errors[0]}`).not.toContain('secret');
    write(second);
    writeFileSync(clientCaFile, authority.cert);
    await files.refresh();
    expect([files.failing(), troubles.at(-1)]).toEqual([false, 'tls_files_good']);
    expect(files.current().cert).toEqual(second.cert);
  });

  test('refuse to open where there is nothing to serve with', async () => {
    await expect(open({ ...first, keyFile: second.keyFile })).rejects.toMatchObject({
      code: 'TLS_FILES_INVALID',
    });
    await expect(open(first, { certFile: '/nowhere/tls.crt' })).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
    });
  });

  test('open with a certificate that has ended, and say so', async () => {
    const { files, write, troubles } = await open(ended);
    expect([files.failing(), troubles]).toEqual([true, ['tls_files_failing']]);
    expect(files.current().cert).toEqual(ended.cert);
    write(first);
    await files.refresh();
    expect(files.current().cert).toEqual(first.cert);
    expect(troubles).toEqual(['tls_files_failing', 'tls_files_good']);
  });

  test('are trouble once the certificate in use has ended', async () => {
    const { files, clock, troubles } = await open();
    clock.advance(6 * DAY_MS);
    await files.refresh();
    expect(files.failing()).toBe(false);
    clock.advance(2 * DAY_MS);
    await files.refresh();
    expect([files.failing(), troubles]).toEqual([true, ['tls_files_failing']]);
  });

  test('count with every certificate of the chain', async () => {
    const { files, write } = await open();
    write({ ...second, cert: Buffer.concat([second.cert, short.cert]) });
    await files.refresh();
    expect(files.notAfterMs()).toBeLessThan(Date.now() + 3 * DAY_MS);
  });
});

const EMPTY = '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n';

function cut(pem: Buffer): Buffer {
  const text = pem.toString();
  return Buffer.from(text.slice(0, 60) + text.slice(124));
}

function locked(): string {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' },
  }).privateKey;
}
