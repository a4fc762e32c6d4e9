// The gRPC server: services, limits, listeners, and an end that an open stream cannot delay.

import { chmodSync } from 'node:fs';
import type { FileRegistry } from '@bufbuild/protobuf';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { listenFailure } from '../base/listen-failure.js';
import { limits } from '../limits.js';
import type { Edge } from '../rpc/edge.js';
import type { Rpcs } from '../rpc/rpcs.js';
import { admitCalls } from './admission.js';
import { addNoop, NOOP_PATH } from './bench-noop.js';
import { watchConnections } from './connections.js';
import { http2ServersOf, limitMetadata } from './harden.js';
import { addReflection } from './reflection.js';
import { addServices } from './services.js';
import type { TlsCredentials } from './tls-credentials.js';
import { prepareSocket, removeSocket, SOCKET_MODE } from './unix-socket.js';

export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface GrpcServerOptions {
  readonly edge: Edge;
  readonly rpcs: Rpcs;
  readonly contract: FileRegistry;
  readonly addresses: readonly Address[];
  /** Of TCP listeners; undefined: plain text. */
  readonly tls: TlsCredentials | undefined;
  readonly reflection: 'on' | 'off';
  /** A method that does nothing, to measure the transport with. */
  readonly benchNoop: 'on' | 'off';
}

export interface GrpcServer {
  /** As bound: `127.0.0.1:50051`, `unix:///run/tollgate.sock`. */
  readonly bound: readonly string[];
  /** Tells health watchers; calls go on until `close`. */
  readonly setServing: (serving: 'SERVING' | 'NOT_SERVING') => void;
  /**
   * Ends streams after their last ack, waits for calls under way, at most `deadlineMs`. Resolves
   * with the number of calls that it then cut off.
   */
  readonly close: (deadlineMs: number) => Promise<number>;
}

const SERVICE = 'tollgate.v1.MeteringService';
const SETTING = 'grpc_listen';
const POLL_MS = 10;

/**
 * Proxies often send keepalive pings; grpc-js keeps channelz sessions for ever unless it is off.
 */
const OPTIONS = {
  'grpc.enable_channelz': 0,
  'grpc.max_concurrent_streams': limits.streamsPerConnection,
  'grpc.max_receive_message_length': limits.messageBytes,
  'grpc.max_send_message_length': 2 * limits.messageBytes,
  'grpc.max_connection_idle_ms': limits.idleConnectionMs,
  'grpc.keepalive_time_ms': limits.keepaliveMs,
  'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
} as const;

export async function openGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { edge, addresses } = options;
  const server = new Server(OPTIONS);
  limitMetadata(server);
  const streams = addServices(server, edge, options.rpcs, options.contract);
  const health = new HealthImplementation({ '': 'NOT_SERVING', [SERVICE]: 'NOT_SERVING' });
  health.addToServer(server);
  if (options.reflection === 'on') addReflection(server);
  if (options.benchNoop === 'on') addNoop(server);
  const bound: string[] = [];
  try {
    for (const address of addresses) bound.push(await bind(server, address, options.tls));
  } catch (error) {
    server.forceShutdown();
    throw error;
  }
  const connections = watchConnections(http2ServersOf(server), edge.core.metrics);
  const free = options.benchNoop === 'on' ? [NOOP_PATH] : [];
  admitCalls(server, { edge, rpcs: options.rpcs, connections, free });
  return {
    bound,
    setServing(serving) {
      health.setStatus('', serving);
      health.setStatus(SERVICE, serving);
    },
    async close(deadlineMs) {
      const untilMs = edge.core.clock.monotonicMs() + deadlineMs;
      streams.drain();
      while (edge.openCalls > 0 && edge.core.clock.monotonicMs() < untilMs) {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      const cutOff = edge.openCalls;
      await connections.endAll();
      server.forceShutdown();
      for (const address of addresses) if (address.kind === 'unix') removeSocket(address.path);
      return cutOff;
    },
  };
}

async function bind(
  server: Server,
  address: Address,
  tls: TlsCredentials | undefined,
): Promise<string> {
  const plain = ServerCredentials.createInsecure();
  if (address.kind === 'tcp') {
    const credentials = tls?.credentials ?? plain;
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    const port = await bindAsync(server, `${host}:${address.port}`, credentials);
    return `${host}:${port}`;
  }
  await prepareSocket(SETTING, address.path);
  await bindAsync(server, `unix://${address.path}`, plain);
  chmodSync(address.path, SOCKET_MODE);
  return `unix://${address.path}`;
}

function bindAsync(
  server: Server,
  target: string,
  credentials: ServerCredentials,
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(target, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(listenFailure(SETTING, target, error));
    });
  });
}
