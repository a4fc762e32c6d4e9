// The connections of gRPC: how many there may be, which one makes room for the next, and the end of
// those that keep us waiting. A stranger keeps nobody out: at the bound the oldest one that never
// made a call with a credential is ended, then the oldest one that has no call under way. Where all
// have one, the new one is.

import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { systemCode } from '../base/failure.js';
import { SECOND_MS } from '../base/units.js';
import { limits } from '../limits.js';
import type { Metrics } from '../telemetry/metrics.js';
import { connectionsMax } from './descriptors.js';
import { type OpenStreams, replaceStreamTable, shapeResponseOptions } from './harden.js';
import { openSlowRequests, type SlowRequests } from './slow-requests.js';

export interface Connections extends Pick<SlowRequests, 'allowEndless'> {
  /** A call on it was admitted. */
  readonly welcome: (session: ServerHttp2Session) => void;
  /** Ends every connection, also one that has said nothing yet; grpc-js knows none of them. */
  readonly endAll: () => Promise<void>;
}

interface Connection {
  /** Below TLS, if there is any. */
  readonly socket: Socket;
  /** Undefined until TLS is agreed on. */
  session: ServerHttp2Session | undefined;
  streams: OpenStreams | undefined;
  isWelcome: boolean;
}

/** Last replies are on their way; a client that does not read them is not waited for. */
const FLUSH_MS = 50;

/** Of servers that were just bound. Changes per connection and hardly per call (decision 17). */
export function watchConnections(
  servers: readonly Http2Server[],
  metrics: Pick<Metrics, 'connectionsEnded' | 'requestsRefused'>,
): Connections {
  const ended = metrics.connectionsEnded.grpc;
  const most = connectionsMax(limits.grpcConnections);
  /** Oldest first. */
  const open = new Set<Connection>();
  const bySession = new WeakMap<ServerHttp2Session, Connection>();
  const slow = openSlowRequests(metrics.requestsRefused.grpc.slow);
  const timer = setInterval(sweep, SECOND_MS);
  timer.unref();
  for (const server of servers) {
    // Before Node's own listener, which makes a session of a plain socket at once.
    server.prependListener('connection', admit);
    server.on('session', onSession);
    server.on('tlsClientError', onTlsError);
  }

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
      session: undefined,
      streams: undefined,
      isWelcome: false,
    };
    open.add(connection);
    socket.once('close', () => open.delete(connection));
  }

  function makeRoom(): boolean {
    let idle: Connection | undefined;
    for (const connection of open) {
      if (!connection.isWelcome) return end(connection);
      if (connection.streams?.size === 0) idle ??= connection;
    }
    return idle !== undefined && end(idle);
  }

  function end(connection: Connection): true {
    open.delete(connection);
    connection.session?.destroy();
    connection.socket.destroy();
    return true;
  }

  function onSession(session: ServerHttp2Session): void {
    const connection = connectionOf(session.socket);
    if (connection === undefined) {
      session.destroy();
      return;
    }
    connection.session = session;
    connection.streams = replaceStreamTable(session);
    session.prependOnceListener('stream', shapeResponseOptions);
    bySession.set(session, connection);
    const timer = setTimeout(() => {
      ended.slow.add();
      end(connection);
    }, limits.handshakeMs);
    session.once('error', (error) => {
      if (systemCode(error) === 'ERR_HTTP2_ERROR') ended.malformed.add();
    });
    session.once('remoteSettings', () => clearTimeout(timer));
    session.once('close', () => {
      clearTimeout(timer);
      open.delete(connection);
    });
  }

  function onTlsError(error: Error): void {
    const code = systemCode(error);
    if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') ended.slow.add();
    else if (code !== 'ECONNRESET') ended.malformed.add();
  }

  /** A TLS socket is not the one that was connected; only the peer's address links the two. */
  function connectionOf({ remoteAddress, remotePort }: PeerSocket): Connection | undefined {
    const peer = { remoteAddress, remotePort };
    for (const connection of open) {
      if (connection.session === undefined && isSamePeer(connection.socket, peer)) {
        return connection;
      }
    }
    return undefined;
  }

  function sweep(): void {
    slow.sweep(open);
  }

  return {
    allowEndless: slow.allowEndless,
    welcome(session) {
      const connection = bySession.get(session);
      if (connection !== undefined) connection.isWelcome = true;
    },
    async endAll() {
      clearInterval(timer);
      for (const { session } of open) session?.close();
      if (open.size > 0) await new Promise((resolve) => setTimeout(resolve, FLUSH_MS));
      for (const connection of [...open]) end(connection);
    },
  };
}

interface PeerSocket {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Of a Unix socket nobody has an address. */
export function isSamePeer(one: PeerSocket, other: PeerSocket): boolean {
  return one.remotePort === other.remotePort && one.remoteAddress === other.remoteAddress;
}
