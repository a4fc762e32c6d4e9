// The table of a connection's streams behaves as the Map that it stands for, and is the one that
// Node uses.

import { createServer, connect as http2Connect, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { replaceStreamTable } from '../../src/grpc/harden.js';
import { StreamTable } from '../../src/grpc/stream-table.js';

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

test('Node keeps the streams of a connection in it', async () => {
  const server = createServer();
  const tables: unknown[] = [];
  server.on('session', (session: ServerHttp2Session) => {
    replaceStreamTable(session);
    session.on('stream', (stream) => {
      tables.push(tableOf(session));
      stream.respond({ ':status': 200 }, { endStream: true });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = http2Connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  for (let n = 0; n < 3; n++) {
    const stream = client.request({ ':path': '/' });
    const status = await new Promise((resolve) => {
      stream.on('response', (headers) => resolve(headers[':status']));
    });
    expect(status).toBe(200);
    stream.resume();
    await new Promise((resolve) => stream.once('close', resolve));
  }
  expect(tables).toHaveLength(3);
  for (const table of tables) expect(table).toBeInstanceOf(StreamTable);
  const table = tables[0] as StreamTable<unknown>;
  await expect.poll(() => table.size).toBe(0);
});

function tableOf(session: ServerHttp2Session): unknown {
  const fields = session as unknown as Record<symbol, { streams?: unknown } | undefined>;
  for (const symbol of Object.getOwnPropertySymbols(fields)) {
    const streams = fields[symbol]?.streams;
    if (streams !== undefined) return streams;
  }
  return undefined;
}
