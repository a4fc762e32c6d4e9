// The HTTP server: listeners, bounds, and an end that no connection can delay. What a request means
// is the business of what stands behind it.
//
// Every wait and every count is bounded: headers within 5 s, a request within 30 s, a body of at
// most what gRPC takes, so many connections. A request that is not understood is answered in the
// same form as one that is refused.

import { randomUUID } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { authorizationIn } from '../access/authorization.js';
import { secureContextOptions, type TlsMaterial } from '../access/tls-material.js';
import { assert } from '../base/assert.js';
import { once } from '../base/closers.js';
import { systemCode } from '../base/failure.js';
import { listenFailure } from '../base/listen-failure.js';
import { SECOND_MS } from '../base/units.js';
import { sansOfSocket } from '../grpc/peer-sans.js';
import { prepareSocket, removeSocket, SOCKET_MODE } from '../grpc/unix-socket.js';
import { limits } from '../limits.js';
import type { Metrics } from '../telemetry/metrics.js';
import { compressed, packedOnce } from './compress.js';
import { type Connections, openConnections } from './connections.js';
import { allowOrigins, isPreflight } from './cors.js';
import type { Page } from './docs-page.js';
import { type Front, STARTING } from './front.js';
import { lingering } from './linger.js';
import type { Fault } from './problem.js';
import { BodyRefused, openBodies } from './read-body.js';
import type { HttpReply, RefusedReply } from './transcode.js';
import { answerUnheard } from './unheard.js';

export type HttpAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface HttpServerOptions {
  readonly addresses: readonly HttpAddress[];
  /** Of TCP listeners; undefined: plain text. */
  readonly tls: TlsServerOptions | undefined;
  /** By path: what is the same for everybody, and needs no credential. */
  readonly pages: ReadonlyMap<string, Page>;
  /** Of pages elsewhere that may call; none: CORS is off. */
  readonly corsOrigins: readonly string[];
  readonly metrics: Pick<Metrics, 'connectionsEnded' | 'requestsRefused'>;
  /** A fault of ours that no call stands for. */
  readonly onError: (error: unknown) => void;
}

export interface TlsServerOptions {
  readonly material: TlsMaterial;
  readonly requireClientCertificate: 'on' | 'off';
}

export interface HttpServer {
  /** TLS for connections from now on. */
  readonly replace: (material: TlsMaterial) => void;
  /** As bound: `127.0.0.1:8080`, `unix:///run/tollgate-http.sock`. */
  readonly bound: readonly string[];
  /** From then on calls are answered; before it, they are told to come again. */
  readonly serve: (front: Front) => void;
  /** Takes no more; answers under way go out with the word that the connection ends. */
  readonly drain: () => void;
  /** Ends every connection. Safe to call twice. */
  readonly close: () => Promise<void>;
}

const SETTING = 'http_listen';
const HEADERS_TIMEOUT_MS = 5 * SECOND_MS;

const TIMEOUT_CHECK_MS = SECOND_MS;

/** Rejects with the Failure LISTEN_FAILED. */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  let front = STARTING;
  const connections = openConnections(options.metrics.connectionsEnded.http);
  const app = makeApp(options, connections, () => front);
  await app.ready();
  const servers: Server[] = [];
  const bound: string[] = [];
  try {
    for (const address of options.addresses) {
      const tls = address.kind === 'tcp' ? options.tls : undefined;
      const server = makeServer(app, connections, options.metrics, tls);
      servers.push(server);
      bound.push(await bind(server, address));
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  return {
    bound,
    replace(material) {
      for (const server of servers) {
        if (server instanceof TlsServer) server.setSecureContext(secureContextOptions(material));
      }
    },
    serve(opened) {
      front = opened;
    },
    drain() {
      for (const server of servers) {
        server.close();
        server.closeIdleConnections();
      }
    },
    close: once(async () => {
      // A stream that has just ended still says so.
      await new Promise((resolve) => setImmediate(resolve));
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      await app.close();
      for (const address of options.addresses) {
        if (address.kind === 'unix') removeSocket(address.path);
      }
    }),
  };
}

const BOUNDS = {
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: limits.requestMs,
  keepAliveTimeout: limits.httpKeepAliveMs,
  connectionsCheckingInterval: TIMEOUT_CHECK_MS,
  maxHeaderSize: limits.httpHeaderBytes,
} as const;

function makeServer(
  app: FastifyInstance,
  connections: Connections,
  { connectionsEnded }: HttpServerOptions['metrics'],
  tls: TlsServerOptions | undefined,
): Server {
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (connections.begin(request, response) === 'begun') app.routing(request, response);
  };
  const server =
    tls === undefined ? createServer(BOUNDS, answer) : createTlsServer(tlsOptions(tls), answer);
  connections.watch(server);
  answerUnheard(server, connections, connectionsEnded.http);
  // For a reader that does not take its answer.
  server.timeout = limits.httpKeepAliveMs;
  return server;
}

function tlsOptions({ material, requireClientCertificate }: TlsServerOptions) {
  return {
    ...BOUNDS,
    ...secureContextOptions(material),
    handshakeTimeout: limits.handshakeMs,
    requestCert: material.ca !== undefined,
    rejectUnauthorized: requireClientCertificate === 'on',
  };
}

async function bind(server: Server, address: HttpAddress): Promise<string> {
  if (address.kind === 'unix') {
    await prepareSocket(SETTING, address.path);
    await listen(server, { path: address.path }, `unix://${address.path}`);
    chmodSync(address.path, SOCKET_MODE);
    return `unix://${address.path}`;
  }
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  await listen(server, { host: address.host, port: address.port }, `${host}:${address.port}`);
  const at: AddressInfo | string | null = server.address();
  assert(at !== null && typeof at === 'object', 'a TCP listener has an address');
  return `${host}:${at.port}`;
}

function listen(server: Server, at: object, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenFailure(SETTING, name, error)));
    server.listen(at, resolve);
  });
}

function makeApp(
  { pages, corsOrigins, metrics, onError }: HttpServerOptions,
  connections: Connections,
  front: () => Front,
): FastifyInstance {
  const app = Fastify({
    genReqId: requestIdOf,
    // Bodies are read by the contract, not by a schema.
    exposeHeadRoutes: false,
    // What its router cannot decode.
    frameworkErrors: (_error, request, reply) => {
      const call = pathOf(request);
      const text = `the path cannot be decoded: ${call.path.slice(0, SHOWN_CHARS)}`;
      void send(reply, front().refuse(call, 'malformed', text));
    },
    // The path is matched by the routes of the contract, as it came.
    routerOptions: { maxParamLength: limits.httpHeaderBytes },
  });
  app.removeAllContentTypeParsers();
  const readBody = openBodies(metrics.requestsRefused.http);
  app.addContentTypeParser('application/json', (_request: FastifyRequest, body: IncomingMessage) =>
    readBody(body),
  );
  app.setErrorHandler((error, request, reply) => {
    const [fault, text] = faultOf(error);
    if (fault === 'internal') onError(error);
    const refusal = front().refuse(pathOf(request), fault, text);
    if (!(error instanceof BodyRefused)) return send(reply, refusal);
    return send(reply, beforeItsBody(refusal, request.raw));
  });
  app.setNotFoundHandler(async (request, reply) => send(reply, await call(request)));
  // Before anything of their bodies is read: the routes know which methods the path takes.
  app.addHook('onRequest', async (request, reply) => {
    const isTaken = METHODS.includes(request.method);
    if (isTaken || (corsOrigins.length > 0 && isPreflight(request))) return;
    return send(reply, await call(request));
  });
  if (corsOrigins.length > 0) allowOrigins(app, { origins: corsOrigins, methods: METHODS });
  app.route({
    method: METHODS,
    url: '/*',
    handler: async (request, reply) => {
      const make = async () => compressed(request, await call(request));
      return send(reply, await connections.making(request.raw.socket, make));
    },
  });
  for (const [path, { contentType, body, headers }] of pages) {
    const page = { status: 200, headers: { ...headers, 'content-type': contentType }, body };
    const pack = packedOnce(body);
    app.get(path, async (request, reply) => send(reply, await compressed(request, page, pack)));
  }
  return app;

  function call(request: FastifyRequest): Promise<HttpReply> {
    return front().answer({
      ...pathOf(request),
      body: typeof request.body === 'string' ? request.body : '',
      header(name) {
        if (name === 'authorization') {
          return authorizationIn(request.headers, request.raw.rawHeaders);
        }
        const value = request.headers[name];
        return typeof value === 'string' ? value : '';
      },
      certificate: () => sansOfSocket(request.raw.socket),
      requestId: request.id,
      source: sourceOf(request),
    });
  }
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** Of a path, never of a query: people put credentials there. */
const SHOWN_CHARS = 200;
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** The caller's own where it has one that may stand in a log. */
function requestIdOf({ headers }: { readonly headers: IncomingMessage['headers'] }): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

function pathOf({ method, url }: FastifyRequest) {
  const mark = url.indexOf('?');
  return {
    verb: method,
    path: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
  };
}

/** Of a Unix socket nobody has an address. */
function sourceOf({ raw: { socket } }: FastifyRequest): string {
  const { remoteAddress = '', remotePort } = socket;
  if (remoteAddress === '') return 'unix';
  return remoteAddress.includes(':')
    ? `[${remoteAddress}]:${remotePort}`
    : `${remoteAddress}:${remotePort}`;
}

function send(reply: FastifyReply, { status, headers, body }: HttpReply): FastifyReply {
  const vary = [reply.getHeader('vary'), headers['vary']].filter((each) => each !== undefined);
  return reply
    .code(status)
    .headers({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': reply.request.id,
      ...headers,
      ...(vary.length > 1 ? { vary: vary.join(', ') } : {}),
    })
    .send(body);
}

/** The rest of the body may still come. */
function beforeItsBody({ status, headers, body }: RefusedReply, request: IncomingMessage) {
  const ends = { 'content-length': `${Buffer.byteLength(body)}`, connection: 'close' };
  return { status, headers: { ...headers, ...ends }, body: lingering(body, request) };
}

/** What fastify refuses. */
function faultOf(error: unknown): readonly [fault: Fault, text: string] {
  if (error instanceof BodyRefused) return [error.fault, error.message];
  switch (systemCode(error)) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return ['not JSON', 'a body must be application/json'];
    default:
      // An internal error ends the process: no stranger may cause one.
      return isRefusal(error)
        ? ['malformed', 'the request cannot be read']
        : ['internal', 'internal error; the server log says more'];
  }
}

function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error) || !('statusCode' in error)) return false;
  return Number(error.statusCode) >= 400 && Number(error.statusCode) < 500;
}
