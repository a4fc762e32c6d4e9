// The connection to the running server.

import { readFileSync } from 'node:fs';
import { type ChannelCredentials, type Client, credentials, Metadata } from '@grpc/grpc-js';
import { MeteringServiceClient } from '../../../generated/ts/tollgate/v1/metering_service.js';
import { systemClock } from '../../base/clock.js';
import { Failure, messageOf } from '../../base/failure.js';
import type { DurationMs } from '../../base/units.js';
import { limits } from '../../limits.js';
import { usageFailure } from './fault.js';

const HOST_PORT = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/;
const UNIX = /^unix:\/\/\/.+$/;

export function parseTarget(text: string): string {
  if (UNIX.test(text)) return text;
  const port = Number(HOST_PORT.exec(text)?.[1] ?? 0);
  if (port >= 1 && port <= 65_535) return text;
  throw usageFailure(`--target: expected host:port or unix:///path, got ${text}`);
}

export function openClient(
  target: string,
  connectMsMax: DurationMs,
): Promise<MeteringServiceClient> {
  return connect(MeteringServiceClient, target, connectMsMax);
}

type ClientOf<Made> = new (
  address: string,
  insecure: ChannelCredentials,
  options: Readonly<Record<string, number>>,
) => Made;

/** Resolves once there is a connection, so that a wrong address is told before any reading. */
export async function connect<Made extends Client>(
  Maker: ClientOf<Made>,
  target: string,
  connectMsMax: DurationMs,
): Promise<Made> {
  const client = new Maker(target, credentials.createInsecure(), {
    // A sidecar is near: a proxy set for the machine's web traffic must not get between.
    'grpc.enable_http_proxy': 0,
    // By default a second and more, in which a server that restarts is long back.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2000,
    'grpc.max_send_message_length': limits.messageBytes,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(systemClock.wallMs() + connectMsMax, (error) =>
        error === undefined ? resolve() : reject(error),
      );
    });
  } catch (cause) {
    client.close();
    const text = `no gRPC server answers at ${target} within ${connectMsMax} ms`;
    throw new Failure('REPLAY_UNREACHABLE', text, { cause });
  }
  return client;
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
