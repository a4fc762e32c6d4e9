// A raw HTTP/2 client for gRPC calls of one method: several connections, each replaced when it can
// take no more streams (ids used up, or GOAWAY without an error).

import { type H2Connection, openH2Connection } from './h2-connection.js';
import { protocolDefault } from './h2-frames.js';
import type { Body, H2Stream } from './h2-stream.js';

export interface H2ClientOptions {
  /** `host:port` or the absolute path of a Unix socket. */
  readonly address: string;
  /** `/package.Service/Method`. */
  readonly method: string;
  readonly authorization?: string;
  readonly connections: number;
  /** A connection is replaced when its stream ids reach this. */
  readonly streamIdMax?: number;
  /** Called once; the calls under way are lost. */
  failed(error: Error): void;
}

export interface H2Client {
  /** Starts a unary call on connection `lane`; on its replacement where it has retired. */
  call(lane: number, stream: H2Stream, body: Body): void;
  /** For streams, which stay on one connection. */
  connection(lane: number): H2Connection;
  flush(): void;
  close(): void;
}

interface Lane {
  connection: H2Connection;
  /** Calls that wait for the replacement. */
  waiting: (() => void)[];
}

export async function openH2Client(options: H2ClientOptions): Promise<H2Client> {
  const lanes: Lane[] = [];
  let closed = false;
  for (let lane = 0; lane < options.connections; lane++) {
    lanes.push({ connection: await open(), waiting: [] });
  }

  function open(): Promise<H2Connection> {
    const { address, method, authorization } = options;
    const streamIdMax = options.streamIdMax ?? protocolDefault.streamIdMax;
    const optional = authorization === undefined ? {} : { authorization };
    return openH2Connection({ address, method, streamIdMax, failed, ...optional });
  }

  function failed(error: Error): void {
    if (closed) return;
    close();
    options.failed(error);
  }

  function laneAt(index: number): Lane {
    const lane = lanes[index];
    if (lane === undefined) throw new Error(`no connection ${index}`);
    return lane;
  }

  function call(index: number, stream: H2Stream, body: Body): void {
    const lane = laneAt(index);
    if (!lane.connection.retired) {
      lane.connection.start(stream, body, 'end');
      return;
    }
    if (closed) return;
    lane.waiting.push(() => call(index, stream, body));
    if (lane.waiting.length === 1) replace(lane);
  }

  function replace(lane: Lane): void {
    open().then(
      (connection) => {
        if (closed) {
          connection.close();
          return;
        }
        lane.connection = connection;
        for (const start of lane.waiting.splice(0)) start();
        connection.flush();
      },
      // `failed` has been told.
      () => undefined,
    );
  }

  function close(): void {
    closed = true;
    for (const { connection } of lanes) connection.close();
  }

  return {
    call,
    connection: (index) => laneAt(index).connection,
    flush() {
      for (const { connection } of lanes) connection.flush();
    },
    close,
  };
}
