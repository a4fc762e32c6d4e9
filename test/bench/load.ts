// The load: a process of its own. Each line of standard input is a job in JSON (or one job is the
// only argument); each is answered by one line of JSON. Shape of both: job.ts.
//
//   node dist/bench-esm/test/bench/load.js '{"address":"127.0.0.1:50051","kind":"unary",
//     "method":"/tollgate.v1.MeteringService/Record","inFlight":64,"connections":4,"seconds":3,
//     "body":"record"}'

import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { driveStreams, driveUnary } from './drive.js';
import { type H2Client, openH2Client } from './h2-client.js';
import { type LoadJob, type LoadResult, loadJob } from './job.js';
import { driveOpen } from './open-loop.js';
import { createTally } from './tally.js';

/** How long what is under way at the end may take. */
const STOP_WAIT_MS = 10_000;

// The harness has gone: nobody waits for the rest.
process.stdout.on('error', () => process.exit(1));
const argument = process.argv[2];
if (argument !== undefined) {
  await answer(argument);
} else {
  for await (const line of createInterface({ input: process.stdin })) await answer(line);
}

async function answer(line: string): Promise<void> {
  const result = await run(loadJob.parse(JSON.parse(line)));
  if (result.errors > 0) process.exitCode = 1;
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** Trouble of any kind is in the result: `errors` and the first one's text. */
async function run(job: LoadJob): Promise<LoadResult> {
  const tally = createTally(job);
  let lost: (error: Error) => void = () => undefined;
  const broken = new Promise<never>((_resolve, reject) => {
    lost = reject;
  });
  // It may be lost before or after anybody waits for it.
  broken.catch(() => undefined);
  let client: H2Client | undefined;
  try {
    client = await openClient(job, lost);
    await Promise.race([broken, measure(job, client)]);
  } catch (error) {
    tally.error((error as Error).message);
    tally.end();
  }
  client?.close();
  return tally.result();

  async function measure(job: LoadJob, client: H2Client): Promise<void> {
    const drive = { unary: driveUnary, stream: driveStreams, open: driveOpen }[job.kind];
    const load = drive(job, client, tally);
    await wait(job.warmupSeconds * 1000);
    tally.begin();
    await Promise.race([tally.reached, wait(job.seconds * 1000, undefined, { ref: false })]);
    tally.end();
    const late = wait(STOP_WAIT_MS, 'late', { ref: false });
    if ((await Promise.race([load.stop(), late])) === 'late') {
      throw new Error(`calls without an answer ${STOP_WAIT_MS} ms after the last one`);
    }
  }
}

function openClient(job: LoadJob, failed: (error: Error) => void): Promise<H2Client> {
  const { address, method, connections, streamIdMax, authorization } = job;
  const optional = {
    ...(streamIdMax === undefined ? {} : { streamIdMax }),
    ...(authorization === undefined ? {} : { authorization }),
  };
  return openH2Client({ address, method, connections, failed, ...optional });
}
