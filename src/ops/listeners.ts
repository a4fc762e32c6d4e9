// gRPC and HTTP on their addresses, with the TLS that both share. HTTP listens from the start and
// says that it is not ready; gRPC listens when there is something to serve.

import { openTlsFiles, type TlsFiles, type TlsFilesState } from '../access/tls-files.js';
import type { TlsMaterial } from '../access/tls-material.js';
import type { Clock } from '../base/clock.js';
import { type Address, type GrpcServer, openGrpcServer } from '../grpc/server.js';
import { createTlsCredentials } from '../grpc/tls-credentials.js';
import type { FileRegistry } from '../http/bindings.js';
import { openDocsPage } from '../http/docs-page.js';
import { openFront } from '../http/front.js';
import { openHttpServer } from '../http/server.js';
import type { Edge } from '../rpc/edge.js';
import { openRpcs } from '../rpc/rpcs.js';
import type { Metrics } from '../telemetry/metrics.js';

export interface ListenersOptions {
  readonly contract: FileRegistry;
  readonly config: ListenersConfig;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'connectionsEnded' | 'requestsRefused'>;
  /** Once per change of state. */
  readonly onTlsTrouble: (state: TlsFilesState, error: unknown) => void;
  /** A fault of ours that no call stands for. */
  readonly onError: (error: unknown) => void;
}

/** Of the configuration. */
export interface ListenersConfig {
  readonly grpcListen: readonly Address[];
  readonly httpListen: readonly Address[];
  readonly httpCorsOrigins: readonly string[];
  readonly reflection: boolean;
  readonly benchNoop: boolean;
  readonly tls:
    | {
        readonly certFile: string;
        readonly keyFile: string;
        readonly clientCaFile?: string;
        readonly clientAuth: 'optional' | 'required';
      }
    | undefined;
}

export interface Bound {
  readonly grpc: readonly string[];
  readonly http: readonly string[];
}

export interface Listeners {
  /** From then on calls are answered. */
  readonly serve: (edge: Edge) => Promise<Bound>;
  /** Tells health watchers. */
  readonly setServing: (serving: 'SERVING') => void;
  /**
   * Waits for calls under way; resolves with the number of those that it then cut off. Safe to call
   * twice.
   */
  readonly close: (deadlineMs: number) => Promise<number>;
}

export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const { config, contract, metrics, onError } = options;
  const renewed: ((material: TlsMaterial) => void)[] = [];
  const files = await openFiles(options, (material) => {
    for (const renew of renewed) renew(material);
  });
  const required = config.tls?.clientAuth === 'required' ? 'on' : 'off';
  const tls = files && ({ material: files.current(), requireClientCertificate: required } as const);
  const http = await openHttpServer({
    tls,
    addresses: config.httpListen,
    pages: openDocsPage().pages,
    corsOrigins: config.httpCorsOrigins,
    metrics,
    onError,
  }).catch(async (error: unknown) => {
    await files?.close();
    throw error;
  });
  renewed.push(http.replace);
  let grpc: GrpcServer | undefined;
  let closing: Promise<number> | undefined;

  async function closeAll(deadlineMs: number): Promise<number> {
    grpc?.setServing('NOT_SERVING');
    http.drain();
    const cutOff = (await grpc?.close(deadlineMs)) ?? 0;
    await http.close();
    await files?.close();
    return cutOff;
  }

  return {
    async serve(edge) {
      const rpcs = openRpcs();
      // What came while the journal was replayed is in it.
      const credentials =
        tls && files && createTlsCredentials({ ...tls, material: files.current() });
      if (credentials !== undefined) renewed.push(credentials.replace);
      grpc = await openGrpcServer({
        edge,
        rpcs,
        contract,
        tls: credentials,
        addresses: config.grpcListen,
        reflection: config.reflection ? 'on' : 'off',
        benchNoop: config.benchNoop ? 'on' : 'off',
      });
      http.serve(openFront({ edge, rpcs, contract, payments: 'simulated' }));
      return { grpc: grpc.bound, http: http.bound };
    },
    setServing: (serving) => grpc?.setServing(serving),
    close(deadlineMs) {
      closing ??= closeAll(deadlineMs);
      return closing;
    },
  };
}

async function openFiles(
  { config, clock, onTlsTrouble }: ListenersOptions,
  onReload: (material: TlsMaterial) => void,
): Promise<TlsFiles | undefined> {
  if (config.tls === undefined) return undefined;
  return openTlsFiles({ ...config.tls, clock, onReload, onTrouble: onTlsTrouble });
}
