// A command of Tollgate as the launcher runs it, in this process.

import { PassThrough } from 'node:stream';
import { main } from '../../src/main.js';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function runMain(...argv: readonly string[]): Promise<Ran> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const code = await main(argv, { stdout, stderr });
  const read = (stream: PassThrough) => String(stream.read() ?? '');
  return { code, out: read(stdout), err: read(stderr) };
}
