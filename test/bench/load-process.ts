// The load process as the harness sees it: jobs in, results out, one at a time.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LoadJobInput, LoadResult } from './job.js';

export interface LoadProcess {
  run(job: LoadJobInput): Promise<LoadResult>;
  close(): void;
}

/** One process for the whole bench: both sides of every ratio have the same client. */
export function openLoadProcess(): LoadProcess {
  const program = fileURLToPath(new URL('load.js', import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function run(job: LoadJobInput): Promise<LoadResult> {
    child.stdin.write(`${JSON.stringify(job)}\n`);
    const line = await lines.next();
    if (line.done === true) throw new Error('the load process has ended');
    return JSON.parse(line.value) as LoadResult;
  }

  return { run, close: () => child.stdin.end() };
}
