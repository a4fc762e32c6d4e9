// Random clocks, late events, restarts and rebuilt states against a model that adds up every event.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, item, nameIn, time } from '../support/requests.js';
import { start, temporaryDirectory } from '../support/service.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Rule {
  readonly key: string;
  readonly meter: string;
  readonly window: 'HOUR' | 'DAY' | 'MONTH' | 'YEAR' | 'LIFETIME';
  readonly limit?: number;
  readonly model?: string;
  readonly scope?: string;
}
// Rules that the totals cannot answer have no limit, so that the model knows every outcome.
const RULES: readonly Rule[] = [
  { key: 'hour', meter: 'tokens', window: 'HOUR', limit: 60 },
  { key: 'day', meter: 'tokens', window: 'DAY', limit: 80 },
  { key: 'x', meter: 'tokens', window: 'DAY', limit: 40, model: 'x' },
  { key: 'month', meter: 'tokens', window: 'MONTH', limit: 200 },
  { key: 'year', meter: 'tokens', window: 'YEAR', limit: 400 },
  { key: 'life', meter: 'tokens', window: 'LIFETIME' },
  { key: 'run', meter: 'tokens', window: 'DAY', scope: 'run' },
  { key: 'run-life', meter: 'tokens', window: 'LIFETIME', scope: 'run' },
  { key: 'calls', meter: 'calls', window: 'DAY', limit: 3 },
  { key: 'peak', meter: 'peak', window: 'DAY', limit: 30 },
  { key: 'peak-year', meter: 'peak', window: 'YEAR', limit: 45 },
  { key: 'seats', meter: 'seats', window: 'DAY' },
];
type Labels = Readonly<Record<string, string>>;
const PROBES: readonly (readonly [meter: string, labels: Labels])[] = [
  ['tokens', { model: 'x', run: 'p' }],
  ['tokens', { model: 'y', run: 'q' }],
  ['calls', {}],
  ['peak', {}],
  ['seats', {}],
];

function yamlOf(rules: readonly Rule[]): string {
  const text = rules.map(({ key, meter, window, limit, model, scope }) => {
    const kind = window === 'LIFETIME' ? window : `CALENDAR_${window}`;
    const bound = limit === undefined ? '' : `, limit: ${limit}`;
    const match = model === undefined ? '' : `, match: {model: ${model}}`;
    const own = scope === undefined ? '' : `, scope: [${scope}]`;
    return `{key: ${key}, meter: ${meter}, window: ${kind}${bound}${match}${own}}`;
  });
  return catalogueYaml({ plans: freePlan(...text) });
}

interface Used {
  readonly meter: string;
  readonly amount: number;
  readonly labels: Labels;
  readonly atMs: number;
}

/** Start of the window, and of the one after it. */
function windowAt({ window }: Rule, atMs: number): readonly [number, number] {
  const date = new Date(atMs);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  if (window === 'LIFETIME') return [0, Number.POSITIVE_INFINITY];
  if (window === 'YEAR') return [Date.UTC(year), Date.UTC(year + 1)];
  if (window === 'MONTH') return [Date.UTC(year, month), Date.UTC(year, month + 1)];
  const length = window === 'DAY' ? DAY_MS : HOUR_MS;
  const startMs = Math.floor(atMs / length) * length;
  return [startMs, startMs + length];
}

const applies = (rule: Rule, meter: string, labels: Labels) =>
  rule.meter === meter && (rule.model === undefined || labels['model'] === rule.model);

function usedIn(rule: Rule, events: readonly Used[], labels: Labels, atMs: number): number {
  const [startMs, endMs] = windowAt(rule, atMs);
  const own = events.filter((each) => {
    const inScope = rule.scope === undefined || each.labels[rule.scope] === labels[rule.scope];
    return applies(rule, each.meter, each.labels) && inScope;
  });
  if (rule.meter === 'seats') {
    // The last of the greatest time, whichever window it is in.
    const last = own.reduce<Used | undefined>(
      (best, each) => (best !== undefined && each.atMs < best.atMs ? best : each),
      undefined,
    );
    return last?.amount ?? 0;
  }
  const inside = own.filter((each) => each.atMs >= startMs && each.atMs < endMs);
  const amounts = inside.map(({ amount }) => amount);
  if (rule.meter === 'peak') return Math.max(0, ...amounts);
  return amounts.reduce((sum, amount) => sum + amount, 0);
}

function outcomeOf(rules: readonly Rule[], events: readonly Used[], used: Used, nowMs: number) {
  const { meter, labels, amount, atMs } = used;
  if (meter === 'seats') return 'RECORDED';
  const own = rules.filter((rule) => applies(rule, meter, labels));
  for (const rule of own) {
    const [, ownEnd] = windowAt(rule, atMs);
    const [nowStart] = windowAt(rule, nowMs);
    if (ownEnd < nowStart) return 'EVENT_TOO_OLD';
  }
  const fits = own.every(({ limit, ...rule }) => {
    if (limit === undefined) return true;
    if (meter === 'peak') return amount <= limit;
    const room = (ms: number) => usedIn(rule, events, labels, ms) + Math.max(amount, 1) <= limit;
    return room(nowMs) && room(atMs);
  });
  return fits ? 'RECORDED' : 'DENIED';
}

/** No scope is idle for so long. */
const PATIENT = { scopeIdleMs: 3650 * DAY_MS };
const JUMPS = [0, 1, 2, 3, 40, 365].map((days) => days * DAY_MS);
const BACK = [0, 0, 0, HOUR_MS, 23 * HOUR_MS, DAY_MS, 2 * DAY_MS, 3 * DAY_MS, 30 * DAY_MS];
const use = fc.record({
  meter: fc.constantFrom('tokens', 'tokens', 'calls', 'peak', 'seats'),
  amount: fc.nat({ max: 50 }),
  labels: fc.record({ model: fc.constantFrom('x', 'y'), run: fc.constantFrom('p', 'q') }),
  backMs: fc.constantFrom(...BACK, -4 * 60_000),
  enforce: fc.boolean(),
});
const jump = fc.record({
  forwardMs: fc
    .tuple(fc.constantFrom(...JUMPS), fc.nat({ max: 5 * HOUR_MS }))
    .map(([a, b]) => a + b),
});
const back = fc.record({
  backMs: fc.tuple(fc.constantFrom(...JUMPS), fc.nat({ max: 5 * HOUR_MS })).map(([a, b]) => a + b),
  isJump: fc.constant(true),
});
const restart = fc.record({ wipe: fc.boolean() });
const change = fc.record({ without: fc.subarray(RULES.map(({ key }) => key)) });

type Step =
  | (typeof use extends fc.Arbitrary<infer T> ? T : never)
  | { readonly forwardMs: number }
  | { readonly backMs: number; readonly isJump: boolean }
  | { readonly wipe: boolean }
  | { readonly without: readonly string[] };

interface Options {
  readonly steps: fc.Arbitrary<Step[]>;
  readonly seed: number;
  readonly runs: number;
}

async function agree({ steps, seed, runs }: Options): Promise<void> {
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const clock = createTestClock('2026-11-20T12:00:00Z');
      const directory = temporaryDirectory();
      let rules = RULES;
      let running = await start({ yaml: yamlOf(rules), clock, directory, change: PATIENT });
      const events: Used[] = [];

      async function again(wipe: boolean): Promise<void> {
        await running.stop();
        for (const name of wipe ? ['state', 'index'] : []) {
          rmSync(join(directory, name), { recursive: true, force: true });
        }
        running = await start({ yaml: yamlOf(rules), clock, directory, change: PATIENT });
      }

      async function shown(): Promise<unknown[]> {
        const all: unknown[] = [];
        for (const [meter, dimensions] of PROBES) {
          const given = { orgId: 'o', items: [item(meter, { dimensions })] };
          const { quotas } = await ask(running, 'checkQuota', given);
          for (const { quotaKey, used, countingSince } of quotas) {
            const rule = rules.find(({ key }) => key === quotaKey) as Rule;
            const exact = usedIn(rule, events, dimensions, clock.wallMs());
            const found = Number(used);
            // What the totals cannot answer may be behind where it says so.
            const behind = countingSince !== undefined && rule.scope !== undefined;
            expect([quotaKey, behind ? found <= exact : found]).toEqual([
              quotaKey,
              behind ? true : exact,
            ]);
            all.push([quotaKey, dimensions, used, countingSince]);
          }
        }
        return all;
      }

      try {
        for (const step of list) {
          if ('meter' in step) {
            const { meter, labels, enforce } = step;
            const amount = meter === 'calls' ? 1 : step.amount;
            const atMs = clock.wallMs() - step.backMs;
            const used = { meter, labels, amount, atMs };
            const given = { orgId: 'o', meter, quantity: `${amount}`, at: time(atMs) };
            const call = ask(running, 'record', {
              event: event({ ...given, dimensions: labels }),
              enforceQuota: enforce,
            });
            const outcome = await call.then(
              (reply) => nameIn(Outcome, reply.outcome),
              async (error: Error) => (await refused(Promise.reject(error))).reason,
            );
            const nowMs = clock.wallMs();
            const expected = enforce ? outcomeOf(rules, events, used, nowMs) : 'RECORDED';
            expect([used, outcome]).toEqual([used, expected]);
            if (outcome === 'RECORDED') events.push(used);
          } else if ('wipe' in step) {
            const before = await shown();
            await again(step.wipe);
            expect(await shown()).toEqual(before);
          } else if ('without' in step) {
            rules = RULES.filter(({ key }) => !step.without.includes(key));
            await again(false);
          } else {
            const { journal, indexes } = running.core;
            await journal.drain();
            // Every day of the clock leaves a tail to write.
            await expect.poll(() => indexes.backlog(), { interval: 5 }).toBeLessThan(6);
            clock.setWall(clock.wallMs() + ('forwardMs' in step ? step.forwardMs : -step.backMs));
          }
          await shown();
        }
        expect(running.fatal).toEqual([]);
      } finally {
        await running.stop();
        rmSync(directory, { recursive: true, force: true });
      }
    }),
    { numRuns: runs, seed, endOnFailure: true },
  );
}

describe('every window says what was used in it', () => {
  test('with a clock that goes back and forth, restarts and rebuilt states', () =>
    agree({
      steps: fc.array(
        fc.oneof(
          { weight: 12, arbitrary: use },
          { weight: 4, arbitrary: jump },
          { weight: 4, arbitrary: back },
          { weight: 1, arbitrary: restart },
        ),
        { minLength: 20, maxLength: 60 },
      ),
      seed: 1,
      runs: 3,
    }));

  test('with rules that come and go, late events, restarts and rebuilt states', () =>
    agree({
      steps: fc.array(
        fc.oneof(
          { weight: 12, arbitrary: use.filter(({ backMs }) => backMs >= 0) },
          { weight: 4, arbitrary: jump },
          { weight: 1, arbitrary: restart },
          { weight: 2, arbitrary: change },
        ),
        { minLength: 15, maxLength: 40 },
      ),
      seed: 2,
      runs: 2,
    }));
});
