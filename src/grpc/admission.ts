// Calls are admitted by their headers, before grpc-js meets them. It would read a message of
// megabytes and take it apart, and only then ask its handler, which knows nobody without a
// credential: measured, one call of a stranger stopped everything for 1.4 s and held 540 MB. Of a
// call that is refused here nothing more is read.
//
// Cost: a look-up of the path, and of the credential where it is remembered. The handler finds on
// the stream whom it was admitted as.

import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type Server, type ServiceError, status } from '@grpc/grpc-js';
import { authorizationIn } from '../access/authorization.js';
import type { CallReader } from '../access/gate.js';
import type { Session } from '../access/session.js';
import { assert } from '../base/assert.js';
import { limits } from '../limits.js';
import { Refusal } from '../operations/refusal.js';
import { type Edge, noteDenied, recorderOf } from '../rpc/edge.js';
import { everyRpc, type Rpcs } from '../rpc/rpcs.js';
import type { Counter } from '../telemetry/instruments.js';
import type { RpcRecorder } from '../telemetry/rpc-metrics.js';
import { keepSession } from './admitted.js';
import { BACKUP } from './backup.js';
import type { Connections } from './connections.js';
import { cutOff, http2ServersOf } from './harden.js';
import { createSansOfSession } from './peer-sans.js';
import { RECORD_STREAM } from './record-stream.js';
import { toServiceError } from './status.js';
import { errorReply } from './unary.js';

export interface AdmissionOptions {
  readonly edge: Edge;
  readonly rpcs: Rpcs;
  readonly connections: Connections;
  /** Paths that are let through as they come. */
  readonly free: readonly string[];
}

/** An RPC of the contract. */
interface Gated {
  readonly method: string;
  readonly recorder: RpcRecorder;
}

interface Arrival {
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly session: ServerHttp2Session | undefined;
}

/**
 * grpc-js unpacks all that comes at once, each up to the bound on a message: 10 KB can be 4 MiB,
 * and many of them took 300 MiB in a second. What is metered is small: nothing is lost without it.
 * One answer for all, because whoever sends one sends many.
 */
const COMPRESSED = trailersOf(
  toServiceError(
    new Refusal(
      'UNIMPLEMENTED',
      'COMPRESSED',
      'requests may not be compressed: grpc-encoding must be identity',
    ),
  ),
);

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** After binding: grpc-js then serves what is let through. */
export function admitCalls(server: Server, options: AdmissionOptions): void {
  const { edge, connections, free } = options;
  const gated = gatedPaths(options);
  const sansOf = createSansOfSession();
  const refused = edge.core.metrics.requestsRefused.grpc;
  const serveOpen = openToAll(connections, refused.open_service);
  const reader: CallReader<Arrival> = {
    header({ headers, rawHeaders }, name) {
      if (name === 'authorization') return authorizationIn(headers, rawHeaders);
      const key = headers[name];
      return typeof key === 'string' ? key : '';
    },
    certificate: ({ session }) => sansOf(session),
  };

  for (const http2Server of http2ServersOf(server)) {
    const [serve, ...others] = http2Server.listeners('stream') as Serve[];
    assert(serve !== undefined && others.length === 0, 'grpc-js listens for streams');
    http2Server.removeAllListeners('stream');
    http2Server.on('stream', onStream(serve));
  }

  function onStream(serve: Serve) {
    return (
      stream: ServerHttp2Stream,
      headers: IncomingHttpHeaders,
      _flags: number,
      rawHeaders: string[],
    ) => {
      if (bytesOf(rawHeaders) > limits.metadataBytes) {
        refused.metadata_too_large.add();
        cutOff(stream);
        return;
      }
      const path = headers[':path'] ?? '';
      const target = gated.get(path);
      const encoding = headers['grpc-encoding'] ?? 'identity';
      if (encoding !== 'identity') {
        refused.compressed.add();
        target?.recorder.done(status.UNIMPLEMENTED, 0);
        answerRefused(stream, COMPRESSED);
      } else if (target !== undefined) admit(target, stream, headers, rawHeaders, serve);
      else if (free.includes(path)) serve(stream, headers);
      else serveOpen(serve, stream, headers);
    };
  }

  function admit(
    target: Gated,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    serve: Serve,
  ): void {
    const session = stream.session as ServerHttp2Session | undefined;
    try {
      const admitted = edge.gate.admit({ headers, rawHeaders, session }, reader);
      if (admitted instanceof Promise) void wait(target, stream, headers, admitted, serve);
      else letIn(target, stream, headers, admitted, serve);
    } catch (error) {
      refuse(target, stream, error);
    }
  }

  function letIn(
    { method }: Gated,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    admitted: Session,
    serve: Serve,
  ): void {
    const connection = stream.session as ServerHttp2Session | undefined;
    if (connection === undefined || stream.destroyed) return;
    keepSession(stream, admitted);
    connections.welcome(connection);
    if (method === RECORD_STREAM) connections.allowEndless(stream);
    serve(stream, headers);
  }

  /** What comes meanwhile stays within the stream's window. */
  async function wait(
    target: Gated,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    admitted: Promise<Session>,
    serve: Serve,
  ): Promise<void> {
    edge.openCalls++;
    // grpc-js listens for it later; without a listener it would end the process.
    stream.once('error', () => {});
    try {
      letIn(target, stream, headers, await admitted, serve);
    } catch (error) {
      refuse(target, stream, error);
    } finally {
      edge.openCalls--;
    }
  }

  function refuse({ method, recorder }: Gated, stream: ServerHttp2Stream, error: unknown): void {
    const source = peerOf(stream);
    noteDenied(edge, method, error, { session: undefined, source, orgId: '' });
    const answer = errorReply(edge, method, error);
    recorder.done(answer.code, 0);
    answerRefused(stream, trailersOf(answer));
  }
}

function answerRefused(stream: ServerHttp2Stream, trailers: OutgoingHttpHeaders): void {
  if (stream.destroyed) return;
  stream.once('error', () => {});
  stream.respond(trailers, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}

function trailersOf({
  code,
  details,
  metadata,
}: Pick<ServiceError, 'code' | 'details' | 'metadata'>): OutgoingHttpHeaders {
  return {
    ':status': constants.HTTP_STATUS_OK,
    'content-type': 'application/grpc+proto',
    'grpc-accept-encoding': 'identity',
    'grpc-status': `${code}`,
    'grpc-message': encodeURI(details),
    ...metadata.toHttp2Headers(),
  };
}

function gatedPaths({ edge, rpcs }: AdmissionOptions): ReadonlyMap<string, Gated> {
  const gated = new Map<string, Gated>();
  const add = (service: string, method: string, recorder: RpcRecorder) =>
    gated.set(`/tollgate.v1.${service}/${method}`, { method, recorder });
  for (const { service, method, rpc } of everyRpc(rpcs)) {
    add(service, method, recorderOf(edge, method, rpc));
  }
  add('MeteringService', RECORD_STREAM, edge.recorder(RECORD_STREAM));
  add('AdminService', BACKUP, recorderOf(edge, BACKUP, { kind: 'administration' }));
  return gated;
}

/**
 * As HTTP/2 counts them. Node holds a client to the bound only once the client said that it knows.
 */
function bytesOf(rawHeaders: readonly string[]): number {
  let bytes = 0;
  for (const text of rawHeaders) bytes += text.length + FIELD_BYTES / 2;
  return bytes;
}

/** RFC 9113, section 6.5.2. */
const FIELD_BYTES = 32;

/**
 * Health, reflection, and what there is not need no credential: few bytes, and at the bound on them
 * the oldest makes room.
 */
function openToAll(connections: Connections, refused: Counter) {
  const open = new Set<ServerHttp2Stream>();
  return (serve: Serve, stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    if (open.size >= limits.openServiceStreams) {
      for (const oldest of open) {
        refused.add();
        cutOff(oldest);
        open.delete(oldest);
        break;
      }
    }
    open.add(stream);
    stream.once('close', () => open.delete(stream));
    if (headers[':path']?.startsWith('/grpc.reflection.')) connections.allowEndless(stream);
    serve(stream, headers);
    let bytes = 0;
    stream.on('data', function count(chunk: Buffer) {
      bytes += chunk.length;
      if (bytes <= limits.openServiceBytes) return;
      stream.off('data', count);
      refused.add();
      cutOff(stream);
    });
  };
}

/** As grpc-js names it. */
function peerOf({ session }: ServerHttp2Stream): string {
  const { remoteAddress, remotePort } = session?.socket ?? {};
  if (remoteAddress === undefined) return 'unknown';
  return remotePort === undefined ? remoteAddress : `${remoteAddress}:${remotePort}`;
}
