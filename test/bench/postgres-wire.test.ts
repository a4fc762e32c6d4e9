// The few messages of PostgreSQL that the bench speaks, against a server that says them by hand.

import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { temporaryDirectory } from '../support/service.js';
import { openPostgresConnection } from './postgres-wire.js';

const AUTHENTICATED = Buffer.from([0, 0, 0, 0]);
const PASSWORD = Buffer.from([0, 0, 0, 3]);
const IDLE = Buffer.from('I');

const directory = temporaryDirectory();
const open: Server[] = [];
let sockets = 0;
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});
afterAll(() => rmSync(directory, { recursive: true }));

test('reads the number of changed rows, also where it comes byte by byte', async () => {
  const path = await serve((socket, request) => {
    const isStart = request.includes('user\0tester\0database\0postgres\0\0');
    const answer = isStart
      ? [message('R', AUTHENTICATED), message('Z', IDLE)]
      : [message('2', ''), message('C', 'INSERT 0 1\0'), message('Z', IDLE)];
    for (const byte of Buffer.concat(answer)) socket.write(Buffer.from([byte]));
  });
  const connection = await openPostgresConnection(path, 'tester');
  expect(await connection.execute(['org-1', 'id-1'])).toBe(1);
  expect(await connection.execute(['org-1', 'id-2'])).toBe(1);
  connection.close();
});

test('sends each parameter as text with its length', async () => {
  const requests: Buffer[] = [];
  const path = await serve((socket, request) => {
    requests.push(request);
    socket.write(Buffer.concat([message('R', AUTHENTICATED), message('Z', IDLE)]));
  });
  const connection = await openPostgresConnection(path, 'tester');
  await connection.execute(['a', 'bcd']);
  const values = Buffer.from('\0\0\0\x01a\0\0\0\x03bcd\0\0', 'latin1');
  expect(requests[1]?.includes(Buffer.concat([Buffer.from([0, 2]), values]))).toBe(true);
  connection.close();
});

test('rejects with what the server says, and goes on', async () => {
  let calls = 0;
  const path = await serve((socket) => {
    const error = message('E', 'SERROR\0C42P01\0Mrelation "events" does not exist\0\0');
    const good = message('C', 'INSERT 0 0\0');
    const first = calls++ === 0 ? [message('R', AUTHENTICATED)] : [calls === 2 ? error : good];
    socket.write(Buffer.concat([...first, message('Z', IDLE)]));
  });
  const connection = await openPostgresConnection(path, 'tester');
  await expect(connection.query('SELECT')).rejects.toThrow('relation "events" does not exist');
  expect(await connection.execute(['org-1'])).toBe(0);
  connection.close();
});

test('refuses a server that asks for a password or ends the connection', async () => {
  const asking = await serve((socket) => void socket.write(message('R', PASSWORD)));
  await expect(openPostgresConnection(asking, 'tester')).rejects.toThrow('asks for a password');
  const ending = await serve((socket) => void socket.end());
  await expect(openPostgresConnection(ending, 'tester')).rejects.toThrow('closed the connection');
});

/** On a Unix socket; each write of the client is one request. */
async function serve(handle: (socket: Socket, request: Buffer) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (request) => handle(socket, request));
  });
  open.push(server);
  const path = join(directory, `s${++sockets}`);
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  return path;
}

function message(type: string, body: Buffer | string): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type, 0);
  head.writeUInt32BE(4 + bytes.length, 1);
  return Buffer.concat([head, bytes]);
}
