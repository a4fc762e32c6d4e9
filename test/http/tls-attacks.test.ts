// Connections that wait on the port of HTTP with TLS, before and after their handshake.

import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { limits } from '../../src/limits.js';
import { makeAuthority, opensslAbsent, opensslNote } from '../support/certificates.js';
import { AUTH_ON, bearer, bootstrapKey } from '../support/keys.js';
import { type Running, start } from '../support/service.js';

describe.skipIf(opensslAbsent)(`HTTP with TLS${opensslNote}`, () => {
  let authority: ReturnType<typeof makeAuthority>;
  let running: Running;
  let at: { readonly host: string; readonly port: number };

  beforeAll(async () => {
    authority = makeAuthority('ours');
    const { certFile, keyFile } = authority.issue();
    const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile];
    running = await start({ flags: [...AUTH_ON, ...files] });
    const [host = '', port = ''] = (running.service.addresses.http[0] ?? '').split(':');
    at = { host, port: Number(port) };
  });
  afterAll(async () => {
    await running.stop();
    expect(running.fatal).toEqual([]);
    authority.remove();
  });

  /** A few at a time, so that the system does not make them wait. */
  async function many(count: number, open: () => Socket, opened: string): Promise<Socket[]> {
    const sockets: Socket[] = [];
    while (sockets.length < count) {
      const some = Array.from({ length: 50 }, () => {
        const socket = open();
        // Without reading it would not see its end.
        socket.on('error', () => {}).resume();
        return new Promise<Socket>((resolve) => {
          socket.once(opened, () => resolve(socket));
          socket.once('close', () => resolve(socket));
        });
      });
      sockets.push(...(await Promise.all(some)));
    }
    return sockets;
  }

  function goodStatus(): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const headers = bearer(bootstrapKey(running));
      const own = { ...at, ca: authority.cert, agent: false, headers, path: '/v1/whoami' };
      request(own, (response) => {
        response.resume().once('end', () => resolve(response.statusCode));
      })
        .once('error', reject)
        .end();
    });
  }

  const WAITING: [string, () => Socket, string][] = [
    ['have not begun', () => connect(at), 'connect'],
    ['are over', () => connectTls({ ...at, ca: authority.cert }), 'secureConnect'],
  ];
  test.each(WAITING)('silent ones whose handshakes %s keep nobody out', async (_, open, opened) => {
    const sockets = await many(limits.httpConnections + 100, open, opened);
    for (let client = 0; client < 10; client++) expect(await goodStatus()).toBe(200);
    expect(sockets[0]?.destroyed).toBe(true);
    expect(sockets.at(-1)?.destroyed).toBe(false);
    for (const socket of sockets) socket.destroy();
  });
});
