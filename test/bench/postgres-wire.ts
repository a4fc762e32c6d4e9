// As much of PostgreSQL's protocol (version 3.0) as one prepared statement needs: text parameters,
// one call under way on a connection, the number of changed rows as the answer. No password.

import { connect, type Socket } from 'node:net';

export interface PostgresConnection {
  /** Runs the prepared statement as a transaction of its own; resolves with the rows it changed. */
  readonly execute: (parameters: readonly string[]) => Promise<number>;
  /** Statements without parameters. */
  readonly query: (text: string) => Promise<number>;
  /** Parses the statement that `execute` runs. */
  readonly prepare: (text: string) => Promise<number>;
  readonly close: () => void;
}

const PROTOCOL = 196_608;
const HEADER_BYTES = 5;
const READY = 'Z'.charCodeAt(0);
const COMPLETE = 'C'.charCodeAt(0);
const ERROR = 'E'.charCodeAt(0);
const AUTHENTICATION = 'R'.charCodeAt(0);
const SYNC = message('S', Buffer.alloc(0));
/** The unnamed portal, no bound on its rows. */
const EXECUTE = message('E', Buffer.from([0, 0, 0, 0, 0]));

/** `path`: of the Unix socket. */
export async function openPostgresConnection(
  path: string,
  user: string,
): Promise<PostgresConnection> {
  const { socket, send } = openExchange(path);
  await send(startup(user));
  return {
    execute: (parameters) => send(Buffer.concat([bind(parameters), EXECUTE, SYNC])),
    query: (text) => send(message('Q', zeroEnded(text))),
    prepare: (text) => send(Buffer.concat([parse(text), SYNC])),
    close: () => void socket.destroy(),
  };
}

interface Waiting {
  readonly resolve: (rows: number) => void;
  readonly reject: (error: Error) => void;
}

/** What is sent is answered by everything up to the next ReadyForQuery. */
function openExchange(path: string) {
  const socket: Socket = connect(path);
  let waiting: Waiting | undefined;
  let carry = Buffer.alloc(0);
  let rows = 0;
  let failure: Error | undefined;

  socket.on('data', (chunk) => {
    const bytes = carry.length === 0 ? chunk : Buffer.concat([carry, chunk]);
    let at = 0;
    while (at + HEADER_BYTES <= bytes.length) {
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      take(bytes[at] as number, bytes.subarray(at + HEADER_BYTES, end));
      at = end;
    }
    carry = bytes.subarray(at);
  });
  socket.on('error', end);
  socket.on('close', () => end(new Error('PostgreSQL closed the connection')));

  function take(type: number, body: Buffer): void {
    if (type === COMPLETE) rows = rowsOf(body);
    else if (type === ERROR) failure = new Error(`PostgreSQL: ${errorText(body)}`);
    else if (type === AUTHENTICATION && body.readUInt32BE(0) !== 0) {
      end(new Error('PostgreSQL asks for a password'));
    } else if (type === READY) settle();
  }

  function settle(): void {
    const [done, failed] = [waiting, failure];
    waiting = undefined;
    failure = undefined;
    if (failed === undefined) done?.resolve(rows);
    else done?.reject(failed);
  }

  function end(error: Error): void {
    // An error of a start ends the connection, without ReadyForQuery.
    waiting?.reject(failure ?? error);
    waiting = undefined;
    socket.destroy();
  }

  function send(bytes: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      rows = 0;
      socket.write(bytes);
    });
  }

  return { socket, send };
}

function startup(user: string): Buffer {
  const pairs = Buffer.concat(['user', user, 'database', 'postgres', ''].map(zeroEnded));
  const head = Buffer.alloc(8);
  head.writeUInt32BE(head.length + pairs.length, 0);
  head.writeUInt32BE(PROTOCOL, 4);
  return Buffer.concat([head, pairs]);
}

/** The unnamed statement; types of parameters are left to the server. */
function parse(text: string): Buffer {
  return message('P', Buffer.concat([zeroEnded(''), zeroEnded(text), Buffer.alloc(2)]));
}

/** To the unnamed portal, all parameters as text. */
function bind(parameters: readonly string[]): Buffer {
  const bytes = parameters.reduce((sum, each) => sum + 4 + each.length, 0);
  // Two empty names, no formats, the parameters, no formats of results.
  const body = Buffer.alloc(2 + 2 + 2 + bytes + 2);
  let at = body.writeUInt16BE(parameters.length, 4);
  for (const each of parameters) {
    at = body.writeUInt32BE(each.length, at);
    at += body.write(each, at, 'latin1');
  }
  return message('B', body);
}

function message(type: string, body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  bytes.write(type, 0, 'latin1');
  bytes.writeUInt32BE(4 + body.length, 1);
  body.copy(bytes, HEADER_BYTES);
  return bytes;
}

function zeroEnded(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** `INSERT 0 1`. */
function rowsOf(body: Buffer): number {
  const words = body.toString('latin1', 0, body.length - 1).split(' ');
  return Number(words.at(-1)) || 0;
}

/** Fields of one letter each; `M` is the message. */
function errorText(body: Buffer): string {
  const fields = body.toString('utf8').split('\0');
  return fields.find((field) => field.startsWith('M'))?.slice(1) ?? 'unknown error';
}
