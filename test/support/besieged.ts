// A server that is attacked, and a good client beside it: what must hold while it lasts and after.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ChannelCredentials, credentials, Metadata } from '@grpc/grpc-js';
import { expect } from 'vitest';
import { MeteringServiceClient } from '../../generated/ts/tollgate/v1/metering_service.js';
import { bearer } from './keys.js';
import { event } from './requests.js';
import { call, type Running } from './service.js';

const MIB = 1024 * 1024;
const EVERY_MS = 5;
/** On a slow and busy machine, where attacker, client and server share one thread. */
const P99_MS = 2000;

export interface Besieged {
  readonly running: Running;
  /** Of the good client. */
  readonly key: string;
  /** Undefined: plain text. */
  readonly credentials?: ChannelCredentials;
}

export interface Bounds {
  /** Of memory that is held when it is over. */
  readonly heldMib?: number;
  /** Of memory at any time, looked at now and then. */
  readonly peakMib?: number;
}

/**
 * Attacks while the good client records; then that it was answered every time and in time, that a
 * new one is, and that little is left.
 */
export async function besiege(
  besieged: Besieged,
  attack: () => Promise<void>,
  { heldMib = 50, peakMib = 200 }: Bounds = {},
): Promise<void> {
  await once(besieged);
  const before = await heldBytes();
  const client = startGoodClient(besieged);
  await attack();
  await client.enough();
  const { latenciesMs, failures, peakBytes } = await client.stop();
  expect(failures).toEqual([]);
  latenciesMs.sort((a, b) => a - b);
  expect(latenciesMs[Math.floor(latenciesMs.length * 0.99)]).toBeLessThan(P99_MS);
  expect(peakBytes - before).toBeLessThan(peakMib * MIB);
  await once(besieged);
  expect((await heldBytes()) - before).toBeLessThan(heldMib * MIB);
  const { fatal, logLines } = besieged.running;
  expect(fatal).toEqual([]);
  expect(logLines.filter((line) => /"level":"?(error|fatal|50|60)/.test(line))).toEqual([]);
}

/** At the very end: that no call was left open. */
export async function stopAfterwards(running: Running): Promise<void> {
  await heldBytes();
  await running.stop();
  const line = running.logLines.find((each) => each.includes('draining')) ?? '{}';
  expect(JSON.parse(line)).toMatchObject({ open_calls: 0 });
}

/** By a client of its own, on a connection of its own. */
async function once(besieged: Besieged): Promise<void> {
  const client = openClient(besieged);
  try {
    await record(client, besieged.key);
  } finally {
    client.close();
  }
}

function startGoodClient(besieged: Besieged) {
  const client = openClient(besieged);
  const latenciesMs: number[] = [];
  const failures: unknown[] = [];
  const under: Promise<void>[] = [];
  let peakBytes = 0;
  const timer = setInterval(() => under.push(timed()), EVERY_MS);

  async function timed(): Promise<void> {
    const startedMs = performance.now();
    peakBytes = Math.max(peakBytes, usedBytes());
    await record(client, besieged.key).catch((error) => failures.push(error));
    latenciesMs.push(performance.now() - startedMs);
  }

  return {
    /** Calls, so that there is something to say of their time. */
    async enough() {
      while (under.length < 100) await new Promise((done) => setTimeout(done, EVERY_MS));
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(under);
      client.close();
      return { latenciesMs, failures, peakBytes };
    },
  };
}

function openClient({ running, credentials: given }: Besieged): MeteringServiceClient {
  return new MeteringServiceClient(running.address, given ?? credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.ssl_target_name_override': 'localhost',
  });
}

const record = (client: MeteringServiceClient, key: string) =>
  call(
    client,
    'record',
    {
      event: event({ orgId: 'acme', quantity: '1' }),
      durability: 0,
      enforceQuota: false,
      validateOnly: false,
    },
    Metadata.fromHttp2Headers(bearer(key)),
  );

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

export async function heldBytes(): Promise<number> {
  // What has just ended is let go in the turns after.
  for (let turn = 0; turn < 3; turn++) await new Promise((done) => setTimeout(done, 20));
  collect();
  return usedBytes();
}

function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
