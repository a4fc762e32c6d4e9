// Who keeps the gRPC port waiting: what ends them and when, and that they keep nobody out. All of
// them wait at the same time.

import { connect, type Socket } from 'node:net';
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SECOND_MS } from '../../src/base/units.js';
import { limits } from '../../src/limits.js';
import { frameFlag, frameType } from '../bench/h2-frames.js';
import { besiege, stopAfterwards } from '../support/besieged.js';
import { catalogueYaml } from '../support/catalogue.js';
import { makeAuthority, opensslAbsent, opensslNote } from '../support/certificates.js';
import {
  callFields,
  data,
  type Field,
  GREETING,
  headerBlock,
  headers,
  message,
  openH2Wire,
} from '../support/h2-wire.js';
import { AUTH_ON, bootstrapKey, makeKey } from '../support/keys.js';
import { type Running, start } from '../support/service.js';

const RECORD = '/tollgate.v1.MeteringService/Record';
const CALM = 11;
/** Sweeps are a second apart, and the machine may be slow. */
const LATE_MS = 4 * SECOND_MS;

let running: Running;
let key: string;

beforeAll(async () => {
  running = await start({ yaml: catalogueYaml(), flags: AUTH_ON });
  key = (await makeKey(running, { org_id: 'acme', roles: ['operator'] })).secret;
});
afterAll(() => stopAfterwards(running));

/** A few at a time: beyond 511 that nobody has accepted yet, the system makes clients wait. */
async function many<Made>(count: number, make: () => Promise<Made>): Promise<readonly Made[]> {
  const made: Made[] = [];
  while (made.length < count) {
    const some = Array.from({ length: Math.min(100, count - made.length) }, make);
    made.push(...(await Promise.all(some)));
    await new Promise((done) => setTimeout(done, 5));
  }
  return made;
}

/** That do nothing. */
function idle(address: string, count: number): Promise<readonly Socket[]> {
  const [host = '', port = ''] = address.split(':');
  return many(count, () => {
    const socket = connect({ host, port: Number(port) });
    // Without reading it would not see its end.
    socket.on('error', () => {}).resume();
    return new Promise<Socket>((resolve) => {
      socket.once('connect', () => resolve(socket));
      socket.once('close', () => resolve(socket));
    });
  });
}

function destroyAll(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy();
}

/** Once the server has taken all of them in. */
async function openOf(sockets: readonly Socket[]): Promise<number> {
  for (let waits = 0; ; waits++) {
    const open = sockets.filter(({ destroyed }) => !destroyed).length;
    if (open < limits.grpcConnections || waits === 100) return open;
    await new Promise((done) => setTimeout(done, 20));
  }
}

test('2,000 silent connections keep nobody out, and the oldest make room', () =>
  besiege({ running, key }, async () => {
    const sockets = await idle(running.address, 2000);
    expect(await openOf(sockets)).toBeLessThan(limits.grpcConnections);
    expect(sockets[0]?.destroyed).toBe(true);
    expect(sockets.at(-1)?.destroyed).toBe(false);
    destroyAll(sockets);
  }));

test('connections that greet, and ask what needs no credential, make room too', () =>
  besiege({ running, key }, async () => {
    const watch = headerBlock(callFields('/grpc.health.v1.Health/Watch'));
    const whole = data(1, message(Buffer.alloc(0)), frameFlag.endStream);
    const wires = await many(1200, async () => {
      const on = await openH2Wire({ address: running.address });
      on.write(GREETING, headers(1, watch), whole);
      return on;
    });
    expect(await openOf(wires.map(({ socket }) => socket))).toBeLessThan(limits.grpcConnections);
    for (const { socket } of wires) socket.destroy();
  }));

describe('what never comes is not waited for:', () => {
  const good: Field = ['authorization', 'Bearer '];
  const call = (...more: readonly Field[]) => headerBlock(callFields(RECORD, ...more));
  const own = () => call([good[0], good[1] + key]);
  /** In the preface, before SETTINGS. */
  const SILENT = [GREETING.subarray(0, 20), GREETING.subarray(0, 24)];
  /** By clients that answer pings. */
  const SLOW: readonly (() => Buffer)[] = [
    () => headers(1, own()),
    () => Buffer.concat([headers(1, own()), data(1, message(own(), 9999))]),
    // All of the message, and not the end of the stream.
    () => Buffer.concat([headers(1, own()), data(1, message(own()))]),
    () => headers(1, headerBlock(callFields('/grpc.health.v1.Health/Check'))),
    () => headers(1, headerBlock(callFields('/no'))),
  ];

  async function isSilent(bytes: Buffer): Promise<void> {
    const on = await openH2Wire({ address: running.address, polite: 'off' });
    on.write(bytes);
    expect(await on.ended).toBeLessThan(limits.handshakeMs + LATE_MS);
  }

  async function drips(): Promise<void> {
    const on = await openH2Wire({ address: running.address, polite: 'off' });
    let at = 0;
    const timer = setInterval(() => on.write(GREETING.subarray(at, ++at)), SECOND_MS);
    expect(await on.ended).toBeLessThan(limits.handshakeMs + LATE_MS);
    expect(at).toBeGreaterThan(5);
    clearInterval(timer);
  }

  async function isSlow(first: Buffer): Promise<void> {
    const on = await openH2Wire({ address: running.address });
    on.write(GREETING, first);
    const startedMs = performance.now();
    const reset = await on.until(({ type }) => type === frameType.rstStream);
    expect(reset?.payload.readUInt32BE(0)).toBe(CALM);
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(limits.requestMs - LATE_MS);
    expect(tookMs).toBeLessThan(limits.requestMs + LATE_MS);
    on.socket.destroy();
  }

  async function isStream(): Promise<void> {
    const on = await openH2Wire({ address: running.address });
    const path = '/tollgate.v1.MeteringService/RecordStream';
    const block = headerBlock(callFields(path, [good[0], good[1] + key]));
    on.write(GREETING, headers(1, block));
    await new Promise((done) => setTimeout(done, limits.requestMs + LATE_MS / 2));
    expect(on.frames.map(({ type }) => type)).not.toContain(frameType.rstStream);
    expect(on.socket.destroyed).toBe(false);
    on.socket.destroy();
  }

  test.concurrent('the rest of what was begun; but a stream of events may be silent', () =>
    besiege({ running, key }, async () => {
      await Promise.all([
        ...SILENT.map(isSilent),
        drips(),
        ...SLOW.map((first) => isSlow(first())),
        isStream(),
      ]);
      const { connectionsEnded, requestsRefused } = running.core.metrics;
      expect(connectionsEnded.grpc.slow.value()).toBeGreaterThanOrEqual(SILENT.length + 1);
      expect(requestsRefused.grpc.slow.value()).toBe(SLOW.length);
    }));

  const tls = opensslAbsent ? test.skip : test.concurrent;
  tls(`the end of a handshake, and nobody is kept out${opensslNote}`, async () => {
    const authority = makeAuthority('ours');
    const { certFile, keyFile } = authority.issue();
    const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile];
    const secure = await start({ yaml: catalogueYaml(), flags: [...AUTH_ON, ...files] });
    try {
      const platform = bootstrapKey(secure);
      const ssl = credentials.createSsl(authority.cert);
      let first: Promise<void> | undefined;
      const startedMs = performance.now();
      await besiege({ running: secure, key: platform, credentials: ssl }, async () => {
        const silent = await idle(secure.address, 1000);
        const hello = Buffer.from('16030100c8010000c40303', 'hex');
        for (const socket of silent.slice(0, 500)) socket.write(hello);
        const last = silent.at(-1);
        first = new Promise((resolve) => last?.once('close', () => resolve()));
        const more = await idle(secure.address, 600);
        await openOf([...silent, ...more]);
        expect(silent[0]?.destroyed).toBe(true);
        expect(more.at(-1)?.destroyed).toBe(false);
        destroyAll(silent.slice(0, -1));
        destroyAll(more);
      });
      await first;
      expect(performance.now() - startedMs).toBeLessThan(limits.handshakeMs + 2 * LATE_MS);
    } finally {
      await secure.stop();
      authority.remove();
    }
  });
});
