// gRPC and HTTP on their addresses, with the TLS that both share.

import { openTlsFiles, type TlsFiles, type TlsFilesState } from '../access/tls-files.js';
import type { TlsMaterial } from '../access/tls-material.js';
import { type Address, openGrpcServer } from '../grpc/server.js';
import { createTlsCredentials } from '../grpc/tls-credentials.js';
import { readContract } from '../http/bindings.js';
import { openDocsPage } from '../http/docs-page.js';
import { openHttpServer } from '../http/server.js';
import { openTranscoder } from '../http/transcode.js';
import type { Edge } from '../rpc/edge.js';
import { openRpcs } from '../rpc/rpcs.js';

export interface ListenersOptions {
  readonly edge: Edge;
  readonly config: ListenersConfig;
  /** Once per change of state. */
  readonly onTlsTrouble: (state: TlsFilesState, error: unknown) => void;
}

/** Of the configuration. */
export interface ListenersConfig {
  readonly grpcListen: readonly Address[];
  readonly httpListen: readonly Address[];
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

export interface Listeners {
  readonly grpc: readonly string[];
  readonly http: readonly string[];
  /** When the certificate in use ends; undefined without TLS. */
  readonly notAfterMs: () => number | undefined;
  /** Whether the TLS files as they are now cannot be used. */
  readonly failing: () => boolean;
  readonly setServing: (serving: 'SERVING' | 'NOT_SERVING') => void;
  /** Waits for calls under way; resolves with the number of those that it then cut off. */
  readonly close: (deadlineMs: number) => Promise<number>;
}

export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const { edge, config } = options;
  const renewed: ((material: TlsMaterial) => void)[] = [];
  const files = await openFiles(options, (material) => {
    for (const renew of renewed) renew(material);
  });
  const required = config.tls?.clientAuth === 'required' ? 'on' : 'off';
  const tls = files && ({ material: files.current(), requireClientCertificate: required } as const);
  const credentials = tls && createTlsCredentials(tls);
  const rpcs = openRpcs();
  const grpc = await openGrpcServer({
    edge,
    rpcs,
    tls: credentials,
    addresses: config.grpcListen,
    reflection: config.reflection ? 'on' : 'off',
    benchNoop: config.benchNoop ? 'on' : 'off',
  });
  const http = await openHttpServer({
    tls,
    addresses: config.httpListen,
    transcode: openTranscoder(edge, rpcs, readContract()),
    pages: openDocsPage().pages,
    onError: (error) => edge.onError('HTTP', error),
  }).catch(async (error: unknown) => {
    await grpc.close(0);
    throw error;
  });
  if (credentials !== undefined) {
    renewed.push(credentials.replace, http.replace);
    // What came while the listeners were opened.
    if (files !== undefined) for (const renew of renewed) renew(files.current());
  }
  return {
    grpc: grpc.bound,
    http: http.bound,
    notAfterMs: () => files?.notAfterMs(),
    failing: () => files?.failing() ?? false,
    setServing: grpc.setServing,
    async close(deadlineMs) {
      grpc.setServing('NOT_SERVING');
      http.drain();
      const cutOff = await grpc.close(deadlineMs);
      await http.close();
      await files?.close();
      return cutOff;
    },
  };
}

function openFiles(
  { edge, config, onTlsTrouble }: ListenersOptions,
  onReload: (material: TlsMaterial) => void,
): Promise<TlsFiles> | undefined {
  if (config.tls === undefined) return undefined;
  const { clock } = edge.core;
  return openTlsFiles({ ...config.tls, clock, onReload, onTrouble: onTlsTrouble });
}
