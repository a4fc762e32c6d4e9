// A real service in this process: real journal, LMDB, sockets and gRPC, in a folder of its own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  MeteringServiceClient,
  MeteringServiceService,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import type { Clock } from '../../src/base/clock.js';
import { type Config, loadConfig } from '../../src/config.js';
import { readContract } from '../../src/http/bindings.js';
import type { Files } from '../../src/journal/files.js';
import type { Core } from '../../src/operations/core.js';
import { openService, type Service } from '../../src/service.js';
import { openLog } from '../../src/telemetry/log.js';
import { refuseSecrets } from './no-secrets.js';

const contract = readContract();
/** Room for the largest commands of the tests without waiting for the next file. */
const SEGMENT_BYTES = 4 * 1024 * 1024;

export interface StartOptions {
  /** YAML, with or without `server:`; undefined: the example catalogue. */
  readonly yaml?: string;
  readonly flags?: readonly string[];
  readonly clock?: Clock;
  readonly files?: Files;
  /** An existing data directory; it is then not removed at `stop`. */
  readonly directory?: string;
  /** Changes that settings do not allow, such as tiny segments. */
  readonly change?: Partial<Config>;
}

export interface Running {
  readonly client: MeteringServiceClient;
  readonly service: Service;
  readonly core: Core;
  readonly directory: string;
  readonly address: string;
  readonly logLines: readonly string[];
  readonly fatal: readonly Error[];
  /** Stops cleanly and starts again on the same directory. */
  readonly restart: (options?: StartOptions) => Promise<Running>;
  readonly stop: () => Promise<void>;
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'tollgate-'));
}

export async function start(options: StartOptions = {}): Promise<Running> {
  const directory = options.directory ?? temporaryDirectory();
  const logLines: string[] = [];
  const fatal: Error[] = [];
  const log = openLog({
    level: 'debug',
    format: 'json',
    destination: { write: (line: string) => logLines.push(line) },
  });
  const service = await openService({
    contract,
    config: configFor(directory, options),
    log,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.files === undefined ? {} : { files: options.files }),
    onFatal: (error) => fatal.push(error),
  });
  const address = service.addresses.grpc[0] ?? '';
  const client = new MeteringServiceClient(address, credentials.createInsecure());

  async function close(): Promise<void> {
    client.close();
    await service.close();
    refuseSecrets(logLines);
  }

  return {
    client,
    service,
    core: service.core,
    directory,
    address,
    logLines,
    fatal,
    async restart(again = {}) {
      await close();
      return start({ ...options, ...again, directory });
    },
    async stop() {
      await close();
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

function configFor(directory: string, options: StartOptions): Config {
  const flags = [
    '--data-dir',
    directory,
    '--grpc-listen',
    '127.0.0.1:0',
    '--http-listen',
    '127.0.0.1:0',
    '--ops-listen',
    '127.0.0.1:0',
    ...(options.yaml === undefined ? [] : ['--config', 'test.yaml']),
    // Unless a test is about it.
    ...(options.flags?.includes('--auth') ? [] : ['--auth', 'off']),
    ...(options.flags ?? []),
  ];
  const readFile = () => options.yaml ?? '';
  const loaded = loadConfig({ argv: flags, env: {}, readFile });
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems, null, 2));
  return { ...loaded.config, segmentBytes: SEGMENT_BYTES, ...options.change };
}

type Definition = typeof MeteringServiceService;
export type UnaryName = Exclude<keyof Definition, 'recordStream'>;
type RequestOf<Name extends UnaryName> = Parameters<Definition[Name]['requestSerialize']>[0];
type ReplyOf<Name extends UnaryName> = ReturnType<Definition[Name]['responseDeserialize']>;

/** `await call(client, 'record', request)`; rejects with the ServiceError. */
export function call<Name extends UnaryName>(
  client: MeteringServiceClient,
  name: Name,
  request: RequestOf<Name>,
  metadata: Metadata = new Metadata(),
): Promise<ReplyOf<Name>> {
  const { path, requestSerialize, responseDeserialize } = MeteringServiceService[name];
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize as (value: RequestOf<Name>) => Buffer,
      responseDeserialize as (bytes: Buffer) => ReplyOf<Name>,
      request,
      metadata,
      (error: ServiceError | null, reply?: ReplyOf<Name>) => {
        if (error === null && reply !== undefined) resolve(reply);
        else reject(error);
      },
    );
  });
}
