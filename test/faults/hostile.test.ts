// Hostile clients, one kind at a time, against a real server beside a good client in a process of its
// own. While each lasts the server must answer the good client every time, nearly as fast as before
// and after it, and hold little more memory.
//
// How fast is measured by medians of short windows, before, during and after. It says something of the
// server only where the server and the good client got a processor when they wanted one, which Linux
// counts; a round in which they had to wait for it says nothing, and is tried again. So is one that was
// too slow: what else runs on the machine adds now and then, what the server does itself every time.
// `make faults` runs this file alone, longer, without credentials too, and prints a table.

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ATTACKS, type Attack, besiegeFor, type Siege, type Target } from '../support/hostile.js';
import { bootstrapKey } from '../support/keys.js';
import { type ServerProcess, spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';
import { type SteadyClient, startSteadyClient } from '../support/steady-client.js';

const GIVEN = process.env['TOLLGATE_HOSTILE_SECONDS'];
const SECONDS = Number(GIVEN ?? 0.5);
const QUIET_SECONDS = SECONDS / 2;
/** Below it nobody was held up; of two short windows a p99 says little more than the longest. */
const CALM_MS = GIVEN === undefined ? 20 : 5;
/** Of the time, waiting for a processor. */
const STARVED = 0.05;
const ROUNDS = 3;
const GROWTH_MIB = 50;

/** Only Linux says what a process holds and waits for. */
const absent = !existsSync('/proc/self/schedstat');

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

const AUTH = GIVEN === undefined ? ['required'] : ['required', 'off'];

describe.skipIf(absent).each(AUTH)('with auth %s', (auth) => {
  const directory = temporaryDirectory();
  const rows: (readonly string[])[] = [];
  let server: ServerProcess;
  let good: SteadyClient;
  let target: Target;

  beforeAll(async () => {
    server = await spawnServer(directory, { env: { TOLLGATE_AUTH: auth } });
    const key = auth === 'off' ? undefined : bootstrapKey({ directory });
    target = { address: server.address, http: server.http, key };
    good = startSteadyClient({ address: server.address, key });
    await besiegeFor(1, { name: 'a warm-up', run: warmUp }, target);
    await good.phase();
  });
  afterAll(async () => {
    await good.stop();
    const exit = await server.stop();
    rmSync(directory, { recursive: true });
    if (GIVEN !== undefined) console.log(tableOf(auth, rows));
    expect(exit.code).toBe(0);
    expect(exit.output.split('\n').filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual(
      [],
    );
  });

  test.each(ATTACKS)('$name: nobody is held up, and little is held', async (attack) => {
    const rounds: Round[] = [];
    do rounds.push(await tryOnce(attack));
    while (rounds.length < ROUNDS && !isCalm(rounds.at(-1)) && isWorthMore(rounds.at(-1)));
    const last = rounds.at(-1);
    rows.push(rowOf(attack, rounds));
    expect(rounds.flatMap(({ failures }) => failures)).toEqual([]);
    expect(last?.grownMib).toBeLessThan(GROWTH_MIB);
    const telling = rounds.filter(({ starved }) => starved < STARVED);
    expect(telling.length === 0 || telling.some(isCalm), JSON.stringify(rounds)).toBe(true);
  });

  async function tryOnce(attack: Attack): Promise<Round> {
    await good.phase();
    const waits = [server.pid, good.pid].map(processorTime);
    await pause(QUIET_SECONDS * 1000);
    const before = await good.phase();
    const watch = watchMemory(server.pid);
    const busy = processorTime(server.pid);
    const noted = await besiegeFor(SECONDS, attack, target);
    const serverBusy = busy().running;
    const during = await good.phase();
    await pause(QUIET_SECONDS * 1000);
    const after = await good.phase();
    return {
      noted: Object.fromEntries(noted),
      beforeMs: before.p99Ms,
      duringMs: during.p99Ms,
      afterMs: after.p99Ms,
      serverBusy,
      starved: Math.max(...waits.map((read) => read().waiting)),
      grownMib: watch.stop(),
      failures: [before, during, after].flatMap(({ failures }) => failures),
    };
  }
});

/** Times are p99s of the good client. */
interface Round {
  readonly noted: Readonly<Record<string, number>>;
  readonly beforeMs: number;
  readonly duringMs: number;
  readonly afterMs: number;
  /** Parts of the time: of the server's main thread, on a processor … */
  readonly serverBusy: number;
  /** … and of it or the good client's, whichever is more, waiting for one. */
  readonly starved: number;
  readonly grownMib: number;
  readonly failures: readonly string[];
}

const quietMs = ({ beforeMs, afterMs }: Round) => (beforeMs + afterMs) / 2;

/** Also afterwards: else a server that stays slow would count as quiet. */
function isCalm(round: Round | undefined): boolean {
  if (round === undefined) return false;
  const { beforeMs, duringMs, afterMs } = round;
  const bound = (quiet: number) => Math.max(CALM_MS, 2 * quiet);
  return duringMs < bound(quietMs(round)) && afterMs < bound(beforeMs);
}

/** In `make test` other tests take the processors: then nothing is gained by another round. */
const isWorthMore = (round: Round | undefined) =>
  GIVEN !== undefined || (round !== undefined && round.starved < STARVED);

/** Code that is compiled, and a heap that has its usual size, are not what an attack costs. */
async function warmUp(siege: Siege): Promise<void> {
  for (const { run } of ATTACKS) {
    const untilMs = performance.now() + 100;
    await run({ ...siege, isOver: () => performance.now() >= untilMs, note: () => {} });
  }
}

/** How far the most that was seen is above what it was at first. */
function watchMemory(pid: number): { readonly stop: () => number } {
  const first = residentMib(pid);
  let most = first;
  const look = () => {
    most = Math.max(most, residentMib(pid));
  };
  const timer = setInterval(look, 50);
  return {
    stop() {
      clearInterval(timer);
      look();
      return Math.round(most - first);
    },
  };
}

/** Of a process's main thread, as parts of the time since. */
function processorTime(pid: number): () => { readonly running: number; readonly waiting: number } {
  const read = () => {
    const text = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'latin1');
    const [runningNs = 0, waitingNs = 0] = text.split(' ').map(Number);
    return { runningNs, waitingNs, atNs: performance.now() * 1e6 };
  };
  const first = read();
  return () => {
    const last = read();
    const passedNs = last.atNs - first.atNs;
    return {
      running: (last.runningNs - first.runningNs) / passedNs,
      waiting: (last.waitingNs - first.waitingNs) / passedNs,
    };
  };
}

function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

const HEAD = ['attack', 'tried and answered', 'RSS +MiB', 'server thread', 'p99 quiet', 'during'];

function rowOf({ name }: Attack, rounds: readonly Round[]): readonly string[] {
  const last = rounds.at(-1) as Round;
  const noted = Object.entries(last.noted).map(([what, count]) => `${count} ${what}`);
  const times = [quietMs(last), last.duringMs].map((ms) => `${ms.toFixed(1)} ms`);
  if (last.starved >= STARVED) times.push(`starved ${Math.round(last.starved * 100)} %`);
  const busy = `${Math.round(last.serverBusy * 100)} %`;
  return [name, noted.join(', '), `${last.grownMib}`, busy, ...times];
}

function tableOf(auth: string, rows: readonly (readonly string[])[]): string {
  const lines = [HEAD, HEAD.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return [`auth ${auth}, ${SECONDS} s each:`, ...lines].join('\n');
}
