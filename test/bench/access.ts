// make bench: what it costs to be known, and what REST costs beside gRPC. Two servers, one that asks
// for a credential and one that does not, under the same load in turn.
//
//   node dist/bench-esm/test/bench/access.js [--smoke] [--directory data]

import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openLoadProcess } from './load-process.js';
import { describeMachine } from './machine.js';
import { runRest } from './rest-load.js';
import { loads } from './rows.js';
import { openServer } from './server-process.js';
import { median } from './sync-cost.js';

const ISSUER = 'https://issuer.example';
const AUDIENCE = 'tollgate';
const REST_CONNECTIONS = 64;
const ORGANISATIONS = 1000;

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    directory: { type: 'string', default: 'data' },
  },
});
// Many short rounds: what else the machine does changes slower than a round.
const { rounds, seconds } = values.smoke
  ? { rounds: 2, seconds: 0.5 }
  : { rounds: 48, seconds: 0.3 };

mkdirSync(values.directory, { recursive: true });
const directory = mkdtempSync(join(resolve(values.directory), 'bench-access-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await bench();

type Name = 'open' | 'key' | 'token' | 'rest';

async function bench(): Promise<void> {
  const keys = generateKeyPairSync('ed25519');
  const keysFile = join(directory, 'keys.json');
  const jwk = { ...keys.publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'EdDSA' };
  writeFileSync(keysFile, JSON.stringify({ keys: [jwk] }));
  const asking = join(directory, 'asking');
  const guarded = await openServer(asking, {
    TOLLGATE_AUTH: 'required',
    TOLLGATE_JWT_ISSUER: ISSUER,
    TOLLGATE_JWT_AUDIENCE: AUDIENCE,
    TOLLGATE_JWT_KEYS: keysFile,
  });
  const open = await openServer(join(directory, 'open'));
  const load = openLoadProcess();
  const key = readFileSync(join(asking, 'data', 'bootstrap.key'), 'utf8').trim();
  const token = tokenOf(keys.privateKey);
  const grpc = async (address: string, authorization?: string) => {
    const job = { ...loads.record64, address, seconds, warmupSeconds: 0.05 };
    const result = await load.run(authorization === undefined ? job : { ...job, authorization });
    if (result.errors > 0) throw new Error(result.firstError ?? 'calls failed');
    return result.callsPerSecond;
  };
  const ways: Readonly<Record<Name, () => Promise<number>>> = {
    open: () => grpc(open.address),
    key: () => grpc(guarded.address, `Bearer ${key}`),
    token: () => grpc(guarded.address, `Bearer ${token}`),
    rest: () =>
      runRest({
        address: open.http,
        connections: REST_CONNECTIONS,
        seconds,
        warmupSeconds: 0.05,
        organisations: ORGANISATIONS,
      }),
  };
  const names = Object.keys(ways) as Name[];
  // What one leaves behind must not always fall on the same next one.
  const orders = ordersOf(names);
  const rates: Record<Name, number[]> = { open: [], key: [], token: [], rest: [] };
  try {
    for (const way of Object.values(ways)) await way();
    for (let round = 1; round <= rounds; round++) {
      for (const name of orders[round % orders.length] ?? names) {
        rates[name].push(await ways[name]());
      }
      const shown = names.map((name) => `${name} ${Math.round(rates[name].at(-1) ?? 0)}/s`);
      process.stderr.write(`round ${round}  ${shown.join('  ')}\n`);
    }
    report(rates);
  } finally {
    load.close();
    await Promise.all([guarded.close(), open.close()]);
  }
}

function ordersOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((first) =>
    ordersOf(items.filter((each) => each !== first)).map((rest) => [first, ...rest]),
  );
}

function tokenOf(key: Parameters<typeof sign>[2]): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = part({ alg: 'EdDSA', kid: 'bench', typ: 'JWT' });
  const payload = part({
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'bench',
    iat: now,
    exp: now + 3600,
    roles: ['orchestrator'],
    allowed_orgs: ['*'],
  });
  const input = `${header}.${payload}`;
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`;
}

function report(rates: Readonly<Record<Name, readonly number[]>>): void {
  const { cpuCount, cpuModel, kernel, fileSystem, node } = describeMachine(directory);
  const row = (title: string, name: Name, must: number) => {
    const ratios = rates[name].map((rate, round) => rate / (rates.open[round] ?? Number.NaN));
    const range = `${Math.min(...ratios).toFixed(2)}..${Math.max(...ratios).toFixed(2)}`;
    const verdict = median(ratios) >= must ? 'must met' : 'MISSED';
    return `${title.padEnd(58)} >= ${must}  ${median(ratios).toFixed(2)}  ${range}  ${verdict}`;
  };
  const lines = [
    `${cpuCount} × ${cpuModel}, Linux ${kernel}, ${fileSystem}, Node ${node}; ` +
      `${rounds} rounds, ${seconds} s a run, medians`,
    '',
    row('durable Record with a key / without, 64 in flight', 'key', 0.95),
    row('the same with a token', 'token', 0.95),
    row('REST usage:record, 64 connections / gRPC, 64 in flight', 'rest', 0.5),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
