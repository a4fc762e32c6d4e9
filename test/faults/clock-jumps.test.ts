// The wall clock of a serving process is set: by hours, by weeks, by a year, and back. What was
// recorded stays where it was, and nothing that a jump passes over begins anew.

import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { cold, type Json } from '../support/cold.js';
import { ensureBuilt } from '../support/fault-build.js';
import { ask, event, nameIn } from '../support/requests.js';
import { type ServerProcess, spawnServer } from '../support/server-process.js';
import { temporaryDirectory } from '../support/service.js';

const PROGRAM = join(import.meta.dirname, 'children', 'jumping-clock.mjs');
const ORG = 'acme';
const NOON = Date.parse('2026-11-20T12:00:00Z');
const MONTH_MS = Date.parse('2026-11-01T00:00:00Z');
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Of a day, by a rule that stops at it. */
const LIMIT = 5;
const YAML = catalogueYaml({
  price_lists: `
    - {id: list, currency: USD, prices: [{meter: tokens, unit_price: "0.50"}]}`,
  plans: freePlan(`{key: day, meter: tokens, limit: ${LIMIT}, window: CALENDAR_DAY}`),
});

const JUMPS: readonly (readonly [what: string, ms: number])[] = [
  ['2 hours ahead', 2 * HOUR_MS],
  ['2 hours behind', -2 * HOUR_MS],
  ['40 days ahead', 40 * DAY_MS],
  ['back to the day', HOUR_MS],
  ['40 days behind', -40 * DAY_MS],
  ['a year ahead', 365 * DAY_MS],
  ['40 days ahead, again', 40 * DAY_MS],
  ['a year behind', -365 * DAY_MS],
  ['back', 0],
];

beforeAll(() => ensureBuilt());

test('a clock that jumps moves, loses, repeats and resets nothing', async () => {
  const { spawn, setClock } = clockForTest();
  setClock(0);
  let server = await spawn();
  for (let n = 0; n < LIMIT; n++) expect(await use(server, `noon-${n}`)).toBe('RECORDED');
  expect(await use(server, 'beyond')).toBe('DENIED');
  const before = await answers(server);
  const lines = await linesOf(server);
  expect(lines).toEqual([['tokens', `${LIMIT}`, '2.50']]);
  expect(before.usage).toBe(`${LIMIT}`);

  /** Days whose limit is used up; each may be used up once, however often the clock comes by. */
  const used = new Set([dayAt(0)]);
  for (const [what, ms] of JUMPS) {
    setClock(ms);
    expect([what, await answers(server)]).toEqual([what, before]);
    if (NOON + ms > MONTH_MS) expect([what, await linesOf(server)]).toEqual([what, lines]);
    expect([what, await use(server, 'noon-0')]).toEqual([what, 'DUPLICATE']);
    const outcomes = [];
    for (let n = 0; n <= LIMIT; n++) outcomes.push(await use(server, `${what}-${n}`));
    const granted = outcomes.filter((outcome) => outcome === 'RECORDED').length;
    expect([what, granted]).toEqual([what, used.has(dayAt(ms)) ? 0 : LIMIT]);
    used.add(dayAt(ms));
    if (ms !== 365 * DAY_MS) continue;
    // A start in a jumped time has no other clock to compare with.
    await server.stop();
    server = await spawn();
    expect([what, await answers(server)]).toEqual([what, before]);
    expect(await use(server, 'noon-0')).toBe('DUPLICATE');
    expect(await use(server, `${what}-0`)).toBe('DUPLICATE');
    expect(await use(server, 'after the start')).toBe('DENIED');
  }
  await vi.waitFor(() => expect(server.output()).toContain('"event":"clock_disagreement"'), 10_000);
  await server.kill();
  server = await spawn();
  expect(await answers(server)).toEqual(before);
  expect((await server.stop()).code).toBe(0);
}, 120_000);

const dayAt = (ms: number) => new Date(NOON + ms).toISOString().slice(0, 10);

function clockForTest() {
  const directory = temporaryDirectory();
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const [data, config, clock] = ['data', 'tollgate.yaml', 'clock'].map((name) =>
    join(directory, name),
  ) as [string, string, string];
  writeFileSync(config, YAML);
  const sinceMs = Date.now();
  return {
    /** So far from noon, where the clock began. */
    setClock(ms: number): void {
      writeFileSync(`${clock}.new`, `${NOON + ms - sinceMs}`);
      renameSync(`${clock}.new`, clock);
    },
    async spawn(): Promise<ServerProcess> {
      const env = { CLOCK_FILE: clock, TOLLGATE_CONFIG: config };
      const server = await spawnServer(data, { program: [PROGRAM], env });
      onTestFinished(() => server.kill());
      return server;
    },
  };
}

/** One token at the server's own time. */
async function use(server: ServerProcess, eventId: string): Promise<string> {
  const sent = event({ orgId: ORG, eventId, quantity: '1' });
  const reply = await ask(server, 'record', { event: sent, enforceQuota: true });
  return nameIn(Outcome, reply.outcome);
}

/** What the day of noon holds. */
async function answers(server: ServerProcess) {
  const [startTime, endTime] = ['2026-11-20T00:00:00Z', '2026-11-21T00:00:00Z'].map((text) => ({
    seconds: BigInt(Date.parse(text) / 1000),
    nanos: 0,
  }));
  const { totals } = await ask(server, 'getUsage', { orgId: ORG, startTime, endTime });
  const { events } = await ask(server, 'listUsageEvents', { orgId: ORG, startTime, endTime });
  return {
    usage: totals.find(({ meter }) => meter === 'tokens')?.quantity,
    events: events.map(({ eventId }) => eventId).toSorted(),
  };
}

/** Of the month's invoice, which nobody can ask for before the month. */
async function linesOf(server: ServerProcess) {
  const asked = { org_id: ORG, period: '2026-11' };
  const { invoice } = await cold(server, 'Metering', 'GetInvoice', asked);
  return invoice.lines.map((line: Json) => [line.meter, line.quantity, line.amount]);
}
