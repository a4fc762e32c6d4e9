// A server in a process of its own, as an operator runs it: it can be killed.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { MeteringServiceClient } from '../../generated/ts/tollgate/v1/metering_service.js';
import { refuseSecrets } from './no-secrets.js';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist/main.js');
const START_MS_MAX = 30_000;
const POLL_MS = 20;

export interface ServerProcess {
  readonly pid: number;
  readonly client: MeteringServiceClient;
  readonly address: string;
  readonly ops: string;
  readonly http: string;
  /** Standard output and error so far. */
  readonly output: () => string;
  readonly signal: (signal: NodeJS.Signals) => void;
  readonly exited: Promise<Exit>;
  /** SIGKILL, and waits for the end. */
  readonly kill: () => Promise<void>;
  /** SIGTERM, and waits for the end. */
  readonly stop: () => Promise<Exit>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Another program than the launcher, with its arguments. */
  readonly program?: readonly string[];
  /** A command that runs the process, such as `prlimit`: the process ends with it. */
  readonly within?: readonly string[];
}

/** Starts a server on a directory and waits until it serves. */
export async function spawnServer(
  directory: string,
  options: SpawnOptions = {},
): Promise<ServerProcess> {
  const { child, output, exited } = launch(directory, options);
  // In a PID namespace of its own the server has another process id than here.
  const isOwn = ({ pid }: AddressesFile) =>
    pid === child.pid || (options.within !== undefined && output().includes('"event":"serving"'));
  const addresses = await waitForAddresses(directory, child, exited, output, isOwn);
  const address = addresses.grpc[0] ?? '';
  const client = new MeteringServiceClient(address, credentials.createInsecure());
  return {
    pid: child.pid ?? 0,
    client,
    address,
    ops: addresses.ops[0] ?? '',
    http: addresses.http[0] ?? '',
    output,
    signal: (signal) => void child.kill(signal),
    exited,
    async kill() {
      child.kill('SIGKILL');
      await exited;
      client.close();
    },
    async stop() {
      child.kill('SIGTERM');
      const exit = await exited;
      client.close();
      return exit;
    },
  };
}

/** Runs a server that is expected to end by itself. */
export function runServer(directory: string, options: SpawnOptions = {}): Promise<Exit> {
  return launch(directory, options).exited;
}

/** Runs another command of the launcher. */
export function runCommand(argv: readonly string[]): Promise<Exit> {
  return launch('', { program: [MAIN, ...argv] }).exited;
}

function launch(directory: string, options: SpawnOptions) {
  if (!existsSync(MAIN)) throw new Error('dist/main.js is missing: run `make build`');
  const program = options.program ?? [MAIN, 'serve'];
  const [command = '', ...argv] = [...(options.within ?? []), process.execPath, ...program];
  const child = spawn(command, argv, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      TOLLGATE_DATA_DIR: directory,
      TOLLGATE_GRPC_LISTEN: '127.0.0.1:0',
      TOLLGATE_OPS_LISTEN: '127.0.0.1:0',
      TOLLGATE_HTTP_LISTEN: '127.0.0.1:0',
      TOLLGATE_LOG_FORMAT: 'json',
      // Two files of zeros at each start, as small as they may be.
      TOLLGATE_JOURNAL_SEGMENT_BYTES: '16MiB',
      // Unless a test is about it.
      TOLLGATE_AUTH: 'off',
      ...options.env,
    },
  });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  child.stderr.on('data', (chunk) => {
    text += chunk;
  });
  const exited = new Promise<Exit>((done) => {
    child.once('close', (code, signal) => done({ code, signal, output: text }));
  }).then((exit) => {
    refuseSecrets(exit.output.split('\n'));
    return exit;
  });
  return { child, output: () => text, exited };
}

interface AddressesFile {
  readonly pid: number;
  readonly grpc: readonly string[];
  readonly ops: readonly string[];
  readonly http: readonly string[];
}

async function waitForAddresses(
  directory: string,
  child: ChildProcess,
  exited: Promise<Exit>,
  output: () => string,
  isOwn: (addresses: AddressesFile) => boolean,
): Promise<AddressesFile> {
  const path = join(directory, 'addresses.json');
  let ended = false;
  void exited.then(() => {
    ended = true;
  });
  for (let waitedMs = 0; waitedMs < START_MS_MAX; waitedMs += POLL_MS) {
    if (ended) throw new Error(`the server ended: ${output()}`);
    if (existsSync(path)) {
      const addresses = JSON.parse(readFileSync(path, 'utf8')) as AddressesFile;
      if (isOwn(addresses)) return addresses;
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
  child.kill('SIGKILL');
  throw new Error(`the server does not serve: ${output()}`);
}
