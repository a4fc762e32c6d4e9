// Bounds that grpc-js has no option for, and what keeps its connections cheap. grpc-js and Node
// keep what is needed in private fields; grpc-js is pinned, and a test notices when one stops
// working.

import type { Http2Server, ServerHttp2Session, Settings } from 'node:http2';
import type { Socket } from 'node:net';
import type { Server } from '@grpc/grpc-js';
import { assert } from '../base/assert.js';
import { limits } from '../limits.js';
import { StreamTable } from './stream-table.js';

/** Last replies are on their way; a client that does not read them is not waited for. */
const FLUSH_MS = 50;

interface Inside {
  readonly commonServerOptions: { settings?: Settings };
  readonly http2Servers: ReadonlyMap<Http2Server, unknown>;
}

/** Before binding: a call with more metadata is reset, and its client sees RESOURCE_EXHAUSTED. */
export function limitMetadata(server: Server): void {
  const { commonServerOptions } = inside(server);
  commonServerOptions.settings = {
    ...commonServerOptions.settings,
    maxHeaderListSize: limits.metadataBytes,
  };
}

export interface Sessions {
  /** Ends every connection, also one that has said nothing yet; grpc-js knows none of them. */
  readonly endAll: () => Promise<void>;
}

/** After binding: knows the connections, and closes one that never speaks HTTP/2. */
export function watchSessions(server: Server): Sessions {
  const open = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  for (const http2Server of inside(server).http2Servers.keys()) {
    http2Server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    http2Server.on('session', (session: ServerHttp2Session) => {
      replaceStreamTable(session);
      open.add(session);
      const timer = setTimeout(() => session.destroy(), limits.handshakeMs);
      session.once('remoteSettings', () => clearTimeout(timer));
      session.once('close', () => {
        clearTimeout(timer);
        open.delete(session);
      });
    });
  }
  return {
    async endAll() {
      for (const session of open) session.close();
      if (open.size > 0) await new Promise((resolve) => setTimeout(resolve, FLUSH_MS));
      for (const session of open) session.destroy();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A new connection has no streams yet. Where Node keeps them otherwise, they stay there. */
export function replaceStreamTable(session: ServerHttp2Session): void {
  const fields = session as unknown as Readonly<Record<symbol, { streams?: unknown } | undefined>>;
  const symbol = Object.getOwnPropertySymbols(fields).find((each) => each.description === 'state');
  const state = symbol === undefined ? undefined : fields[symbol];
  const streams = state?.streams as Partial<Map<unknown, unknown>> | undefined;
  if (state !== undefined && streams?.size === 0) state.streams = new StreamTable();
}

function inside(server: Server): Inside {
  const fields = server as unknown as Partial<Inside>;
  const { commonServerOptions, http2Servers } = fields;
  assert(commonServerOptions !== undefined && http2Servers !== undefined, 'grpc-js has its fields');
  return { commonServerOptions, http2Servers };
}
