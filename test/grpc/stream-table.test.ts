// The tables of a connection's streams behave as the Map and the Set that they stand for, and are
// those that Node uses; responses are written with options that cost nothing.

import {
  createServer,
  connect as http2Connect,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { credentials, type Metadata } from '@grpc/grpc-js';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { MeteringServiceClient } from '../../generated/ts/tollgate/v1/metering_service.js';
import { replaceStreamTable, shapeResponseOptions } from '../../src/grpc/harden.js';
import { NewStreams, StreamTable } from '../../src/grpc/stream-table.js';
import { start } from '../support/service.js';

type Step = { readonly act: 'set' | 'delete' | 'get' | 'clear'; readonly id: number };

// Ids that share slots (256 of them, every second id) come up often.
const id = fc.oneof(
  fc.integer({ min: 0, max: 40 }).map((n) => 2 * n + 1),
  fc.integer({ min: 0, max: 5 }).map((n) => 512 * n + 1),
  fc.constantFrom(2 ** 31 - 1, 2 ** 31 - 513),
);
const step: fc.Arbitrary<Step> = fc.record({
  act: fc.constantFrom('set', 'set', 'set', 'delete', 'delete', 'get', 'clear'),
  id,
});

function sorted<V>(table: Map<number, V>): [number, V][] {
  return [...table].sort(([a], [b]) => a - b);
}

test('it answers as a Map does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new StreamTable<number>();
      const map = new Map<number, number>();
      steps.forEach(({ act, id }, n) => {
        if (act === 'set') {
          table.set(id, n);
          map.set(id, n);
        } else if (act === 'delete') expect(table.delete(id)).toBe(map.delete(id));
        else if (act === 'get') {
          expect(table.get(id)).toBe(map.get(id));
          expect(table.has(id)).toBe(map.has(id));
        } else if (n % 20 === 0) {
          table.clear();
          map.clear();
        }
        expect(table.size).toBe(map.size);
      });
      expect(sorted(table)).toEqual(sorted(map));
      expect([...table.keys()].sort()).toEqual([...map.keys()].sort());
      expect([...table.values()].sort()).toEqual([...map.values()].sort());
      const seen = new Map<number, number>();
      table.forEach((value, key) => {
        seen.set(key, value);
      });
      expect(sorted(seen)).toEqual(sorted(map));
    }),
  );
});

test('streams without an id are kept as in a Set', () => {
  const step = fc.record({ add: fc.boolean(), stream: fc.integer({ min: 0, max: 5 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const streams = new NewStreams<number>();
      const set = new Set<number>();
      for (const { add, stream } of steps) {
        if (!add) expect(streams.delete(stream)).toBe(set.delete(stream));
        else if (!set.has(stream)) {
          streams.add(stream);
          set.add(stream);
        }
        expect(streams.size).toBe(set.size);
      }
      const seen: number[] = [];
      streams.forEach((stream) => {
        seen.push(stream);
        streams.delete(stream);
      });
      expect(seen.sort()).toEqual([...set].sort());
    }),
  );
});

test('Node keeps the streams of a connection in them', async () => {
  const tables: SessionState[] = [];
  await request(3, (session) => {
    replaceStreamTable(session);
    session.on('stream', (stream) => {
      tables.push(stateOf(session));
      stream.respond({ ':status': 200 }, { endStream: true });
    });
  });
  expect(tables).toHaveLength(3);
  for (const { streams, pendingStreams } of tables) {
    expect(streams).toBeInstanceOf(StreamTable);
    expect(pendingStreams).toBeInstanceOf(NewStreams);
  }
  const { streams, pendingStreams } = tables[0] as SessionState;
  expect((pendingStreams as NewStreams<unknown>).size).toBe(0);
  await expect.poll(() => (streams as StreamTable<unknown>).size).toBe(0);
});

test('options that all responses share have what Node would add to each copy', async () => {
  const shared = { waitForTrailers: false };
  const headers = await request(2, (session) => {
    session.prependOnceListener('stream', shapeResponseOptions);
    session.on('stream', (stream) => {
      stream.respond({ ':status': 200 }, shared);
      stream.end();
    });
  });
  expect(shared).toEqual({ waitForTrailers: false, endStream: false, sendDate: false });
  for (const each of headers) expect(each).not.toHaveProperty('date');
});

test('grpc-js passes one object for all responses', async () => {
  const running = await start();
  onTestFinished(() => running.stop());
  const client = new MeteringServiceClient(running.address, credentials.createInsecure());
  onTestFinished(() => client.close());
  // Of the first two calls one was shaped itself, the other only shares its options.
  for (let n = 0; n < 2; n++) {
    const metadata = await new Promise<Metadata>((resolve, reject) => {
      const call = client.checkQuota({ orgId: 'acme', items: [] }, (error) => {
        if (error !== null) reject(error);
      });
      call.on('metadata', resolve);
    });
    expect(metadata.get('content-type')).toEqual(['application/grpc+proto']);
    expect(metadata.get('date')).toEqual([]);
  }
});

/** One request after the other on one connection; what each was answered with. */
async function request(
  count: number,
  onSession: (session: ServerHttp2Session) => void,
): Promise<readonly IncomingHttpHeaders[]> {
  const server = createServer();
  server.on('session', onSession);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = http2Connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  const answers: IncomingHttpHeaders[] = [];
  for (let n = 0; n < count; n++) {
    const stream = client.request({ ':path': '/' });
    const headers = await new Promise<IncomingHttpHeaders>((resolve) => {
      stream.on('response', resolve);
    });
    expect(headers[':status']).toBe(200);
    answers.push(headers);
    stream.resume();
    await new Promise((resolve) => stream.once('close', resolve));
  }
  return answers;
}

interface SessionState {
  readonly streams: unknown;
  readonly pendingStreams: unknown;
}

function stateOf(session: ServerHttp2Session): SessionState {
  const fields = session as unknown as Record<symbol, Partial<SessionState> | undefined>;
  for (const symbol of Object.getOwnPropertySymbols(fields)) {
    const { streams, pendingStreams } = fields[symbol] ?? {};
    if (streams !== undefined) return { streams, pendingStreams };
  }
  throw new Error('Node keeps no streams in a session');
}
