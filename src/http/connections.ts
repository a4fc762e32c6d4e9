// The connections of HTTP: how many there may be, and which one makes room for the next. A peer
// that keeps us waiting (silent, slow with a request, not reading its answer) keeps nobody out: at
// the bound the one that has done so longest is ended. Where all wait for us, the new one is.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { isSamePeer } from '../grpc/connections.js';
import { connectionsMax } from '../grpc/descriptors.js';
import { limits } from '../limits.js';
import type { Metrics } from '../telemetry/metrics.js';

export interface Connections {
  /** Its connections count from then on, together with those of the other servers. */
  readonly watch: (server: Server) => void;
  /** 'ended': the connection had as many requests under way as it may have, and is no more. */
  readonly begin: (request: IncomingMessage, response: ServerResponse) => 'begun' | 'ended';
  /** While `make` is under way the peer waits for us, and not we for the peer. */
  readonly making: <Made>(socket: Socket, make: () => Promise<Made>) => Promise<Made>;
  /** Whether nothing of an answer is under way, so that one can still be written. */
  readonly isUnanswered: (socket: Socket) => boolean;
}

interface Connection {
  /** Below TLS, if there is any. */
  readonly socket: Socket;
  /** Requests whose answers have not gone out whole. */
  unanswered: number;
  /** Those of which the answer is being made. */
  making: number;
  /** The turn at which it last came to waiting for the peer. */
  since: number;
  latest: ServerResponse | undefined;
}

/** Changes per connection and never per call (decision 17): a call only counts. */
export function openConnections(ended: Metrics['connectionsEnded']['http']): Connections {
  const open = new Set<Connection>();
  const bySocket = new WeakMap<Socket, Connection>();
  const most = connectionsMax(limits.httpConnections);
  let turn = 0;
  return {
    watch(server) {
      server.on('connection', (socket: Socket) => admit(socket));
      // `secureConnection` names a socket of its own; only the peer's address links the two.
      server.on('secureConnection', (secure: TLSSocket) => {
        for (const connection of open) {
          if (isSamePeer(connection.socket, secure)) bySocket.set(secure, connection);
        }
      });
    },
    begin({ socket }, response) {
      const connection = bySocket.get(socket);
      if (connection === undefined || socket.destroyed) return 'ended';
      if (connection.unanswered >= limits.httpPipelined) {
        ended.pipelining.add();
        socket.destroy();
        return 'ended';
      }
      connection.unanswered++;
      connection.latest = response;
      connection.since = turn++;
      response.once('close', () => {
        connection.unanswered--;
        connection.since = turn++;
      });
      return 'begun';
    },
    async making(socket, make) {
      const connection = bySocket.get(socket);
      if (connection === undefined) return make();
      connection.making++;
      try {
        return await make();
      } finally {
        connection.making--;
        connection.since = turn++;
      }
    },
    isUnanswered(socket) {
      const connection = bySocket.get(socket);
      if (connection === undefined || connection.unanswered === 0) return true;
      const { unanswered, making, latest } = connection;
      return unanswered === 1 && making === 0 && latest?.headersSent === false;
    },
  };

  function admit(socket: Socket): void {
    if (open.size >= most) {
      if (!makeRoom()) {
        ended.no_room.add();
        socket.destroy();
        return;
      }
      ended.evicted.add();
    }
    const connection: Connection = {
      socket,
      unanswered: 0,
      making: 0,
      since: turn++,
      latest: undefined,
    };
    open.add(connection);
    bySocket.set(socket, connection);
    socket.once('close', () => open.delete(connection));
  }

  function makeRoom(): boolean {
    let longest: Connection | undefined;
    for (const connection of open) {
      const isLonger = longest === undefined || connection.since < longest.since;
      if (connection.making === 0 && isLonger) longest = connection;
    }
    if (longest === undefined) return false;
    open.delete(longest);
    longest.socket.destroy();
    return true;
  }
}
