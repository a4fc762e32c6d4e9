// TLS of the gRPC server: certificates that are replaced under open streams, and whom it lets in.

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { ServerInterceptingCall } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openTlsFiles } from '../../src/access/tls-files.js';
import { sansIn } from '../../src/grpc/peer-sans.js';
import { createTlsCredentials } from '../../src/grpc/tls-credentials.js';
import {
  type Authority,
  type Certificate,
  makeAuthority,
  opensslAbsent,
  opensslNote,
} from '../support/certificates.js';
import { createTestClock } from '../support/clock.js';
import { temporaryDirectory } from '../support/service.js';
import { openTlsClient, openTlsServer } from '../support/tls-server.js';

const URI = 'spiffe://example.org/ns/prod/orchestrator';
const SANS = [`URI:${URI}`, 'DNS:orchestrator.prod', 'DNS:orchestrator', 'IP:10.0.0.1'];

describe.skipIf(opensslAbsent)(`a gRPC server with TLS${opensslNote}`, () => {
  let authority: Authority & { readonly remove: () => void };
  let stranger: Authority & { readonly remove: () => void };
  let first: Certificate;
  let second: Certificate;
  let client: Certificate;

  beforeAll(() => {
    authority = makeAuthority('authority');
    stranger = makeAuthority('authority');
    first = authority.issue();
    second = authority.issue();
    client = authority.issue({ sans: SANS, usage: 'clientAuth' });
  });
  afterAll(() => {
    authority.remove();
    stranger.remove();
  });

  const material = ({ cert, key }: Certificate = first) => ({ cert, key, ca: authority.cert });
  const serverOnly = ({ cert, key }: Certificate) => ({ cert, key });

  /** A handshake alone. Rejects where it fails, also after our half of it. */
  async function shake(
    port: number,
    options: ConnectionOptions = {},
    onSession: (session: Buffer) => void = () => {},
  ): Promise<TLSSocket> {
    const ca = authority.cert;
    const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'], ...options });
    onTestFinished(() => {
      socket.destroy();
    });
    socket.on('session', onSession);
    await once(socket, 'secureConnect');
    return socket;
  }

  const servedTo = async (port: number) =>
    (await shake(port)).getPeerX509Certificate()?.serialNumber;
  const serialOf = ({ cert }: Certificate) => new X509Certificate(cert).serialNumber;

  test('serves new connections with a new certificate, and open streams go on', async () => {
    const { port, replace } = await openTlsServer(serverOnly(first));
    const before = openTlsClient(port, authority.cert);
    const stream = before.stay();
    const echo = async (text: string) => {
      const coming = once(stream, 'data');
      stream.write(Buffer.from(text));
      return `${(await coming)[0]}`;
    };
    expect(await echo('one')).toBe('one');
    expect(await servedTo(port)).toBe(serialOf(first));
    replace(serverOnly(second));
    expect(await servedTo(port)).toBe(serialOf(second));
    expect(await echo('two')).toBe('two');
    expect(await before.who()).toEqual({ kind: 'absent' });
    const ended = once(stream, 'end');
    stream.end();
    await ended;
  });

  test('goes on with the old files where the new ones are bad, and takes the next good', async () => {
    const directory = temporaryDirectory();
    const [certFile, keyFile] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
    const write = (cert: Buffer | string, key: Buffer) => {
      writeFileSync(certFile, cert);
      writeFileSync(keyFile, key);
    };
    write(first.cert, first.key);
    let replace: (given: { cert: Buffer; key: Buffer }) => void = () => {};
    const files = await openTlsFiles({
      certFile,
      keyFile,
      clock: createTestClock(Date.now()),
      onReload: (next) => replace(next),
      onTrouble: () => {},
    });
    onTestFinished(async () => {
      await files.close();
      rmSync(directory, { recursive: true });
    });
    const server = await openTlsServer(files.current());
    replace = server.replace;
    write('nothing', second.key);
    await files.refresh();
    expect(await servedTo(server.port)).toBe(serialOf(first));
    write(second.cert, second.key);
    await files.refresh();
    expect(await servedTo(server.port)).toBe(serialOf(second));
  });

  test('speaks HTTP/2 over TLS 1.3, or 1.2 with ciphers that keep the past secret', async () => {
    const { port, replace } = await openTlsServer(serverOnly(first));
    for (const now of [first, second]) {
      replace(serverOnly(now));
      const modern = await shake(port);
      expect([modern.getProtocol(), modern.alpnProtocol]).toEqual(['TLSv1.3', 'h2']);
      const older = await shake(port, { maxVersion: 'TLSv1.2' });
      expect([older.getProtocol(), older.alpnProtocol]).toEqual(['TLSv1.2', 'h2']);
      expect(older.getCipher().name).toMatch(/^ECDHE-ECDSA-.*(GCM|POLY1305)/);
      const refused: readonly ConnectionOptions[] = [
        { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
        { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' },
        { ALPNProtocols: ['http/1.1'] },
      ];
      for (const options of refused) await expect(shake(port, options)).rejects.toThrow();
    }
  });

  test('resumes no session: each connection is proved anew', async () => {
    const { port } = await openTlsServer(serverOnly(first));
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const sessions: Buffer[] = [];
      const before = await shake(port, { maxVersion }, (each) => sessions.push(each));
      // What a client could resume has come by the time that the server's first frame has.
      if (before.readableLength === 0) await once(before, 'readable');
      expect(sessions).not.toEqual([]);
      for (const session of sessions) {
        const after = await shake(port, { maxVersion, session });
        expect(after.isSessionReused()).toBe(false);
      }
    }
  });

  describe('that asks for certificates', () => {
    test('knows a caller by the names in its certificate, read once a connection', async () => {
      const { port, seen } = await openTlsServer(material(), 'on');
      const known = openTlsClient(port, authority.cert, client);
      const expected = {
        kind: 'proved',
        uris: [URI],
        dnsNames: ['orchestrator.prod', 'orchestrator'],
        expiresMs: Date.parse(new X509Certificate(client.cert).validTo),
      };
      expect(await known.who()).toEqual(expected);
      expect(await known.who()).toEqual(expected);
      const stream = known.stay();
      stream.end(Buffer.from('a stream'));
      await once(stream, 'data');
      expect(seen).toHaveLength(3);
      expect(seen.every((each) => each === seen[0])).toBe(true);
      const other = authority.issue({ sans: ['DNS:other'], usage: 'clientAuth' });
      expect(await openTlsClient(port, authority.cert, other).who()).toMatchObject({
        uris: [],
        dnsNames: ['other'],
      });
    });

    test('knows it behind interceptors too', async () => {
      const interceptors = Array(2).fill(
        (_: unknown, call: never) => new ServerInterceptingCall(call),
      );
      const { port } = await openTlsServer(material(), 'on', { interceptors });
      const known = openTlsClient(port, authority.cert, client);
      expect(await known.who()).toMatchObject({ kind: 'proved', uris: [URI] });
    });

    const strangers: readonly (readonly [string, string, () => Certificate | undefined])[] = [
      ['none', '', () => undefined],
      [
        'one that has ended',
        'CERT_HAS_EXPIRED',
        () => authority.issue({ sans: SANS, days: -1, usage: 'clientAuth' }),
      ],
      [
        'one of another authority',
        'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        () => stranger.issue({ sans: SANS, usage: 'clientAuth' }),
      ],
      ['one that signs itself', 'DEPTH_ZERO_SELF_SIGNED_CERT', () => stranger],
      ['one that is for servers', 'INVALID_PURPOSE', () => authority.issue({ sans: SANS })],
    ];

    test.each(strangers)('and requires one refuses %s', async (_, _why, own) => {
      const { port, seen } = await openTlsServer(material(), 'on');
      const refused = openTlsClient(port, authority.cert, own()).who();
      await expect(refused).rejects.toMatchObject({ code: 14 });
      expect(seen).toEqual([]);
    });

    test.each(strangers)(
      'and requires none lets in %s, and proves nothing by it',
      async (_, why, own) => {
        const { port } = await openTlsServer(material(), 'off');
        const sans = await openTlsClient(port, authority.cert, own()).who();
        expect(sans).toEqual(why === '' ? { kind: 'absent' } : { kind: 'refused', why });
      },
    );

    test('believes new authorities from the next connection on', async () => {
      const { port, replace } = await openTlsServer(material(), 'on');
      const other = stranger.issue({ sans: SANS, usage: 'clientAuth' });
      const before = openTlsClient(port, authority.cert, client);
      expect(await before.who()).toMatchObject({ kind: 'proved' });
      replace({ cert: first.cert, key: first.key, ca: stranger.cert });
      expect(await openTlsClient(port, authority.cert, other).who()).toMatchObject({ uris: [URI] });
      await expect(openTlsClient(port, authority.cert, client).who()).rejects.toThrow();
    });

    test('makes one name of a name that looks like two', async () => {
      const { port } = await openTlsServer(material(), 'on');
      const sans = [`DNS:a, URI:${URI}`];
      const odd = authority.issue({ sans, usage: 'clientAuth' });
      expect(await openTlsClient(port, authority.cert, odd).who()).toMatchObject({
        uris: [],
        dnsNames: [`a, URI:${URI}`],
      });
    });
  });

  test('cannot require certificates that nobody issues', () => {
    const options = { material: serverOnly(first), requireClientCertificate: 'on' } as const;
    expect(() => createTlsCredentials(options)).toThrow('no file of their authorities');
  });
});

test.each([
  ['', [], []],
  ['DNS:a', [], ['a']],
  ['URI:spiffe://a/b, DNS:c, IP Address:127.0.0.1', ['spiffe://a/b'], ['c']],
  ['DNS:"a\\u002c URI:b"', [], ['a, URI:b']],
  ['email:a@b, othername:<unsupported>, DNS:c', [], ['c']],
  ['DNS:a, DNS:"open', [], []],
  ['DNS:a"b', [], []],
  ['no colon', [], []],
])('the names in %j', (subjectAltName, uris, dnsNames) => {
  expect(sansIn({ subjectAltName })).toEqual({ uris, dnsNames });
});
