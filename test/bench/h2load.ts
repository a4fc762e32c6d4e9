// Cross-check of our own client by h2load (Debian: nghttp2-client): a native client, but with one
// fixed body, so only for calls that may repeat.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requestBytes } from './bodies.js';
import { loadJob } from './job.js';
import { type LoadName, loads } from './rows.js';

export interface CrossCheckOptions {
  readonly load: LoadName;
  readonly address: string;
  readonly directory: string;
  readonly seconds: number;
}

const run = promisify(execFile);

export async function isH2loadInstalled(): Promise<boolean> {
  return run('h2load', ['--version']).then(
    () => true,
    () => false,
  );
}

/** Calls per second. */
export async function h2loadRate(options: CrossCheckOptions): Promise<number> {
  const { address, seconds } = options;
  const job = loadJob.parse({ ...loads[options.load], address, seconds });
  const message = requestBytes(job);
  const bodyPath = join(options.directory, `${options.load}.body`);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  writeFileSync(bodyPath, Buffer.concat([prefix, message]));
  const { stdout } = await run('h2load', [
    `--duration=${Math.ceil(seconds)}`,
    '--warm-up-time=1',
    `--clients=${job.connections}`,
    `--max-concurrent-streams=${job.inFlight / job.connections}`,
    `--data=${bodyPath}`,
    '--header=content-type: application/grpc',
    '--header=te: trailers',
    `http://${address}${job.method}`,
  ]);
  const rate = /, ([\d.]+) req\/s/.exec(stdout)?.[1];
  const succeeded = / 0 failed, 0 errored/.test(stdout);
  if (rate === undefined || !succeeded) throw new Error(`h2load failed:\n${stdout}`);
  return Number(rate);
}
