// The connection to the sidecar, and what goes with each call: the key.

import { type ChannelCredentials, credentials, Metadata } from '@grpc/grpc-js';
import { MeteringServiceClient } from '../../generated/ts/tollgate/v1/metering_service.js';
import { messageOf } from '../base/failure.js';
import { type CallTrouble, ownTrouble } from './errors.js';
import { checkKey, type Settings, type TlsOptions } from './options.js';

export interface Credential {
  readonly metadata: Metadata;
  /** '' where none is sent. */
  readonly key: string;
}

export interface Connection {
  readonly client: MeteringServiceClient;
  /** Asked before each attempt. Trouble, where the function of the options gives no key. */
  readonly credential: () => Promise<Credential | { readonly trouble: CallTrouble }>;
  /**
   * Whether there is another key than this one, which the server has refused: then, and only then,
   * trying again can help.
   */
  readonly hasOtherKey: (refused: Credential) => Promise<boolean>;
  readonly close: () => void;
}

/** Messages of a batch of long events. The server's own bound. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

export function openConnection({ target, apiKey, tls, retry }: Settings): Connection {
  const client = new MeteringServiceClient(target, credentialsOf(tls), {
    // A sidecar is near: a proxy set for the machine's web traffic must not get between.
    'grpc.enable_http_proxy': 0,
    'grpc.initial_reconnect_backoff_ms': retry.firstMs,
    'grpc.max_reconnect_backoff_ms': retry.longestMs,
    // Retries are made here: with ids, with a new key, and with no copy of what a stream sent.
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  });
  let known: Credential = { metadata: new Metadata(), key: '' };

  async function credential(): Promise<Credential | { readonly trouble: CallTrouble }> {
    if (apiKey === undefined) return known;
    try {
      const key = typeof apiKey === 'string' ? apiKey : await apiKey();
      if (key === known.key) return known;
      checkKey(key);
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${key}`);
      known = { metadata, key };
      return known;
    } catch (error) {
      return { trouble: ownTrouble('CREDENTIAL_UNREADABLE', `apiKey: ${messageOf(error)}`) };
    }
  }

  return {
    client,
    credential,
    async hasOtherKey(refused) {
      if (typeof apiKey !== 'function') return false;
      const now = await credential();
      return 'key' in now && now.key !== refused.key;
    },
    close: () => client.close(),
  };
}

function credentialsOf(tls: TlsOptions | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { rootCertificate, clientCertificate } = tls;
  return credentials.createSsl(
    bytesOf(rootCertificate),
    bytesOf(clientCertificate?.privateKey),
    bytesOf(clientCertificate?.certificate),
  );
}

function bytesOf(pem: string | Buffer | undefined): Buffer | null {
  if (pem === undefined) return null;
  return typeof pem === 'string' ? Buffer.from(pem) : pem;
}
