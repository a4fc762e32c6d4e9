// The open loop against a node:http2 server that answers when the test wants it.

import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type H2Client, openH2Client } from './h2-client.js';
import { type LoadJobInput, loadJob } from './job.js';
import { driveOpen } from './open-loop.js';
import { createTally } from './tally.js';

const METHOD = '/tollgate.bench.v1.Bench/Noop';
const open: { client: H2Client; server: Http2Server }[] = [];

afterEach(() => {
  for (const { client, server } of open.splice(0)) {
    client.close();
    server.close();
  }
});

test('goes on sending while nothing is answered, and lists every call', async () => {
  const waiting: ServerHttp2Stream[] = [];
  const enough = signal();
  const { start, tally } = await openLoad({ inFlight: 512, ratePerSecond: 1000 }, (stream) => {
    if (waiting.push(stream) === 100) enough.resolve();
    else if (waiting.length > 100) answer(stream);
  });
  tally.begin();
  const drive = start();
  await enough.reached;
  const stopped = drive.stop();
  for (const stream of waiting.slice(0, 100)) answer(stream);
  await stopped;
  tally.end();
  const { calls, errors, samples } = tally.result();
  expect(errors).toBe(0);
  expect(calls).toBe(waiting.length);
  expect(samples?.sentMs).toHaveLength(calls);
  expect(samples?.latencyUs).toHaveLength(calls);
});

test('fails where it would need more calls under way than it may have', async () => {
  const { start, tally } = await openLoad({ inFlight: 5, ratePerSecond: 100_000 }, () => undefined);
  const failed = signal();
  start(failed.resolve);
  await failed.reached;
  expect(tally.result()).toMatchObject({
    errors: 1,
    firstError: '5 calls under way: the server does not keep up with the rate',
  });
});

test('has reached its end once as many calls were answered as the job asks for', async () => {
  const { start, tally } = await openLoad({ inFlight: 512, callsMax: 20 }, answer);
  tally.begin();
  const drive = start();
  await tally.reached;
  tally.end();
  await drive.stop();
  // With those that came in the same turn.
  expect(tally.result().calls).toBeGreaterThanOrEqual(20);
});

/** A load on a server that gives each call to `handle`. */
async function openLoad(given: Partial<LoadJobInput>, handle: (stream: ServerHttp2Stream) => void) {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.on('end', () => handle(stream));
    stream.resume();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const job = loadJob.parse({
    address,
    method: METHOD,
    kind: 'open',
    body: 'noop',
    connections: 2,
    seconds: 1,
    samples: 'yes',
    ...given,
  });
  const failed = (error: Error) => {
    throw error;
  };
  const client = await openH2Client({ address, method: METHOD, connections: 2, failed });
  open.push({ client, server });
  const tally = createTally(job);
  const start = (onError: () => void = () => undefined) =>
    driveOpen(job, client, {
      ...tally,
      error(text) {
        tally.error(text);
        onError();
      },
    });
  return { start, tally };
}

function signal() {
  let resolve: () => void = () => undefined;
  const reached = new Promise<void>((done) => {
    resolve = done;
  });
  return { reached, resolve: () => resolve() };
}

function answer(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(Buffer.alloc(5));
}
