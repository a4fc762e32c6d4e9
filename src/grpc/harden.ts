// Bounds that grpc-js has no option for, and what keeps its connections cheap. grpc-js and Node
// keep what is needed in private fields; grpc-js is pinned, and a test notices when one stops
// working.

import {
  constants,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
  type Settings,
} from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { assert } from '../base/assert.js';
import { limits } from '../limits.js';
import { NewStreams, StreamTable } from './stream-table.js';

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

/** After binding: one for each address. */
export function http2ServersOf(server: Server): readonly Http2Server[] {
  return [...inside(server).http2Servers.keys()];
}

/** By id: those of one connection. */
export type OpenStreams = ReadonlyMap<number, ServerHttp2Stream>;

/** A new connection has no streams yet. Where Node keeps them otherwise, they stay there. */
export function replaceStreamTable(session: ServerHttp2Session): OpenStreams | undefined {
  const fields = session as unknown as Readonly<Record<symbol, Partial<SessionState> | undefined>>;
  const symbol = Object.getOwnPropertySymbols(fields).find((each) => each.description === 'state');
  const state = symbol === undefined ? undefined : fields[symbol];
  if (state?.streams?.size !== 0 || state.pendingStreams?.size !== 0) return undefined;
  const table = new StreamTable<ServerHttp2Stream>();
  state.streams = table;
  state.pendingStreams = new NewStreams();
  return table;
}

interface SessionState {
  streams: { readonly size: number };
  pendingStreams: { readonly size: number };
}

/** `sendDate` is not documented for streams. */
interface ResponseOptions extends ServerStreamResponseOptions {
  sendDate?: boolean;
}

/**
 * Node copies a response's options, sets `endStream` in the copy, and adds a `date`, of which gRPC
 * knows nothing. Where the options have no `endStream`, V8 makes a hidden class for every copy, in
 * the old generation; the `date` is a miss of the inline cache each time (Node.js 20). grpc-js
 * passes one object for all responses with a message; the first one through here gives it both.
 */
export function shapeResponseOptions(stream: ServerHttp2Stream): void {
  const { respond } = stream;
  stream.respond = (headers, options: ResponseOptions | undefined) => {
    if (options !== undefined) {
      options.endStream ??= false;
      options.sendDate ??= false;
    }
    respond.call(stream, headers, options);
  };
}

/** Its client sees RESOURCE_EXHAUSTED. */
export function cutOff(stream: ServerHttp2Stream): void {
  // Without a listener it would end the process.
  stream.once('error', () => {});
  stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
}

function inside(server: Server): Inside {
  const fields = server as unknown as Partial<Inside>;
  const { commonServerOptions, http2Servers } = fields;
  assert(commonServerOptions !== undefined && http2Servers !== undefined, 'grpc-js has its fields');
  return { commonServerOptions, http2Servers };
}
