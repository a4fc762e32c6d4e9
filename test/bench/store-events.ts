// Loads that fill a server, and the one that its throughput is measured by.

import { jobLimits, type LoadJobInput, type LoadResult } from './job.js';
import type { LoadProcess } from './load-process.js';
import type { ServerProcess } from './server-process.js';

const BATCH = 100;

/** Records so many events in batches, four in flight, as fast as the server takes them. */
export async function storeEvents(
  load: LoadProcess,
  server: ServerProcess,
  events: number,
): Promise<LoadResult> {
  const result = await load.run({
    address: server.address,
    serverPid: server.pid,
    kind: 'unary',
    method: '/tollgate.v1.MeteringService/RecordBatch',
    body: 'recordBatch',
    batchEvents: BATCH,
    inFlight: 4,
    connections: 4,
    warmupSeconds: 0,
    seconds: jobLimits.seconds,
    callsMax: Math.ceil(events / BATCH),
  });
  refuseErrors(result);
  if (result.events < events) throw new Error(`${result.events} of ${events} events in time`);
  return result;
}

/** What is under way is compiled by then, however slow the machine is. */
export function warmUp(load: LoadProcess, server: ServerProcess, calls: number): Promise<unknown> {
  return runJob(load, server, { callsMax: calls, seconds: jobLimits.seconds, warmupSeconds: 0 });
}

/** Unary calls of Record, 64 in flight. */
export function runRecord(
  load: LoadProcess,
  server: ServerProcess,
  { seconds, warmupSeconds }: { readonly seconds: number; readonly warmupSeconds: number },
): Promise<LoadResult> {
  return runJob(load, server, { seconds, warmupSeconds });
}

async function runJob(
  load: LoadProcess,
  server: ServerProcess,
  length: Pick<LoadJobInput, 'seconds' | 'warmupSeconds' | 'callsMax'>,
): Promise<LoadResult> {
  const result = await load.run({
    address: server.address,
    serverPid: server.pid,
    kind: 'unary',
    method: '/tollgate.v1.MeteringService/Record',
    body: 'record',
    inFlight: 64,
    connections: 4,
    ...length,
  });
  refuseErrors(result);
  return result;
}

export function refuseErrors({ errors, calls, firstError }: LoadResult): void {
  if (errors === 0) return;
  throw new Error(`${errors} errors beside ${calls} good calls, first: ${firstError}`);
}
