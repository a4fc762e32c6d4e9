// One connection to the HTTP port of a running server, byte by byte.

import { connect, type Socket } from 'node:net';
import type { Running } from './service.js';

export interface Wire {
  readonly socket: Socket;
  /** What came back so far. */
  readonly received: () => string;
  /** The same, when the server has ended the connection. */
  readonly ended: Promise<string>;
  /** The same, when it holds this text. Rejects if the connection ends before. */
  readonly until: (text: string) => Promise<string>;
}

export async function openWire({ service }: Pick<Running, 'service'>): Promise<Wire> {
  const url = new URL(`http://${service.addresses.http[0]}`);
  const socket = connect({ host: url.hostname, port: Number(url.port) });
  let text = '';
  // A server that ends a connection on which something is still coming resets it.
  socket.on('error', () => {});
  const ended = new Promise<string>((resolve) => socket.once('close', () => resolve(text)));
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', () => resolve());
  });
  return {
    socket,
    received: () => text,
    ended,
    until: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (text.includes(wanted)) resolve(text);
        };
        socket.on('data', look);
        void ended.then(() => reject(new Error(`ended without ${wanted}: ${text}`)));
        look();
      }),
  };
}
