// Processes under load: the server (TOLLGATE_BENCH_COMMAND, a JSON array, or `node dist/main.js
// serve`) with its extra no-op RPC, and the no-op by node:http2 alone.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

export interface ServerProcess {
  readonly pid: number;
  /** For the load process: `host:port`. */
  readonly address: string;
  /** Of HTTP: `host:port`. */
  readonly http: string;
  /** Of metrics: `host:port`. */
  readonly ops: string;
  readonly dataDirectory: string;
  /** The end of what it printed. */
  logTail(): string;
  close(): Promise<void>;
  /** As a crash would end it. */
  kill(): Promise<void>;
}

/** A start that has a journal of millions to read takes longer than any other. */
const START_WAIT_MS = 600_000;
const STOP_WAIT_MS = 15_000;
const POLL_MS = 20;
const LOG_TAIL_CHARS = 2000;

/** On the data that is in `directory`, or none, with the settings of a normal start. */
export async function openServer(
  directory: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const dataDirectory = join(directory, 'data');
  mkdirSync(dataDirectory, { recursive: true });
  const logPath = join(directory, 'server.log');
  const log = openSync(logPath, 'w');
  const addressesPath = join(dataDirectory, 'addresses.json');
  // A server that was killed has left its own.
  rmSync(addressesPath, { force: true });
  const [program, ...args] = serverCommand();
  const child = spawn(program, args, {
    stdio: ['ignore', log, log],
    env: {
      TOLLGATE_AUTH: 'off',
      TOLLGATE_LOG_LEVEL: 'warn',
      ...process.env,
      // The harness's, not the server's.
      TOLLGATE_BENCH_COMMAND: undefined,
      TOLLGATE_BENCH_NOOP: '1',
      TOLLGATE_DATA_DIR: dataDirectory,
      TOLLGATE_GRPC_LISTEN: '127.0.0.1:0',
      TOLLGATE_OPS_LISTEN: '127.0.0.1:0',
      TOLLGATE_HTTP_LISTEN: '127.0.0.1:0',
      ...settings,
    },
  });
  closeSync(log);
  const logTail = () => readFileSync(logPath, 'utf8').slice(-LOG_TAIL_CHARS);
  const life = follow(child);
  const deadlineMs = performance.now() + START_WAIT_MS;
  for (;;) {
    const addresses = readAddresses(addressesPath);
    if (addresses !== undefined) {
      const [address] = addresses.grpc;
      const [http] = addresses.http;
      const [ops] = addresses.ops;
      const { pid } = addresses;
      const end = { close: () => stop(child, life), kill: () => kill(child, life) };
      return { pid, address, http, ops, dataDirectory, logTail, ...end };
    }
    if (life.ended || performance.now() > deadlineMs) {
      await stop(child, life);
      const command = [program, ...args].join(' ');
      throw new Error(`the server does not serve: ${command}\n${logTail()}`);
    }
    await wait(POLL_MS);
  }
}

/** `noop-grpc.ts` or `noop-http2.ts`. */
export async function openNoop(by: 'grpc' | 'http2'): Promise<ServerProcess> {
  const program = fileURLToPath(new URL(`noop-${by}.js`, import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const life = follow(child);
  const line = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (line.done === true) throw new Error(`the no-op by ${by} alone does not serve`);
  const { pid, address } = noopLine.parse(JSON.parse(line.value));
  const end = { close: () => stop(child, life), kill: () => kill(child, life) };
  return { pid, address, http: '', ops: '', dataDirectory: '', logTail: () => '', ...end };
}

const noopLine = z.object({ pid: z.int(), address: z.string() });

function serverCommand(): [string, ...string[]] {
  const text = process.env['TOLLGATE_BENCH_COMMAND'];
  if (text === undefined) return [process.execPath, 'dist/main.js', 'serve'];
  return z.tuple([z.string()], z.string()).parse(JSON.parse(text));
}

const listed = z.tuple([z.string()], z.string());
const addressesFile = z.object({ pid: z.int(), grpc: listed, http: listed, ops: listed });

function readAddresses(path: string): z.output<typeof addressesFile> | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  return addressesFile.parse(JSON.parse(text));
}

interface Life {
  ended: boolean;
  readonly end: Promise<void>;
}

/** Whatever happens to the harness, its children end with it. */
function follow(child: ChildProcess): Life {
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  const life: Life = {
    ended: false,
    end: new Promise((resolve) => {
      const ended = () => {
        life.ended = true;
        process.off('exit', kill);
        resolve();
      };
      child.once('exit', ended);
      child.once('error', ended);
    }),
  };
  return life;
}

async function kill(child: ChildProcess, life: Life): Promise<void> {
  child.kill('SIGKILL');
  await life.end;
}

async function stop(child: ChildProcess, life: Life): Promise<void> {
  if (life.ended) return;
  child.stdin?.end();
  child.kill('SIGTERM');
  const late = wait(STOP_WAIT_MS, 'late', { ref: false });
  if ((await Promise.race([life.end, late])) === 'late') child.kill('SIGKILL');
  await life.end;
}
