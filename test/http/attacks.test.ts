// What a stranger can do to the HTTP port, byte by byte. After each the server answers a good client,
// has kept little, and says nothing of a fault of its own.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { limits } from '../../src/limits.js';
import { http } from '../support/http.js';
import { type Running, start } from '../support/service.js';
import { openWire, type Wire } from '../support/wire.js';

let running: Running;
const wires: Wire[] = [];
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
const MIB = 1024 * 1024;

beforeAll(async () => {
  running = await start();
});

afterAll(() => running.stop());

afterEach(async () => {
  expect(await goodStatus()).toBe(200);
  for (const { socket } of wires.splice(0)) socket.destroy();
  expect(running.fatal).toEqual([]);
  expect(running.logLines.filter((line) => /"level":"?(error|fatal|50|60)/.test(line))).toEqual([]);
});

async function goodStatus(): Promise<number> {
  return (await http(running, 'GET', '/v1/orgs/acme/usage')).status;
}

async function wire(bytes: string | Buffer = ''): Promise<Wire> {
  const opened = await openWire(running);
  wires.push(opened);
  if (bytes.length > 0) opened.socket.write(bytes);
  return opened;
}

async function heldBytes(): Promise<number> {
  await new Promise((done) => setImmediate(done));
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const GET = 'GET /v1/orgs/acme/usage HTTP/1.1\r\nhost: x\r\n';
const POST = `POST /v1/orgs/acme/usage:record HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;

const NO_REQUEST: readonly [what: string, bytes: string | Buffer, status: number][] = [
  ["HTTP/2's preface", 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['the beginning of TLS', Buffer.from('16030100c8010000c40303', 'hex'), 400],
  ['garbage', Buffer.from([...Array(256).keys()].reverse()), 400],
  ['an unknown method', 'STEAL / HTTP/1.1\r\nhost: x\r\n\r\n', 400],
  ['another version', 'GET / HTTP/9.9\r\nhost: x\r\n\r\n', 400],
  ['a NUL in a header', `${GET}a: b\0c\r\n\r\n`, 400],
  ['a CR in a header', `${GET}a: b\rc: d\r\n\r\n`, 400],
  ['a line folded in a header', `${GET}transfer-encoding:\r\n chunked\r\n\r\n`, 400],
  ['a space before the colon', `${GET}content-length : 5\r\n\r\n`, 400],
  ['two lengths', `${POST}content-length: 1\r\ncontent-length: 2\r\n\r\n{}`, 400],
  ['a negative length', `${POST}content-length: -1\r\n\r\n{}`, 400],
  ['a length and chunks', `${POST}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}`, 400],
  ['a chunk of no size', `${POST}transfer-encoding: chunked\r\n\r\nxyz\r\n{}`, 400],
  ['headers beyond their bound', `${GET}a: ${'x'.repeat(limits.httpHeaderBytes)}\r\n\r\n`, 431],
  ['a path beyond it', `GET /${'x'.repeat(limits.httpHeaderBytes)} HTTP/1.1\r\n\r\n`, 431],
];

test.each(NO_REQUEST)('%s is refused in the form of every refusal', async (_, bytes, status) => {
  const { ended } = await wire(bytes);
  const [head = '', body = ''] = (await ended).split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(head).toContain('content-type: application/json');
  expect(head.toLowerCase()).toContain('connection: close');
  expect(JSON.parse(body)).toMatchObject({
    code: 3,
    details: [{ domain: 'tollgate.dev' }],
  });
});

test('slow requests are cut, and what never comes is not waited for', async () => {
  const slow = await wire('GET / HTTP/1.1\r\n');
  const dripping = setInterval(() => slow.socket.write('a'), 500);
  const silent = await wire();
  const half = await wire(`${GET}a: b`);
  const body = await wire(`${POST}content-length: 9\r\n\r\n{`);
  const answers = await Promise.all([slow.ended, silent.ended, half.ended, body.ended]);
  clearInterval(dripping);
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 .*REQUEST_TIMED_OUT/s);
  expect(running.core.metrics.connectionsEnded.http.slow.value()).toBe(answers.length);
});

test('a body that ends before its length is the end of that connection only', async () => {
  const { socket, ended } = await wire(`${POST}content-length: 100\r\n\r\n{"event":`);
  socket.end();
  await ended;
});

test('what comes after the length is the next request, and none', async () => {
  const { ended } = await wire(`${POST}content-length: 2\r\n\r\n{}{"event":{}}`);
  expect((await ended).match(/HTTP\/1\.1 \d+/g)).toContain('HTTP/1.1 400');
});

test('a body beyond its bound is refused before it comes, and not read to its end', async () => {
  const declared = await wire(`${POST}content-length: ${limits.messageBytes + 1}\r\n\r\n`);
  expect(await declared.ended).toMatch(/^HTTP\/1\.1 413 .*BODY_TOO_LARGE/s);
  const { socket, ended } = await wire(`${POST}transfer-encoding: chunked\r\n\r\n`);
  const chunk = `${(64 * 1024).toString(16)}\r\n${'x'.repeat(64 * 1024)}\r\n`;
  const pump = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', pump);
  pump();
  expect(await ended).toMatch(/^HTTP\/1\.1 413 .*BODY_TOO_LARGE/s);
  expect(socket.bytesWritten).toBeLessThan(limits.messageBytes + 16 * MIB);
});

test('who sends all of a body beyond its bound still reads that it is refused', async () => {
  const bytes = limits.messageBytes + MIB;
  for (const length of [`content-length: ${bytes}`, 'transfer-encoding: chunked']) {
    const chunk = `${bytes.toString(16)}\r\n`;
    const { socket, ended } = await wire(`${POST}${length}\r\n\r\n`);
    socket.write(length.includes('chunked') ? chunk : '');
    for (let sent = 0; sent < bytes; sent += 64 * 1024) {
      socket.write('x'.repeat(64 * 1024));
      await new Promise((done) => setImmediate(done));
    }
    expect(await ended).toMatch(/^HTTP\/1\.1 413 .*BODY_TOO_LARGE/s);
  }
});

test.each(['HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND'])(
  '%s is no method here',
  async (method) => {
    const { until } = await wire(`${method} /v1/orgs/acme/usage HTTP/1.1\r\nhost: x\r\n\r\n`);
    expect(await until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 405 .*allow: GET\r\n/s);
  },
);

test('a body that is not UTF-8 is refused', async () => {
  const body = Buffer.from('{"event":{"event_id":"\xff"}}', 'latin1');
  const { until } = await wire(
    Buffer.concat([Buffer.from(`${POST}content-length: ${body.length}\r\n\r\n`), body]),
  );
  expect(await until('}]}')).toMatch(/^HTTP\/1\.1 400 .*UTF-8/s);
});

test('connections that wait keep no good client out', async () => {
  const many = Array.from({ length: limits.httpConnections });
  await Promise.all(many.map(() => wire()));
  for (let client = 0; client < 20; client++) expect(await goodStatus()).toBe(200);
  await Promise.all(many.map(() => wire(`${POST}content-length: 9\r\n\r\n{`)));
  for (let client = 0; client < 20; client++) expect(await goodStatus()).toBe(200);
  const { evicted } = running.core.metrics.connectionsEnded.http;
  // On a slow machine many are ended for being slow before.
  expect(evicted.value()).toBeGreaterThan(0);
});

test('requests by the thousand on one connection end it', async () => {
  const before = await heldBytes();
  const { ended } = await wire(`${GET}\r\n`.repeat(20_000));
  await ended;
  expect((await heldBytes()) - before).toBeLessThan(32 * MIB);
});

test('some requests ahead of their answers are answered in their order', async () => {
  const paths = Array.from({ length: limits.httpPipelined }, (_, index) => `/nothing/${index}-`);
  const { until } = await wire(
    paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`).join(''),
  );
  const answers = await until(paths.at(-1) ?? '');
  expect(answers.match(/\/nothing\/\d+-/g)).toEqual(paths);
});

test('readers that take no answers make little wait', async () => {
  const before = await heldBytes();
  const page = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n';
  for (let reader = 0; reader < 100; reader++) {
    const { socket } = await wire();
    socket.pause();
    socket.write(`${page}\r\n`.repeat(limits.httpPipelined));
  }
  expect(await goodStatus()).toBe(200);
  expect((await heldBytes()) - before).toBeLessThan(64 * MIB);
});

test('bodies that do not end hold no more than their share together', async () => {
  const before = await heldBytes();
  const most = 'x'.repeat(limits.messageBytes - MIB);
  const slow: Wire[] = [];
  for (let body = 0; body < 30; body++) {
    const opened = await wire(`${POST}content-length: ${limits.messageBytes}\r\n\r\n`);
    slow.push(opened);
    await new Promise((done) => opened.socket.write(most, done));
  }
  expect(await slow[0]?.until('OVERLOADED')).toMatch(/^HTTP\/1\.1 503 .*retry-after: 1\r\n/s);
  expect(running.core.metrics.requestsRefused.http.bodies_too_large.value()).toBeGreaterThan(0);
  const good = await http(running, 'POST', '/v1/orgs/acme/usage:record', { body: `"${most}"` });
  expect(good.status).toBe(400);
  expect((await heldBytes()) - before).toBeLessThan(limits.httpBodiesBytes + 32 * MIB);
});
