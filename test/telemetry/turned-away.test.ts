// What is turned away is counted, by why. Counters of slow peers and of bounds that take many of them
// to reach are asserted where those attacks are tested: `test/access/`, `test/http/attacks.test.ts`.

import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { limits } from '../../src/limits.js';
import type { Counter } from '../../src/telemetry/instruments.js';
import type { Metrics } from '../../src/telemetry/metrics.js';
import { frameFlag } from '../bench/h2-frames.js';
import { catalogueYaml } from '../support/catalogue.js';
import {
  callFields,
  data,
  type Field,
  GREETING,
  headerBlock,
  headers,
  message,
  openH2Wire,
  statusOf,
} from '../support/h2-wire.js';
import { AUTH_ON, bootstrapKey } from '../support/keys.js';
import { type Running, start } from '../support/service.js';
import { openWire } from '../support/wire.js';

const RECORD_BATCH = '/tollgate.v1.MeteringService/RecordBatch';
const RECORD_STREAM = '/tollgate.v1.MeteringService/RecordStream';
const CHECK = '/grpc.health.v1.Health/Check';
const POST =
  'POST /v1/orgs/a/usage:record HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';

let running: Running;
const authorization = (key: string): Field => ['authorization', `Bearer ${key}`];
const known = () => authorization(bootstrapKey(running));

beforeAll(async () => {
  running = await start({ yaml: catalogueYaml(), flags: AUTH_ON });
});
afterAll(() => running.stop());

type Of = (metrics: Metrics) => Counter;
const ENDED: [what: string, counterOf: Of, attack: () => Promise<unknown>][] = [
  [
    'a call without a credential',
    ({ credentialsRefused }) => credentialsRefused.missing,
    () => answerTo(RECORD_BATCH, [], message(EMPTY)),
  ],
  [
    'a call with a bad one',
    ({ credentialsRefused }) => credentialsRefused.invalid,
    () => answerTo(RECORD_BATCH, [authorization('tg_0123456789_x')], message(EMPTY)),
  ],
  [
    'a call with too much metadata',
    ({ requestsRefused }) => requestsRefused.grpc.metadata_too_large,
    () => answerTo(RECORD_BATCH, [known(), ['x-long', 'x'.repeat(limits.metadataBytes)]], EMPTY),
  ],
  [
    'a call that says it is compressed',
    ({ requestsRefused }) => requestsRefused.grpc.compressed,
    () => answerTo(RECORD_BATCH, [known(), ['grpc-encoding', 'gzip']], EMPTY),
  ],
  [
    'a message of too many elements',
    ({ requestsRefused }) => requestsRefused.grpc.too_many_elements,
    () => answerToMany('unary'),
  ],
  [
    'a message of too many elements on a stream',
    ({ requestsRefused }) => requestsRefused.grpc.too_many_elements,
    () => answerToMany('stream'),
  ],
  [
    'more than health takes',
    ({ requestsRefused }) => requestsRefused.grpc.open_service,
    () =>
      answerTo(CHECK, [], message(Buffer.alloc(limits.openServiceBytes - 1), limits.messageBytes)),
  ],
  [
    'a gRPC connection that does not speak HTTP/2',
    ({ connectionsEnded }) => connectionsEnded.grpc.malformed,
    async () => {
      const on = await openH2Wire({ address: running.address, polite: 'off' });
      on.write(Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
      await on.ended;
    },
  ],
  [
    'an HTTP connection that does not speak HTTP',
    ({ connectionsEnded }) => connectionsEnded.http.malformed,
    () => overHttp('nothing\r\n\r\n'),
  ],
  [
    'requests by the thousand ahead of their answers',
    ({ connectionsEnded }) => connectionsEnded.http.pipelining,
    () => overHttp('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(1000)),
  ],
  [
    'a body that is declared too large',
    ({ requestsRefused }) => requestsRefused.http.body_too_large,
    () => overHttp(`${POST}content-length: ${limits.messageBytes + 1}\r\n\r\n`),
  ],
];

test.each(ENDED)('%s is counted once', async (_, counterOf, attack) => {
  const counter = counterOf(running.core.metrics);
  const before = counter.value();
  await attack();
  expect(counter.value()).toBe(before + 1);
});

const EMPTY = Buffer.alloc(0);

async function answerTo(path: string, fields: readonly Field[], body: Buffer): Promise<void> {
  const on = await openH2Wire({ address: running.address });
  on.write(GREETING, headers(1, headerBlock(callFields(path, ...fields))));
  on.write(data(1, body, frameFlag.endStream));
  await statusOf(on, 1);
  on.socket.destroy();
}

/** By a client that minds the window. */
function answerToMany(kind: 'unary' | 'stream'): Promise<void> {
  const client = new Client(running.address, credentials.createInsecure());
  const metadata = Metadata.fromHttp2Headers(Object.fromEntries([known()]));
  const same = (bytes: Buffer) => bytes;
  // Two bytes each.
  const elements = Buffer.from('1200'.repeat(limits.messageElements + 1), 'hex');
  return new Promise<void>((resolve) => {
    if (kind === 'unary') {
      client.makeUnaryRequest(RECORD_BATCH, same, same, elements, metadata, () => resolve());
      return;
    }
    const stream = client.makeBidiStreamRequest(RECORD_STREAM, same, same, metadata);
    stream.once('error', () => resolve());
    stream.write(elements);
  }).finally(() => client.close());
}

async function overHttp(bytes: string): Promise<void> {
  const { socket, ended } = await openWire(running);
  socket.write(bytes);
  await ended;
}
