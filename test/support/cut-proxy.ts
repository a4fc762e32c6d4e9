// A TCP proxy between a client and a server: it cuts connections, holds bytes back, or goes away.

import { createServer, connect as dial, type Server, type Socket } from 'node:net';

export interface CutProxy {
  readonly address: string;
  /** Where new connections go, after a server came back elsewhere. */
  readonly point: (address: string) => void;
  /** Ends every connection; new ones are taken. */
  readonly cut: () => void;
  /** Bytes stop in both directions, and connections stay open. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  readonly connections: () => number;
  readonly close: () => Promise<void>;
}

export async function openCutProxy(target: string): Promise<CutProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let address = target;
  let isFrozen = false;
  let connections = 0;

  const server: Server = createServer((near) => {
    connections++;
    const port = Number(address.slice(address.lastIndexOf(':') + 1));
    const far = dial(port, '127.0.0.1');
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (bytes) => to.write(bytes));
      from.on('error', () => {});
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
      if (isFrozen) from.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;

  function cut(): void {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  }

  return {
    address: `127.0.0.1:${port}`,
    point(next) {
      address = next;
    },
    cut,
    freeze() {
      isFrozen = true;
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    thaw() {
      isFrozen = false;
      for (const pair of pairs) for (const socket of pair) socket.resume();
    },
    connections: () => connections,
    close() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
