// Hostile cases on holds: catalogues that come and go while a hold is open, and retries of Reserve.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { catalogueYaml, freePlan, rulesYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { moveOn } from '../support/move-on.js';
import { refused } from '../support/refusals.js';
import { ask, duration, event, item, type Request } from '../support/requests.js';
import { type Running, start, temporaryDirectory } from '../support/service.js';

type Labels = Readonly<Record<string, string>>;
const NONE = catalogueYaml();
const DAY = duration(86_400);

/** A service whose catalogue changes and whose state is built again. */
interface World {
  readonly now: () => Running;
  readonly become: (yaml: string, wipe?: boolean) => Promise<void>;
  readonly moveOn: (ms: number) => Promise<void>;
}

async function inWorld<T>(yaml: string, steps: (world: World) => Promise<T>): Promise<T> {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const directory = temporaryDirectory();
  let running = await start({ yaml, clock, directory });
  try {
    return await steps({
      now: () => running,
      async become(next, wipe = false) {
        await running.stop();
        if (wipe) {
          for (const name of ['state', 'index']) {
            rmSync(join(directory, name), { recursive: true, force: true });
          }
        }
        running = await start({ yaml: next, clock, directory });
      },
      moveOn: (ms) => moveOn(running, clock, ms),
    });
  } finally {
    expect(running.fatal).toEqual([]);
    await running.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const reserve = (running: Running, given: Partial<Request<'reserve'>>) =>
  ask(running, 'reserve', { orgId: 'o', reservationId: 'r', ttl: DAY, ...given });

async function reservedOf(running: Running, meter = 'tokens', dimensions: Labels = {}) {
  const given = { orgId: 'o', items: [item(meter, { dimensions })] };
  const { quotas } = await ask(running, 'checkQuota', given);
  return Object.fromEntries(quotas.map(({ quotaKey, reserved }) => [quotaKey, reserved]));
}

interface ModelRule {
  readonly key: string;
  readonly meter: string;
  readonly scope?: string;
  readonly match?: readonly [key: string, value: string];
  readonly window: string;
}
const RULES: readonly ModelRule[] = [
  { key: 'a', meter: 'tokens', window: 'CALENDAR_DAY' },
  { key: 'b', meter: 'tokens', window: 'LIFETIME', scope: 'run' },
  { key: 'c', meter: 'tokens', window: 'CALENDAR_MONTH', match: ['model', 'x'] },
  { key: 'd', meter: 'calls', window: 'FIXED_FROM_FIRST_USE, window_length: 5h' },
  { key: 'e', meter: 'seats', window: 'LIFETIME', scope: 'team' },
  { key: 'f', meter: 'users', window: 'CALENDAR_DAY' },
  { key: 'g', meter: 'peak', window: 'CALENDAR_DAY' },
];
const PROBES: readonly (readonly [meter: string, labels: Labels])[] = [
  ['tokens', { run: 'p', model: 'x' }],
  ['tokens', { run: 'q', model: 'y' }],
  ['tokens', {}],
  ['calls', {}],
  ['seats', { team: 's' }],
  ['users', { user: 'nobody' }],
  ['peak', {}],
];
/** Where a rule stands in the catalogue: of every bit two. */
const PLACES = ['none', 'plan', 'default', 'override'] as const;
type Place = (typeof PLACES)[number];

function yamlOf(places: readonly Place[]): string {
  const text = (place: Place) =>
    RULES.filter((_, i) => places[i] === place).map(({ key, meter, window, scope, match }) => {
      const own = scope === undefined ? '' : `, scope: [${scope}]`;
      const on = match === undefined ? '' : `, match: {${match[0]}: ${match[1]}}`;
      return `{key: ${key}, meter: ${meter}, limit: 1000, window: ${window}${own}${on}}`;
    });
  return catalogueYaml({
    plans: freePlan(...text('plan')),
    default_quotas: `[${text('default').join(', ')}]`,
    organizations: `[{id: o, quota_overrides: [${text('override').join(', ')}]}]`,
  });
}

interface ModelItem {
  readonly meter: string;
  readonly quantity: number;
  readonly labels: Labels;
}
const given = fc.oneof(
  fc.record({
    meter: fc.constant('tokens'),
    quantity: fc.nat({ max: 9 }),
    labels: fc.record({ run: fc.constantFrom('p', 'q'), model: fc.constantFrom('x', 'y') }),
  }),
  fc.record({ meter: fc.constant('calls'), quantity: fc.constant(1), labels: fc.constant({}) }),
  fc.record({
    meter: fc.constant('seats'),
    quantity: fc.nat({ max: 9 }),
    labels: fc.record({ team: fc.constantFrom('s', 't') }),
  }),
  fc.record({
    meter: fc.constant('users'),
    quantity: fc.constant(1),
    labels: fc.record({ user: fc.uuid() }),
  }),
  fc.record({ meter: fc.constant('peak'), quantity: fc.nat({ max: 9 }), labels: fc.constant({}) }),
);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ reserve: fc.array(given, { minLength: 1, maxLength: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ end: fc.constantFrom('settle', 'release', 'expire') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      places: fc.array(fc.constantFrom(...PLACES), { minLength: 7, maxLength: 7 }),
      wipe: fc.boolean(),
    }),
  },
);

describe('what is reserved', () => {
  test('is what the open holds hold in each rule there is, and 0 in the end', async () => {
    const steps = fc.array(step, { minLength: 5, maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        let places: readonly Place[] = RULES.map(() => 'none');
        await inWorld(yamlOf(places), async (world) => {
          let open: { id: string; items: readonly ModelItem[] }[] = [];
          let next = 0;
          const end = async (how: 'settle' | 'release' | 'expire') => {
            const hold = open[0];
            if (hold === undefined) return;
            const named = { orgId: 'o', reservationId: hold.id };
            if (how === 'expire') {
              await ask(world.now(), 'extendReservation', { ...named, ttl: duration(1) });
              await world.moveOn(1000);
              const count = () => world.now().core.fold.holds.open();
              await expect.poll(count, { interval: 5 }).toBe(open.length - 1);
            } else if (how === 'settle') await ask(world.now(), 'settle', { ...named, events: [] });
            else await ask(world.now(), 'release', named);
            open = open.slice(1);
          };
          const agree = async () => {
            for (const [meter, labels] of PROBES) {
              const own = RULES.filter(
                (rule, i) =>
                  places[i] !== 'none' &&
                  rule.meter === meter &&
                  (rule.match === undefined || labels[rule.match[0]] === rule.match[1]),
              );
              const held = ({ match, scope }: ModelRule) =>
                open
                  .flatMap(({ items }) => items)
                  .filter((each) => each.meter === meter && meter !== 'peak')
                  .filter((each) => match === undefined || each.labels[match[0]] === match[1])
                  .filter(
                    (each) => scope === undefined || each.labels[scope] === (labels[scope] ?? ''),
                  )
                  .reduce((sum, { quantity }) => sum + quantity, 0);
              const expected = Object.fromEntries(own.map((rule) => [rule.key, `${held(rule)}`]));
              expect([labels, await reservedOf(world.now(), meter, labels)]).toEqual([
                labels,
                expected,
              ]);
            }
          };
          for (const each of list) {
            if ('reserve' in each) {
              const id = `h${next++}`;
              const items = each.reserve.map(({ meter, quantity, labels }) => {
                return item(meter, { quantity: `${quantity}`, dimensions: labels });
              });
              const { granted } = await reserve(world.now(), { reservationId: id, items });
              expect(granted).toBe(true);
              open = [...open, { id, items: each.reserve }];
            } else if ('end' in each) await end(each.end as 'settle');
            else {
              places = each.places;
              await world.become(yamlOf(places), each.wipe);
            }
            await agree();
          }
          while (open.length > 0) await end(next++ % 2 === 0 ? 'settle' : 'release');
          await world.become(yamlOf(places), true);
          places = RULES.map(() => 'plan');
          await world.become(yamlOf(places));
          await agree();
        });
      }),
      { numRuns: 3, seed: 3, endOnFailure: true },
    );
  });
});

describe.concurrent('a hold that was made under no rule', () => {
  test('of a LAST level is the difference to the present one', async () => {
    const found = await inWorld(NONE, async ({ now, become }) => {
      await ask(now(), 'record', {
        event: event({ orgId: 'o', meter: 'seats', quantity: '3' }),
      });
      const { items } = await reserve(now(), { items: [item('seats', { level: '5' })] });
      await become(rulesYaml('{key: r, meter: seats, limit: 9, window: LIFETIME}'));
      return [items[0]?.quantity, await reservedOf(now(), 'seats')];
    });
    expect(found).toEqual(['2', { r: '2' }]);
  });

  test('of one new value named twice is one', async () => {
    const found = await inWorld(NONE, async ({ now, become }) => {
      const one = item('users', { dimensions: { user: 'u' } });
      await reserve(now(), { items: [one, one] });
      await become(rulesYaml('{key: r, meter: users, limit: 9}'));
      return reservedOf(now(), 'users', { user: 'x' });
    });
    expect(found).toEqual({ r: '1' });
  });

  test('of a level under a rule for another source holds the difference too', async () => {
    const rule = '{key: r, meter: seats, limit: 99, window: LIFETIME, match: {team: b}}';
    const found = await inWorld(rulesYaml(rule), async ({ now }) => {
      const dimensions = { team: 'a' };
      await ask(now(), 'record', {
        event: event({ orgId: 'o', meter: 'seats', quantity: '3', dimensions }),
      });
      const { items } = await reserve(now(), {
        items: [item('seats', { level: '5', dimensions })],
      });
      return items[0]?.quantity;
    });
    expect(found).toBe('2');
  });
});

describe.concurrent('a retry of Reserve', () => {
  const METERS = (units: string, users: string) => `
    - {key: tokens, unit: token, scale: 0, aggregation: SUM}
    - {key: calls, unit: call, scale: 0, aggregation: COUNT}
    - {key: units, unit: u, scale: 4, aggregation: SUM${units}}
    - {key: users, unit: user, scale: 0, aggregation: UNIQUE, dimension: ${users}}`;
  const BEFORE = catalogueYaml({ meters: METERS(', formula: run_units', 'user') });
  const ITEMS: readonly (readonly [what: string, item: ReturnType<typeof item>])[] = [
    ['a run', item('units', { run: { cpuSeconds: 1 } })],
    ['a value', item('users', { dimensions: { user: 'u' } })],
    ['an event', item('calls')],
    ['a quantity', item('tokens', { quantity: '5' })],
  ];
  const AFTER: readonly (readonly [what: string, yaml: string])[] = [
    ['the same catalogue', BEFORE],
    ['another formula', catalogueYaml({ meters: METERS('', 'user') })],
    ['another dimension', catalogueYaml({ meters: METERS(', formula: run_units', 'person') })],
    [
      'no such meters',
      catalogueYaml({ meters: '[{key: x, unit: x, scale: 0, aggregation: SUM}]' }),
    ],
    ['a suspended organisation', BEFORE.concat('  organizations: [{id: o, suspended: true}]\n')],
  ];
  const answersSame = async (yaml: string) => {
    const found = await inWorld(BEFORE, async ({ now, become }) => {
      const answers = async () => {
        const all: unknown[] = [];
        for (const [what, one] of ITEMS) {
          const call = reserve(now(), { reservationId: what.replace(' ', '-'), items: [one] });
          all.push(
            await call.then(
              ({ granted, items, expireTime }) => ({ granted, items, expireTime }),
              async (error: Error) => (await refused(Promise.reject(error))).reason,
            ),
          );
        }
        return all;
      };
      const first = await answers();
      await become(yaml, true);
      return [first, await answers()];
    });
    expect(found[1]).toEqual(found[0]);
  };
  const isRefused = ([what]: readonly [string, string]) => /formula|dimension/.test(what);
  test.each(AFTER.filter((row) => !isRefused(row)))('answers the same under %s', (_what, yaml) =>
    answersSame(yaml),
  );
  test.each(AFTER.filter(isRefused))('answers the same under %s', (_what, yaml) =>
    answersSame(yaml),
  );

  test.each(AFTER.slice(2, 4))('with another body is refused under %s', async (_what, yaml) => {
    const found = await inWorld(BEFORE, async ({ now, become }) => {
      const items = [item('calls'), item('tokens', { quantity: '5' })];
      await reserve(now(), { items });
      await become(yaml);
      const others = [
        { items: [item('calls'), item('tokens', { quantity: '6' })] },
        { items: [item('tokens', { quantity: '5' }), item('calls')] },
        { items: [item('calls')] },
        { items: [...items, item('calls')] },
        { items, allowPartial: true },
        { items, ttl: duration(86_399) },
        { items: [item('calls', { dimensions: { a: 'b' } }), item('tokens', { quantity: '5' })] },
        { items: [item('nothing'), item('tokens', { quantity: '5' })] },
        { items: [item('calls'), item('tokens', { level: '5' })] },
      ];
      const reasons: string[] = [];
      for (const other of others) reasons.push((await refused(reserve(now(), other))).reason);
      return reasons;
    });
    expect(found).toEqual(Array.from({ length: 9 }, () => 'RESERVATION_ID_REUSED'));
  });

  test('says that nothing is used where nothing is', async () => {
    const found = await inWorld(rulesYaml('{key: r, meter: tokens, limit: 99}'), async (world) => {
      const items = [1, 2].map(() => item('tokens', { quantity: '30' }));
      const shown = async () =>
        (await reserve(world.now(), { items })).quotas.map(({ used, reserved }) => [
          used,
          reserved,
        ]);
      return { first: await shown(), again: await shown() };
    });
    expect(found.first).toEqual(found.again);
  });
});
