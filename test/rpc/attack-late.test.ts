// Late and early events under scopes, values and windows from first use, while the clock only goes
// forward: nothing is dropped that an enforced event may still ask about.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, freePlan, rulesYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, item, nameIn, time } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FROM = Date.parse('2026-11-01T23:57:00Z');

interface Used {
  readonly who: string;
  readonly amount: number;
  readonly atMs: number;
  readonly nowMs: number;
}
const use = fc.record({
  who: fc.constantFrom('p', 'q', 'r'),
  amount: fc.nat({ max: 9 }),
  onMs: fc.constantFrom(0, 0, 0, DAY_MS, DAY_MS, 2 * DAY_MS, 11 * HOUR_MS, 13 * HOUR_MS),
  lateMs: fc.constantFrom(0, 0, -240_000, HOUR_MS, DAY_MS, DAY_MS, 2 * DAY_MS),
});

/** Nothing is on its way to the disk: every day of the clock leaves a tail to write. */
async function settled({ core }: Running): Promise<void> {
  await core.journal.drain();
  await expect.poll(() => core.indexes.backlog(), { interval: 5 }).toBeLessThan(6);
}

const dayOf = (ms: number) => Math.floor(ms / DAY_MS);

interface Case {
  readonly rule: string;
  readonly meter: string;
  readonly label: string;
  readonly limit: number;
  /** What a day has used of the limit. */
  readonly value: (events: readonly Used[], who: string) => number;
  readonly requested: (events: readonly Used[], used: Used) => number;
}

const SCOPED: Case = {
  rule: '{key: r, meter: tokens, limit: 20, window: CALENDAR_DAY, scope: [run]}',
  meter: 'tokens',
  label: 'run',
  limit: 20,
  value: (events, who) =>
    events.filter((each) => each.who === who).reduce((sum, { amount }) => sum + amount, 0),
  requested: (_events, { amount }) => Math.max(1, amount),
};
const VALUES: Case = {
  rule: '{key: r, meter: users, limit: 2, window: CALENDAR_DAY}',
  meter: 'users',
  label: 'user',
  limit: 2,
  value: (events) => new Set(events.map(({ who }) => who)).size,
  requested: (events, { who }) => (events.some((each) => each.who === who) ? 0 : 1),
};

/** Every enforced event has the outcome that adding up all events gives. */
async function agree(given: Case, runs: number): Promise<void> {
  const { rule, meter, label, limit, value, requested } = given;
  const uses = fc.array(use, { minLength: 15, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(uses, async (list) => {
      const clock = createTestClock(FROM);
      const running = await start({ yaml: rulesYaml(rule), clock });
      const events: Used[] = [];
      try {
        for (const { who, amount, onMs, lateMs } of list) {
          await settled(running);
          clock.setWall(clock.wallMs() + onMs);
          const nowMs = clock.wallMs();
          const atMs = nowMs - lateMs;
          const used = { who, amount, atMs, nowMs };
          const sent = event({
            orgId: 'o',
            meter,
            at: time(atMs),
            dimensions: { [label]: who },
            ...(meter === 'users' ? {} : { quantity: `${amount}` }),
          });
          const call = ask(running, 'record', { event: sent, enforceQuota: true });
          const outcome = await call.then(
            (reply) => nameIn(Outcome, reply.outcome),
            async (error: Error) => (await refused(Promise.reject(error))).reason,
          );
          const fits = [nowMs, atMs].every((ms) => {
            const inDay = events.filter((each) => dayOf(each.atMs) === dayOf(ms));
            return value(inDay, who) + requested(inDay, used) <= limit;
          });
          const inTime = dayOf(nowMs) - dayOf(atMs) <= 1;
          const expected = inTime ? (fits ? 'RECORDED' : 'DENIED') : 'EVENT_TOO_OLD';
          expect([used, outcome]).toEqual([used, expected]);
          if (outcome === 'RECORDED') events.push(used);
        }
      } finally {
        await running.stop();
      }
    }),
    { numRuns: runs, seed: 5, endOnFailure: true },
  );
}

describe('an enforced event has its outcome by all events of its day and of today', () => {
  test('in a scope', () => agree(SCOPED, 3));
  test('by values', () => agree(VALUES, 3));
});

test('a window from first use opens and ends by recorded time, whatever the event times', async () => {
  const rule =
    '{key: r, meter: tokens, limit: 20, window: FIXED_FROM_FIRST_USE, window_length: 5h}';
  await fc.assert(
    fc.asyncProperty(fc.array(use, { minLength: 10, maxLength: 40 }), async (list) => {
      const clock = createTestClock(FROM);
      let running = await start({ yaml: rulesYaml(rule), clock });
      let opened = Number.NEGATIVE_INFINITY;
      let used = 0;
      try {
        for (const [i, { amount, onMs, lateMs }] of list.entries()) {
          await settled(running);
          clock.setWall(clock.wallMs() + onMs);
          if (i === 7) running = await running.restart();
          const nowMs = clock.wallMs();
          if (nowMs >= opened + 5 * HOUR_MS) used = 0;
          const at = time(nowMs - lateMs);
          const given = event({ orgId: 'o', quantity: `${amount}`, at });
          const { outcome } = await ask(running, 'record', { event: given, enforceQuota: true });
          const fits = used + Math.max(1, amount) <= 20;
          expect([i, nameIn(Outcome, outcome)]).toEqual([i, fits ? 'RECORDED' : 'DENIED']);
          if (!fits) continue;
          if (nowMs >= opened + 5 * HOUR_MS) opened = nowMs;
          used += amount;
        }
      } finally {
        await running.stop();
      }
    }),
    { numRuns: 2, seed: 5, endOnFailure: true },
  );
});

describe('a match on a key that the totals did not keep before', () => {
  const meters = (keys: string) => `
    - {key: tokens, unit: t, scale: 0, aggregation: SUM, rollup_keys: [${keys}]}`;
  const used = async (running: Running) => {
    const items = [item('tokens', { dimensions: { model: 'a' } })];
    const { quotas } = await ask(running, 'checkQuota', { orgId: 'o', items });
    return { used: quotas[0]?.used, since: quotas[0]?.countingSince };
  };

  test('starts from the totals or says since when it counts', async () => {
    const before = catalogueYaml({ meters: meters('') });
    const plans = freePlan('{key: r, meter: tokens, limit: 9, match: {model: a}}');
    let running = await start({ yaml: before, clock: createTestClock() });
    const given = event({ orgId: 'o', quantity: '5', dimensions: { model: 'a' } });
    await ask(running, 'record', { event: given });
    running = await running.restart({ yaml: catalogueYaml({ meters: meters('model'), plans }) });
    const found = await used(running);
    await running.stop();
    expect(found.used === '5' || found.since !== undefined).toBe(true);
  });

  test('keeps what was counted when the key is no rollup key any more', async () => {
    const plans = freePlan('{key: r, meter: tokens, limit: 9, match: {model: a}}');
    let running = await start({
      yaml: catalogueYaml({ meters: meters('model'), plans }),
      clock: createTestClock(),
    });
    const given = event({ orgId: 'o', quantity: '5', dimensions: { model: 'a' } });
    await ask(running, 'record', { event: given });
    running = await running.restart({ yaml: catalogueYaml({ meters: meters(''), plans }) });
    await ask(running, 'record', { event: { ...given, eventId: 'e2' } });
    const found = await used(running);
    await running.stop();
    expect(found).toEqual({ used: '10', since: undefined });
  });
});
