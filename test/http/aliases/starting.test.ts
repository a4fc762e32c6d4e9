// While the journal is replayed, HTTP is there already, and says so.

import { expect, test } from 'vitest';
import { openHttpServer } from '../../../src/http/server.js';
import { openMetrics } from '../../../src/telemetry/metrics.js';
import { http } from '../../support/http.js';

test('a call during the start is told to come again, in words that its caller parses', async () => {
  const metrics = openMetrics({ version: '0' });
  const server = await openHttpServer({
    corsOrigins: [],
    tls: undefined,
    pages: new Map(),
    metrics,
    addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    onError: (error) => expect.unreachable(String(error)),
  });
  const service = { addresses: { grpc: [], http: server.bound, ops: [] } };
  const ask = (path: string) => http({ service } as never, 'GET', path);
  for (const path of [
    '/admin/billing/usage',
    '/admin/billing/usage/history',
    '/admin/billing/quota',
  ]) {
    expect(await ask(path)).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      json: { detail: 'Billing not initialized' },
    });
  }
  expect(await ask('/v1/orgs/acme/usage')).toMatchObject({
    status: 503,
    headers: { 'retry-after': '1' },
    json: { code: 14, details: [{ reason: 'NOT_READY' }, {}] },
  });
  server.serve({
    answer: async () => ({ status: 200, headers: {}, body: 'served' }),
    refuse: () => expect.unreachable('nothing is refused'),
  });
  expect((await ask('/admin/billing/usage')).bytes.toString()).toBe('served');
  await server.close();
  await server.close();
  metrics.close();
});
