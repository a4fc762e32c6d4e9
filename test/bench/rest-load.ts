// A load of REST calls by raw HTTP/1.1 sockets: so many connections, one call under way on each. It
// reads only what the server of this project writes: a status line, content-length, a body.

import { connect, type Socket } from 'node:net';
import { openIdSource } from '../../src/base/ids.js';

export interface RestLoad {
  /** `host:port`. */
  readonly address: string;
  readonly connections: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly organisations: number;
}

/** Calls a second within the measured time. Rejects at the first call that is not 200. */
export async function runRest(load: RestLoad): Promise<number> {
  const ids = openIdSource();
  const startMs = performance.now();
  const fromMs = startMs + load.warmupSeconds * 1000;
  const untilMs = fromMs + load.seconds * 1000;
  let organisation = 0;
  let done = 0;

  function request(): string {
    const org = `org-${organisation++ % load.organisations}`;
    const event = { event_id: ids.uuid(Date.now()), meter: 'executions', quantity: '1' };
    const body = JSON.stringify({ event });
    return (
      `POST /v1/orgs/${org}/usage:record HTTP/1.1\r\nhost: ${load.address}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    );
  }

  async function drive(): Promise<void> {
    const socket = await open(load.address);
    try {
      for (let nowMs = performance.now(); nowMs < untilMs; ) {
        await exchange(socket, request());
        nowMs = performance.now();
        if (nowMs >= fromMs && nowMs < untilMs) done++;
      }
    } finally {
      socket.destroy();
    }
  }

  await Promise.all(Array.from({ length: load.connections }, drive));
  return done / load.seconds;
}

function open(address: string): Promise<Socket> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), noDelay: true }, () => resolve(socket));
    socket.setEncoding('latin1');
    socket.once('error', reject);
  });
}

const LENGTH = /\r\ncontent-length: (\d+)\r\n/;

function exchange(socket: Socket, request: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const end = (error?: Error) => {
      socket.off('data', read);
      socket.off('close', lost);
      if (error === undefined) resolve();
      else reject(error);
    };
    const lost = () => end(new Error('REST: the connection was closed'));
    const read = (chunk: string) => {
      text += chunk;
      const head = text.indexOf('\r\n\r\n');
      if (head < 0) return;
      if (!text.startsWith('HTTP/1.1 200 ')) return end(new Error(`REST: ${text.slice(0, 500)}`));
      const length = Number(LENGTH.exec(text)?.[1]);
      if (text.length >= head + 4 + length) end();
    };
    socket.on('data', read);
    socket.once('close', lost);
    socket.write(request);
  });
}
