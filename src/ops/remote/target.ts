// The connection of a command to a running server: where it is, how it is known, and the key.

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type ChannelCredentials, type Client, credentials, Metadata } from '@grpc/grpc-js';
import { systemClock } from '../../base/clock.js';
import { Failure, messageOf, systemCode } from '../../base/failure.js';
import { type DurationMs, SECOND_MS } from '../../base/units.js';
import { limits } from '../../limits.js';
import { usageFailure } from '../cli/usage.js';

export interface Target {
  /** `host:port` or `unix:///path`. */
  readonly address: string;
  /** Undefined: plain text. */
  readonly tls: Tls | undefined;
}

interface Tls {
  /** Null: the authorities that Node brings along. */
  readonly authorities: Buffer | null;
  /** Of this client; null: none is presented. */
  readonly certificate: Buffer | null;
  readonly key: Buffer | null;
}

const text = { type: 'string' } as const;

/** For `parseArgs`. */
export const TARGET_FLAGS = {
  target: text,
  tls: { type: 'boolean' },
  cacert: text,
  cert: text,
  key: text,
} as const;

export interface TargetFlags {
  readonly target?: string | undefined;
  readonly tls?: boolean | undefined;
  readonly cacert?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Of the commands that take them. */
export const TARGET_HELP = `\
  --target <address>         host:port or unix:///path (required)
  --tls                      connect with TLS
  --cacert <file>            TLS: authorities to believe, PEM, instead of the
                             usual ones
  --cert <file>, --key <file>
                             TLS: certificate of this client, PEM
`;

/** Reads the files that are named. Throws what usageFailure makes. */
export function readTarget(flags: TargetFlags): Target {
  const { target: address } = flags;
  if (address === undefined || address === '') {
    throw usageFailure('--target is required: host:port or unix:///path');
  }
  checkAddress(address);
  const { tls = false, cacert, cert, key } = flags;
  if (!tls && cacert === undefined && cert === undefined && key === undefined) {
    return { address, tls: undefined };
  }
  if (UNIX.test(address)) throw usageFailure('--tls: a Unix socket has no TLS');
  if ((cert === undefined) !== (key === undefined)) {
    throw usageFailure('--cert and --key need each other');
  }
  const made: Tls = {
    authorities: bytesOf('--cacert', cacert),
    certificate: bytesOf('--cert', cert),
    key: bytesOf('--key', key),
  };
  return { address, tls: made };
}

const HOST_PORT = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/;
const UNIX = /^unix:\/\/\/.+$/;

function checkAddress(address: string): void {
  if (UNIX.test(address)) return;
  const port = Number(HOST_PORT.exec(address)?.[3] ?? 0);
  if (port >= 1 && port <= 65_535) return;
  throw usageFailure(`--target: expected host:port or unix:///path, got ${address}`);
}

function bytesOf(flag: string, path: string | undefined): Buffer | null {
  if (path === undefined) return null;
  try {
    return readFileSync(path);
  } catch (error) {
    throw usageFailure(`${flag}: ${messageOf(error)}`);
  }
}

type ClientOf<Made> = new (
  address: string,
  credentials: ChannelCredentials,
  options: Readonly<Record<string, number>>,
) => Made;

/** Resolves once there is a connection, so that a wrong address is told before any reading. */
export async function connect<Made extends Client>(
  Maker: ClientOf<Made>,
  target: Target,
  connectMsMax: DurationMs,
): Promise<Made> {
  const client = new Maker(target.address, credentialsOf(target), {
    // A sidecar is near: a proxy set for the machine's web traffic must not get between.
    'grpc.enable_http_proxy': 0,
    // By default a second and more, in which a server that restarts is long back.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2000,
    'grpc.max_send_message_length': limits.messageBytes,
  });
  const ready = new Promise<string>((resolve) => {
    client.waitForReady(systemClock.wallMs() + connectMsMax, (error) =>
      resolve(error === undefined ? '' : `no gRPC server answers within ${connectMsMax} ms`),
    );
  });
  const trouble = await Promise.race([ready, distrust(target)]);
  if (trouble === '') return client;
  client.close();
  throw new Failure('UNREACHABLE', `${target.address}: ${trouble}`);
}

function credentialsOf({ tls }: Target): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  try {
    return credentials.createSsl(tls.authorities, tls.key, tls.certificate);
  } catch (error) {
    throw usageFailure(`--cacert, --cert, --key: ${messageOf(error)}`);
  }
}

const PROBE_MS_MAX = 5 * SECOND_MS;

/**
 * grpc-js tries on without end, and does not say why, where the server is not believed. Resolves
 * with what is wrong, by a connection of its own, as soon as it is known; else never.
 */
function distrust({ address, tls }: Target): Promise<string> {
  const [, v6, host = v6, port] = HOST_PORT.exec(address) ?? [];
  return new Promise((resolve) => {
    if (tls === undefined || host === undefined) return;
    const servername = isIP(host) === 0 ? host : '';
    const socket = connectTls({
      host,
      port: Number(port),
      servername,
      ALPNProtocols: ['h2'],
      ...(tls.authorities === null ? {} : { ca: tls.authorities }),
      ...(tls.certificate === null ? {} : { cert: tls.certificate }),
      ...(tls.key === null ? {} : { key: tls.key }),
    });
    // The first word of a server comes when it believes its client.
    socket.once('data', () => socket.destroy());
    socket.setTimeout(PROBE_MS_MAX, () => socket.destroy());
    socket.once('error', (error) => {
      // What only stands in the way of a connection may pass: ECONNREFUSED and the like.
      if (!/^E(?!RR_)/.test(systemCode(error))) resolve(tlsText(error));
    });
  });
}

/** OpenSSL's own words, without its file and line. */
function tlsText(error: Error): string {
  if (systemCode(error) === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'the server does not speak TLS';
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : messageOf(error);
}

/** `authorization` from the file that TOLLGATE_API_KEY_FILE names; nothing where it is not set. */
export function readCredential(path: string | undefined): Metadata {
  const metadata = new Metadata();
  if (path === undefined || path === '') return metadata;
  let key: string;
  try {
    key = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw usageFailure(`TOLLGATE_API_KEY_FILE: ${messageOf(error)}`);
  }
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw usageFailure(`TOLLGATE_API_KEY_FILE: ${path} does not hold one key`);
  }
  metadata.set('authorization', `Bearer ${key}`);
  return metadata;
}
