// TLS for a running gRPC server: what it serves new connections with can be replaced, and those
// that are open go on.
//
// grpc-js has providers of certificates for this under `experimental`. They are not used: the one
// that watches files takes each file as it comes, and drops every new connection where one is bad;
// and none of them lets the versions, the ciphers or the handshake's time be set. What they call is
// called here: `updateSecureContextOptions`, which sets the context of every bound port. It is
// protected; grpc-js is pinned, and a test notices when it stops working.

import type { SecureServerOptions } from 'node:http2';
import type { SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { secureContextOptions, type TlsMaterial } from '../access/tls-material.js';
import { assert } from '../base/assert.js';
import { Failure } from '../base/failure.js';
import { limits } from '../limits.js';

export interface TlsCredentialsOptions {
  /** Checked, as `openTlsFiles` gives it. With `ca`, clients are asked for a certificate. */
  readonly material: TlsMaterial;
  /** `off`: who has no certificate, or a bad one, is let in, and `sansOf` says which. */
  readonly requireClientCertificate: 'on' | 'off';
}

export interface TlsCredentials {
  /** For any number of `bindAsync`. */
  readonly credentials: ServerCredentials;
  /** For connections from now on. Checked before: with what TLS does not take, none would come. */
  readonly replace: (material: TlsMaterial) => void;
}

interface Inside {
  readonly _getConstructorOptions: () => SecureServerOptions | null;
  readonly updateSecureContextOptions: (options: SecureContextOptions) => void;
}

/** Throws a `Failure` of code TLS_CLIENT_CA_MISSING: certificates that nobody could have issued. */
export function createTlsCredentials(options: TlsCredentialsOptions): TlsCredentials {
  const { material, requireClientCertificate } = options;
  const asks = material.ca !== undefined;
  const requires = requireClientCertificate === 'on';
  if (requires && !asks) {
    const text = 'client certificates are required, and there is no file of their authorities';
    throw new Failure('TLS_CLIENT_CA_MISSING', text);
  }
  const pair = { cert_chain: material.cert, private_key: material.key };
  const credentials = ServerCredentials.createSsl(null, [pair], asks);
  const inside = credentials as unknown as Inside;
  const server = inside._getConstructorOptions();
  assert(server !== null, 'TLS credentials are for a TLS server');
  server.rejectUnauthorized = requires;
  server.handshakeTimeout = limits.handshakeMs;
  inside.updateSecureContextOptions(secureContextOptions(material));
  return {
    credentials,
    replace: (next) => inside.updateSecureContextOptions(secureContextOptions(next)),
  };
}
