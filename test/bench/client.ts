// make bench: what the TypeScript client adds. The server is a process of its own; this process is
// the caller, and does the same work three ways in turn: by the client, by plain unary calls, and,
// where redis-server is installed, directly against Redis with every write synced.
//
//   node dist/bench-esm/test/bench/client.js [--smoke] [--directory data]

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import {
  MeteringServiceClient,
  type RecordRequest,
  type RecordResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { Durability, Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { openIdSource } from '../../src/base/ids.js';
import { openTollgate, type Tollgate } from '../../src/client/client.js';
import { readCpuTime } from './cpu-time.js';
import { describeMachine } from './machine.js';
import { isRedisInstalled, openRedis, type Redis } from './redis.js';
import { openServer } from './server-process.js';
import { median, openSyncCost } from './sync-cost.js';

const UNARY_IN_FLIGHT = 64;
const IN_FLIGHT = 512;
const MUST = 3;
const ORGANISATIONS = 1000;
/** Until what is measured is compiled, on both sides. */
const WARM_UP_SECONDS = 1;

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    directory: { type: 'string', default: 'data' },
  },
});
const { rounds, seconds } = values.smoke ? { rounds: 2, seconds: 0.8 } : { rounds: 5, seconds: 2 };

interface Run {
  readonly perSecond: number;
  /** Of this process, all threads. */
  readonly cpuUs: number;
}

mkdirSync(values.directory, { recursive: true });
const directory = mkdtempSync(join(values.directory, 'bench-client-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await bench();

async function bench(): Promise<void> {
  const server = await openServer(directory);
  const redis = (await isRedisInstalled()) ? await openRedis(directory) : undefined;
  const tollgate = openTollgate({ target: server.address });
  const unary = new MeteringServiceClient(server.address, credentials.createInsecure());
  const sync = openSyncCost(directory);
  const ways: Record<string, (seconds: number) => Promise<Run>> = {
    unary: (time) => runLoop(UNARY_IN_FLIGHT, time, unaryRecord(unary)),
    client: (time) => runLoop(IN_FLIGHT, time, clientRecord(tollgate)),
    ...(redis === undefined
      ? {}
      : { redis: (time: number) => runLoop(IN_FLIGHT, time, redisRecord(redis)) }),
  };
  const runs = Object.fromEntries(Object.keys(ways).map((name): [string, Run[]] => [name, []]));
  try {
    // An organisation's first event makes it, which is not what is measured.
    const first = clientRecord(tollgate);
    await Promise.all(Array.from({ length: ORGANISATIONS }, () => first()));
    for (const run of Object.values(ways)) await run(WARM_UP_SECONDS);
    for (let round = 1; round <= rounds; round++) {
      for (const [name, run] of Object.entries(ways)) {
        const result = await run(seconds);
        runs[name]?.push(result);
        process.stderr.write(`round ${round}  ${name.padEnd(7)} ${text(result)}\n`);
      }
    }
    report(runs, median([...sync.sampleUs(100)]));
  } finally {
    await tollgate.close();
    unary.close();
    sync.close();
    await redis?.close();
    await server.close();
  }
}

/** So many under way at any time, each begun when another one was answered. */
async function runLoop(inFlight: number, time: number, one: () => Promise<void>): Promise<Run> {
  const startMs = performance.now();
  const cpuBefore = readCpuTime(process.pid).processMs;
  const endMs = startMs + time * 1000;
  let done = 0;
  const loop = async () => {
    while (performance.now() < endMs) {
      await one();
      done++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  const cpuMs = readCpuTime(process.pid).processMs - cpuBefore;
  const perSecond = (done / (performance.now() - startMs)) * 1000;
  return { perSecond, cpuUs: (cpuMs * 1000) / Math.max(1, done) };
}

function orgs(): () => string {
  let next = 0;
  return () => `org-${next++ % ORGANISATIONS}`;
}

function clientRecord(tollgate: Tollgate): () => Promise<void> {
  const org = orgs();
  return async () => {
    const usage = { orgId: org(), meter: 'executions', quantity: 1 };
    const { outcome } = await tollgate.record(usage);
    if (outcome !== 'RECORDED') throw new Error(`client: ${outcome}`);
  };
}

function unaryRecord(client: MeteringServiceClient): () => Promise<void> {
  const org = orgs();
  const ids = openIdSource();
  return () =>
    new Promise((resolve, reject) => {
      const request: RecordRequest = {
        event: {
          orgId: org(),
          eventId: ids.uuid(Date.now()),
          meter: 'executions',
          amount: { $case: 'quantity', value: '1' },
          eventTime: undefined,
          dimensions: new Map(),
        },
        durability: Durability.DURABILITY_FSYNC,
        enforceQuota: false,
        validateOnly: false,
      };
      client.record(request, (error, reply: RecordResponse) => {
        if (error !== null) reject(error);
        else if (reply.outcome === Outcome.OUTCOME_RECORDED) resolve();
        else reject(new Error(`unary: outcome ${reply.outcome}`));
      });
    });
}

function redisRecord(redis: Redis): () => Promise<void> {
  const org = orgs();
  const ids = openIdSource();
  return async () => {
    const isNew = await redis.record(org(), ids.uuid(Date.now()), 'executions', '1');
    if (!isNew) throw new Error('redis: a fresh id was there');
  };
}

function report(runs: Readonly<Record<string, readonly Run[]>>, syncUs: number): void {
  const { cpuCount, cpuModel, kernel, fileSystem, node } = describeMachine(directory);
  const rates = (name: string) => (runs[name] ?? []).map((run) => run.perSecond);
  const ratios = (over: string) =>
    rates('client').map((rate, round) => rate / (rates(over)[round] ?? Number.NaN));
  const row = (title: string, over: string, must: number) => {
    const all = ratios(over);
    const measured = median(all);
    const range = `${Math.min(...all).toFixed(2)}..${Math.max(...all).toFixed(2)}`;
    const verdict = measured >= must ? 'must met' : 'MISSED';
    return `${title.padEnd(58)} >= ${must}  ${measured.toFixed(2)}  ${range}  ${verdict}`;
  };
  const lines = [
    `${cpuCount} × ${cpuModel}, Linux ${kernel}, ${fileSystem}, Node ${node}; ` +
      `${rounds} rounds, ${seconds} s a run, medians; fdatasync ${Math.round(syncUs)} µs`,
    '',
    row('client, 512 in flight / unary Record, 64 in flight', 'unary', MUST),
    runs['redis'] === undefined
      ? 'SKIPPED: redis-server is not installed (Debian: redis-server).'
      : row('client / Redis by Lua, AOF synced always, 512 in flight', 'redis', 1),
    ...Object.entries(runs).map(([name, all]) => {
      const figures = {
        perSecond: median(rates(name)),
        cpuUs: median(all.map((run) => run.cpuUs)),
      };
      return `${name.padEnd(8)} ${text(figures)}`;
    }),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function text({ perSecond, cpuUs }: Run): string {
  return `${Math.round(perSecond)}/s, ${cpuUs.toFixed(1)} µs of CPU here`;
}
