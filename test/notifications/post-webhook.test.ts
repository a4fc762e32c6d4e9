import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { isRefusedAddress } from '../../src/operations/notifications/check-url.js';
import { postWebhook } from '../../src/pumps/post-webhook.js';
import { openReceiver } from '../support/receiver.js';

function post(url: string, more: { timeoutMs?: number; signal?: AbortSignal } = {}) {
  const { signal } = new AbortController();
  return postWebhook({ url, headers: {}, body: '{}', timeoutMs: 5000, signal, ...more });
}

/** Says this, whatever it is asked, and closes only where it is told to. */
async function rawServer(act: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    act(socket);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('a redirect is an answer, and nobody follows it', async () => {
  const target = await openReceiver();
  const receiver = await openReceiver((response) => {
    response.writeHead(307, { location: target.url }).end();
  });
  expect(await post(receiver.url)).toMatchObject({ kind: 'answered', status: 307 });
  expect(target.received).toEqual([]);
});

test('whoever does not answer is given up when the time is over', async () => {
  const receiver = await openReceiver('hang');
  expect(await post(receiver.url, { timeoutMs: 50 })).toEqual({
    kind: 'failed',
    why: 'no answer within 0.05 s',
  });
  const silent = await rawServer(() => undefined);
  expect(await post(silent, { timeoutMs: 50 })).toMatchObject({ kind: 'failed' });
});

test('a status that came counts, also where the body does not end', async () => {
  const url = await rawServer((socket) => socket.write('HTTP/1.1 200 OK\r\n\r\nabc'));
  expect(await post(url, { timeoutMs: 50 })).toMatchObject({ kind: 'answered', status: 200 });
});

test.each([
  ['nothing', (socket: Socket) => socket.end()],
  ['what is not HTTP', (socket: Socket) => socket.end('hello\r\n\r\n')],
  ['a reset', (socket: Socket) => socket.resetAndDestroy()],
])('%s is a failure that says so', async (_what, act) => {
  expect(await post(await rawServer(act))).toMatchObject({
    kind: 'failed',
    why: expect.stringMatching(/\w/),
  });
});

test('an attempt that is cut off says so at once', async () => {
  const receiver = await openReceiver('hang');
  const controller = new AbortController();
  const posted = post(receiver.url, { signal: controller.signal });
  await receiver.got(1);
  controller.abort();
  expect(await posted).toEqual({ kind: 'cut off' });
  expect(await post(receiver.url, { signal: controller.signal })).toEqual({ kind: 'cut off' });
  expect(receiver.received).toHaveLength(1);
});

test('a name is looked up, and one that is not known fails', async () => {
  const receiver = await openReceiver();
  const url = receiver.url.replace('127.0.0.1', 'localhost');
  expect(await post(url)).toMatchObject({ kind: 'answered', status: 204 });
  expect(await post('http://nobody.invalid/')).toMatchObject({ kind: 'failed' });
});

test('plain http to a port of TLS, and TLS to one of plain http, fail', async () => {
  const receiver = await openReceiver();
  const url = receiver.url.replace('http:', 'https:');
  expect(await post(url)).toMatchObject({ kind: 'failed' });
});

test.each([
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['8.8.8.8', false],
  ['::1', false],
  ['fd00::1', false],
  ['2001:db8::1', false],
  ['example.com', false],
  ['169.254.169.254', true],
  ['::ffff:169.254.1.1', true],
  ['0.0.0.0', true],
  ['255.255.255.255', true],
  ['239.1.1.1', true],
  ['::', true],
  ['fe80::1', true],
  ['ff02::1', true],
])('the address %s: refused %s', (address, refused) => {
  expect(isRefusedAddress(address)).toBe(refused);
});
