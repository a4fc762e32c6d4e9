// make bench-billing: what invoices cost. One server in this process, on a clock that is moved from
// month to month; see README.md.
//
//   node dist/bench-esm/test/bench/billing.js [--smoke] [--directory data]

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import {
  MeteringServiceClient,
  type RecordBatchRequest,
  type RecordBatchResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import {
  Durability,
  Outcome,
  type UsageEvent,
} from '../../generated/ts/tollgate/v1/usage_event.js';
import type { Clock } from '../../src/base/clock.js';
import { type EpochMs, HOUR_MS } from '../../src/base/units.js';
import { loadConfig } from '../../src/config.js';
import { readAccount } from '../../src/operations/billing/account-state.js';
import { compose, documentOf } from '../../src/operations/billing/bill.js';
import { toTimestamp } from '../../src/operations/parse.js';
import { openService, type Service } from '../../src/service.js';
import { EVERY_ORGANISATION } from '../../src/state/records.js';
import { openLog } from '../../src/telemetry/log.js';
import type { LoadResult } from './job.js';
import { openLoadProcess } from './load-process.js';
import { describeMachine } from './machine.js';
import { median } from './sync-cost.js';

interface Sizes {
  readonly many: number;
  readonly few: number;
  readonly organisations: number;
  readonly previews: number;
  readonly loadSeconds: number;
}

const FULL: Sizes = {
  many: 1_000_000,
  few: 10_000,
  organisations: 10_000,
  previews: 101,
  loadSeconds: 3,
};
const SMOKE: Sizes = {
  many: 20_000,
  few: 2000,
  organisations: 500,
  previews: 11,
  loadSeconds: 0.5,
};

const BATCH = 1000;
const METERS = ['calls', 'tokens', 'pages', 'minutes', 'gigabytes'];
const CATALOGUE = `catalogue:
  default_plan: free
  meters:
    - {key: executions, unit: execution, scale: 0, aggregation: SUM}
${METERS.map((key) => `    - {key: ${key}, unit: unit, scale: 3, aggregation: SUM}`).join('\n')}
  price_lists:
    - id: usd
      prices:
${METERS.map((meter) => `        - {meter: ${meter}, unit_price: "0.0021", included: "10"}`).join('\n')}
  plans:
    - {id: free}
`;

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    directory: { type: 'string', default: 'data' },
  },
});
const sizes = values.smoke ? SMOKE : FULL;
mkdirSync(values.directory, { recursive: true });
const directory = mkdtempSync(join(values.directory, 'bench-billing-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await bench();

async function bench(): Promise<void> {
  const { cpuCount, cpuModel, kernel, fileSystem, node } = describeMachine(directory);
  print(`${cpuCount} × ${cpuModel}, Linux ${kernel}, ${fileSystem}, Node ${node}\n`);
  const clock = movableClock('2026-11-29T00:00:00Z');
  const service = await serve(clock);
  const [address = ''] = service.addresses.grpc;
  const client = new MeteringServiceClient(address, credentials.createInsecure());
  try {
    const few = await previewOf(service, client, 'few', sizes.few);
    const many = await previewOf(service, client, 'many', sizes.many);
    row(`invoice of ${sizes.many} events, p50`, `${many.toFixed(2)} ms`, '<= 50 ms');
    const ratio = (many / few).toFixed(2);
    row(`the same / one of ${sizes.few} events`, ratio, '<= 1.5');

    await useEverywhere(client, 'november');
    const rate = await closeMonth(service, clock, '2026-12-01T01:00:00Z');
    row(
      `closing ${sizes.organisations} organisations × ${METERS.length} lines`,
      `${Math.round(rate)} invoices/s`,
      '>= 2000',
    );

    await useEverywhere(client, 'december');
    const load = openLoadProcess();
    const quiet = await record(load, address);
    clock.moveTo('2027-01-01T01:00:00Z');
    const before = service.core.fold.records.count('invoice', EVERY_ORGANISATION);
    const busy = await record(load, address);
    load.close();
    const closed = service.core.fold.records.count('invoice', EVERY_ORGANISATION) - before;
    const text = `${ms(busy)} / ${ms(quiet)} ms = ${(busy.p99Us / quiet.p99Us).toFixed(2)}`;
    row(`p99 of Record while ${closed} invoices close / quiet`, text, '<= 3');
  } finally {
    client.close();
    await service.close();
  }
}

/** Median time of an invoice over November, from all of its usage. */
async function previewOf(
  { core }: Service,
  client: MeteringServiceClient,
  orgId: string,
  events: number,
): Promise<number> {
  const startMs = Date.parse('2026-11-01T00:00:00Z');
  const stepMs = (28 * 24 * HOUR_MS) / events;
  await use(client, events, (i) => ({
    orgId,
    eventId: `${orgId}-${i}`,
    meter: METERS[i % METERS.length] as string,
    eventTime: toTimestamp(startMs + Math.floor(i * stepMs)),
  }));
  const range = { startMs, endMs: Date.parse('2026-12-01T00:00:00Z') };
  const took: number[] = [];
  for (let i = 0; i < sizes.previews; i++) {
    const beganMs = performance.now();
    const account = await readAccount(core, orgId);
    const billed = await compose(core, account, {
      kind: 'RECURRING',
      range,
      baseMs: undefined,
      late: { kind: 'own currency' },
      again: false,
      adjustments: [],
    });
    const { lines } = documentOf(core, billed, '', null);
    took.push(performance.now() - beganMs);
    const counted = lines.reduce((sum, each) => sum + each.events, 0);
    if (counted < events) throw new Error(`${counted} of ${events} events are on the invoice`);
  }
  return median(took);
}

/** Every organisation uses every meter once. */
function useEverywhere(client: MeteringServiceClient, month: string): Promise<void> {
  return use(client, sizes.organisations * METERS.length, (i) => ({
    orgId: `org-${Math.floor(i / METERS.length)}`,
    eventId: `${month}-${i}`,
    meter: METERS[i % METERS.length] as string,
    eventTime: undefined,
  }));
}

type Given = Pick<UsageEvent, 'orgId' | 'eventId' | 'meter' | 'eventTime'>;

async function use(
  client: MeteringServiceClient,
  count: number,
  given: (i: number) => Given,
): Promise<void> {
  for (let from = 0; from < count; from += BATCH) {
    const length = Math.min(BATCH, count - from);
    const events = Array.from(
      { length },
      (_, i): UsageEvent => ({
        ...given(from + i),
        amount: { $case: 'quantity', value: '25.125' },
        dimensions: new Map(),
      }),
    );
    const request = {
      orgId: '',
      events,
      atomic: false,
      durability: Durability.DURABILITY_FSYNC,
      enforceQuota: false,
    };
    const { results } = await recordBatch(client, request);
    const bad = results.find(({ outcome }) => outcome !== Outcome.OUTCOME_RECORDED);
    if (bad !== undefined) throw new Error(`not recorded: ${bad.message}`);
  }
}

function recordBatch(
  client: MeteringServiceClient,
  request: RecordBatchRequest,
): Promise<RecordBatchResponse> {
  return new Promise((resolve, reject) => {
    client.recordBatch(request, (error, reply) => {
      if (error === null) resolve(reply);
      else reject(error);
    });
  });
}

/** Invoices per second, from the first that the pump closes to the last that is on the disk. */
async function closeMonth(service: Service, clock: MovableClock, text: string): Promise<number> {
  const { fold, journal } = service.core;
  const closed = () => fold.records.count('invoice', EVERY_ORGANISATION);
  // With the two that were previewed.
  const wanted = closed() + sizes.organisations + 2;
  clock.moveTo(text);
  while (closed() === 0) await wait(1);
  const first = closed();
  const beganMs = performance.now();
  while (closed() < wanted) await wait(5);
  await journal.drain();
  return (wanted - first) / ((performance.now() - beganMs) / 1000);
}

function record(load: ReturnType<typeof openLoadProcess>, address: string): Promise<LoadResult> {
  return load.run({
    address,
    kind: 'unary',
    method: '/tollgate.v1.MeteringService/Record',
    body: 'record',
    inFlight: 16,
    connections: 4,
    seconds: sizes.loadSeconds,
    warmupSeconds: 0.5,
  });
}

async function serve(clock: Clock): Promise<Service> {
  const listen = ['--grpc-listen', '127.0.0.1:0', '--ops-listen', '127.0.0.1:0'];
  listen.push('--http-listen', 'off', '--auth', 'off');
  const argv = ['--config', 'bench.yaml', '--data-dir', join(directory, 'data'), ...listen];
  const loaded = loadConfig({ argv, env: {}, readFile: () => CATALOGUE });
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  const destination = { write: (line: string) => process.stderr.write(line) };
  const log = openLog({ level: 'error', format: 'json', destination });
  const onFatal = (error: Error) => {
    throw error;
  };
  return openService({ config: loaded.config, log, clock, onFatal });
}

interface MovableClock extends Clock {
  readonly moveTo: (text: string) => void;
}

/** Goes on from where it is moved to. */
function movableClock(start: string): MovableClock {
  let aheadMs: EpochMs = Date.parse(start) - performance.now();
  return {
    wallMs: () => Math.floor(performance.now() + aheadMs),
    monotonicMs: () => performance.now() + aheadMs,
    moveTo(text) {
      aheadMs = Date.parse(text) - performance.now();
    },
  };
}

function row(title: string, measured: string, must: string): void {
  print(`${title.padEnd(52)} ${measured.padStart(26)}   must ${must}`);
}

function ms({ p99Us }: LoadResult): string {
  return (p99Us / 1000).toFixed(2);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
