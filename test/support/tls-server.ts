// A gRPC server with TLS whose one service says who it believes its caller to be.

import { createSecureContext } from 'node:tls';
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  Server,
  type ServerDuplexStream,
  type ServerOptions,
  type ServiceError,
} from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import type { PeerCertificate } from '../../src/access/gate.js';
import type { TlsMaterial } from '../../src/access/tls-material.js';
import { createSansOf } from '../../src/grpc/peer-sans.js';
import { createTlsCredentials, type TlsCredentials } from '../../src/grpc/tls-credentials.js';
import type { Certificate } from './certificates.js';

const bytes = {
  requestSerialize: (value: Buffer) => value,
  requestDeserialize: (value: Buffer) => value,
  responseSerialize: (value: Buffer) => value,
  responseDeserialize: (value: Buffer) => value,
};
const WHO = { path: '/test.Peers/Who', requestStream: false, responseStream: false, ...bytes };
const STAY = { path: '/test.Peers/Stay', requestStream: true, responseStream: true, ...bytes };

export interface TlsServer extends Pick<TlsCredentials, 'replace'> {
  readonly port: number;
  /** What `sansOf` said, in order of calls: the very objects. */
  readonly seen: readonly PeerCertificate[];
}

/** Shut down when the test is over. */
export async function openTlsServer(
  material: TlsMaterial,
  requireClientCertificate: 'on' | 'off' = 'off',
  options: ServerOptions = {},
): Promise<TlsServer> {
  const server = new Server(options);
  const sansOf = createSansOf();
  const seen: PeerCertificate[] = [];
  server.addService(
    { who: WHO, stay: STAY },
    {
      who(call: Parameters<typeof sansOf>[0], callback: (error: null, reply: Buffer) => void) {
        const sans = sansOf(call);
        seen.push(sans);
        callback(null, Buffer.from(JSON.stringify(sans)));
      },
      stay(call: ServerDuplexStream<Buffer, Buffer>) {
        seen.push(sansOf(call));
        call.on('data', (chunk: Buffer) => call.write(chunk));
        call.on('end', () => call.end());
      },
    },
  );
  const tls = createTlsCredentials({ material, requireClientCertificate });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', tls.credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  onTestFinished(() => server.forceShutdown());
  return { port, seen, replace: tls.replace };
}

export interface TlsClient {
  readonly who: () => Promise<PeerCertificate>;
  /** Each message comes back. */
  readonly stay: () => ClientDuplexStream<Buffer, Buffer>;
}

/** On a connection of its own, closed when the test is over. */
export function openTlsClient(port: number, ca: Buffer, own?: Certificate): TlsClient {
  const context = createSecureContext(
    own === undefined ? { ca } : { ca, cert: own.cert, key: own.key },
  );
  const secure = credentials.createFromSecureContext(context);
  const apart = {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.ssl_target_name_override': 'localhost',
  };
  const client = new Client(`127.0.0.1:${port}`, secure, apart);
  onTestFinished(() => client.close());
  return {
    who: () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          WHO.path,
          WHO.requestSerialize,
          WHO.responseDeserialize,
          Buffer.alloc(0),
          new Metadata(),
          { deadline: Date.now() + 20_000 },
          (error: ServiceError | null, reply?: Buffer) => {
            if (error === null) resolve(JSON.parse(`${reply}`));
            else reject(error);
          },
        );
      }),
    stay: () =>
      client.makeBidiStreamRequest(STAY.path, STAY.requestSerialize, STAY.responseDeserialize),
  };
}
