// The HTTP listener for probes and scrapes, and for nothing else. It may be reached by more than
// the callers of gRPC, so it takes no input but a path, shows no organisation's data, and every
// wait and every count is bounded.

import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { assert } from '../base/assert.js';
import { listenFailure } from '../base/listen-failure.js';

export interface OpsServerOptions {
  /** A host name or address without brackets; port 0 picks a free one. */
  readonly address: OpsAddress;
  readonly metrics: { readonly contentType: string; readonly render: () => Promise<string> };
  /** False asks for a restart: only for what a restart mends. */
  readonly isLive: () => Health;
  readonly isReady: () => Health;
  readonly isStarted: () => Health;
  /** A page that could not be made, or a socket that could not be accepted. */
  readonly onTrouble: (what: string, error: unknown) => void;
}

export interface OpsAddress {
  readonly host: string;
  readonly port: number;
}

export interface Health {
  readonly ok: boolean;
  /** One line for a person; empty when ok. */
  readonly why: string;
  /** What `?verbose` lists. Without it the whole counts as one check. */
  readonly checks?: readonly Check[];
}

export interface Check extends Omit<Health, 'checks'> {
  readonly name: string;
}

export interface OpsServer {
  /** As bound. */
  readonly address: OpsAddress;
  /** Stops listening, lets a running answer end for up to a second, drops every connection. */
  readonly close: () => Promise<void>;
}

/** A kubelet, a few scrapers, and room: each connection costs some 20 KiB. */
const CONNECTIONS_MAX = 128;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Longer than a usual scrape interval, so that a scraper keeps its connection. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const TIMEOUT_CHECK_MS = 1_000;
const HEADER_BYTES_MAX = 8 * 1024;
const CLOSE_GRACE_MS = 1_000;

interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Rejects with the Failure LISTEN_FAILED. */
export async function openOpsServer(options: OpsServerOptions): Promise<OpsServer> {
  /** Connections without a request under way: new, silent or kept alive. */
  const waiting = new Set<Socket>();
  let answering = 0;
  let onIdle: (() => void) | undefined;
  let closing: Promise<void> | undefined;
  const server = makeServer((request, response) => {
    const { socket } = request;
    // A request before the last one is answered. Nobody here needs that, and pages would pile up:
    // 2000 scrapes in one packet took 500 MB and two seconds.
    if (!waiting.delete(socket)) {
      socket.destroy();
      return;
    }
    answering += 1;
    response.once('close', () => {
      if (!socket.destroyed) waiting.add(socket);
      answering -= 1;
      if (answering === 0) onIdle?.();
    });
    void answer(request, response, options, () => closing !== undefined);
  });
  server.on('connection', (socket) => {
    waiting.add(socket);
    socket.once('close', () => waiting.delete(socket));
  });
  // Those who only wait must not keep a probe out, which would end in a restart.
  server.on('drop', () => dropAll(waiting));
  const address = await listen(server, options.address);
  server.on('error', (error) => options.onTrouble('accept', error));
  return {
    address,
    close() {
      closing ??= closeAll();
      return closing;
    },
  };

  async function closeAll(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    dropAll(waiting);
    if (answering > 0) {
      await within(CLOSE_GRACE_MS, (done) => {
        onIdle = done;
      });
    }
    server.closeAllConnections();
    await closed;
  }
}

function makeServer(onRequest: RequestListener): Server {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
    },
    onRequest,
  );
  server.maxConnections = CONNECTIONS_MAX;
  // For a reader that does not take its answer.
  server.timeout = REQUEST_TIMEOUT_MS;
  return server;
}

function dropAll(sockets: ReadonlySet<Socket>): void {
  for (const socket of sockets) socket.destroy();
}

async function listen(server: Server, address: OpsAddress): Promise<OpsAddress> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address.host, port: address.port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    throw listenFailure('ops_listen', hostPort(address), error);
  }
  const bound: AddressInfo | string | null = server.address();
  assert(bound !== null && typeof bound === 'object', 'a TCP listener has an address');
  return { host: bound.address, port: bound.port };
}

export function hostPort({ host, port }: OpsAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function within(limitMs: number, start: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limitMs);
    start(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: OpsServerOptions,
  isClosing: () => boolean,
): Promise<void> {
  const { method, url = '/' } = request;
  const [path = '/', query = ''] = url.split('?', 2);
  const readable = method === 'GET' || method === 'HEAD';
  let page: Page;
  try {
    page = readable
      ? await pageAt(path, new URLSearchParams(query), options)
      : text(405, 'GET, HEAD');
  } catch (error) {
    options.onTrouble(path, error);
    page = text(500, 'internal error');
  }
  response.writeHead(page.status, {
    'content-type': page.contentType,
    'content-length': Buffer.byteLength(page.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(page.status === 405 ? { allow: 'GET, HEAD' } : {}),
    // Nobody reads the body of a refused method; without the connection nobody has to.
    ...(isClosing() || !readable ? { connection: 'close' } : {}),
  });
  response.end(method === 'HEAD' ? undefined : page.body);
}

async function pageAt(path: string, query: URLSearchParams, options: OpsServerOptions) {
  const verbose = query.has('verbose');
  switch (path) {
    case '/metrics': {
      const body = await options.metrics.render();
      return { status: 200, contentType: options.metrics.contentType, body };
    }
    case '/livez':
      return probe('livez', options.isLive(), verbose);
    case '/readyz':
      return probe('readyz', options.isReady(), verbose);
    case '/startupz':
      return probe('startupz', options.isStarted(), verbose);
    default:
      return text(404, 'not found: try /metrics, /livez, /readyz, /startupz');
  }
}

/** Laid out as the probes of Kubernetes' API server are. */
function probe(name: string, health: Health, verbose: boolean): Page {
  const status = health.ok ? 200 : 503;
  if (!verbose) return text(status, health.ok ? 'ok' : health.why);
  const checks = health.checks ?? [{ name, ok: health.ok, why: health.why }];
  const lines = checks.map((check) =>
    check.ok ? `[+]${check.name} ok` : `[-]${check.name} failed: ${check.why}`,
  );
  return text(
    status,
    [...lines, `${name} check ${health.ok ? 'passed' : 'failed'}`, ''].join('\n'),
  );
}

function text(status: number, body: string): Page {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}
