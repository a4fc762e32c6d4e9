// GetUsage: ranges, groups and bounds, against a plain sum over the events.

import { beforeAll, describe, expect, test } from 'vitest';
import type { UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, iso, type Request, time } from '../support/requests.js';
import { start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const yaml = catalogueYaml({
  meters: `
    - {key: tokens, unit: token, scale: 0, aggregation: SUM, rollup_keys: [model, region]}
    - {key: units, unit: unit, scale: 4, aggregation: SUM}
    - {key: calls, unit: call, scale: 0, aggregation: COUNT, rollup_keys: [model]}
    - {key: idle, unit: i, scale: 0, aggregation: SUM}`,
});
const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org } = sharedService({ yaml, clock });

type Given = Partial<Request<'getUsage'>>;
const usage = (orgId: string, given: Given = {}) => ask(now(), 'getUsage', { orgId, ...given });
const range = (from: string | number, to: string | number): Given => ({
  startTime: time(from),
  endTime: time(to),
});
const record = (given: GivenEvent) => ask(now(), 'record', { event: event(given) });

async function recordAll(orgId: string, events: readonly UsageEvent[]): Promise<void> {
  for (let i = 0; i < events.length; i += 1000) {
    await ask(now(), 'recordBatch', { orgId, events: events.slice(i, i + 1000) });
  }
}

describe('the range', () => {
  const TIMES = ['2026-10-31T23:59:59.999Z', '2026-11-01T00:00:00Z', '2026-11-20T12:00:00Z'];
  const events = TIMES.map((at, i) => event({ quantity: `${10 ** i}`, at }));
  const RANGES: readonly (readonly [what: string, given: Given, total: string])[] = [
    ['is the current month by default', {}, '110'],
    ['is a month by its name', { period: '2026-10' }, '1'],
    ['may lie in the future', { period: '2027-01' }, '0'],
    ['holds its start', range('2026-11-20T12:00:00Z', '2026-11-20T12:15:00Z'), '100'],
    ['does not hold its end', range('2026-11-01T00:00:00Z', '2026-11-20T12:00:00Z'), '10'],
    ['holds a millisecond', range('2026-10-31T23:59:59.999Z', '2026-11-01T00:00:00Z'), '1'],
    ['may be empty', range('2026-11-20T12:00:00Z', '2026-11-20T12:00:00Z'), '0'],
    ['may be all time', range('0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z'), '111'],
  ];
  test.each(RANGES)('%s', async (_what, given, total) => {
    const orgId = org();
    await recordAll(orgId, events);
    const { totals, rows } = await usage(orgId, { meters: ['tokens'], ...given });
    expect(totals[0]).toMatchObject({ meter: 'tokens', unit: 'token', quantity: total });
    expect(rows.map(({ quantity }) => quantity)).toEqual(total === '0' ? [] : [total]);
    if (given.startTime === undefined) return;
    expect([totals[0]?.windowStart, totals[0]?.windowEnd]).toEqual([
      given.startTime,
      given.endTime,
    ]);
  });

  test('floors times to the millisecond', async () => {
    const orgId = org();
    const seconds = BigInt(Date.parse('2026-11-20T11:00:00Z') / 1000);
    await record({ orgId, quantity: '1', at: { seconds, nanos: 999_999 } });
    const given = { startTime: { seconds, nanos: 0 }, endTime: { seconds, nanos: 1_000_000 } };
    expect((await usage(orgId, { meters: ['tokens'], ...given })).totals[0]?.quantity).toBe('1');
  });

  test('of a row is the range asked for, also where the month is not over', async () => {
    const orgId = org();
    await record({ orgId, quantity: '1' });
    const { rows } = await usage(orgId, { meters: ['tokens'], period: '2026-11' });
    expect(rows.map(({ windowStart, windowEnd }) => [iso(windowStart), iso(windowEnd)])).toEqual([
      ['2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'],
    ]);
  });
});

describe('the meters', () => {
  test('asked for and not used are zero, in order, once', async () => {
    const orgId = org();
    await record({ orgId, quantity: '5' });
    const { rows, totals } = await usage(orgId, { meters: ['units', 'tokens', 'calls', 'units'] });
    const shown = totals.map(({ meter, quantity, eventCount }) => [meter, quantity, eventCount]);
    expect(shown).toEqual([
      ['calls', '0', 0n],
      ['tokens', '5', 1n],
      ['units', '0', 0n],
    ]);
    expect(rows.map(({ meter }) => meter)).toEqual(['tokens']);
  });

  test('not asked for are those used in the range', async () => {
    const orgId = org();
    await record({ orgId, quantity: '5' });
    await record({ orgId, meter: 'units', quantity: '0.5000' });
    await record({ orgId, meter: 'calls', at: '2026-10-30T00:00:00Z' });
    const { totals } = await usage(orgId);
    expect(totals.map(({ meter, quantity }) => [meter, quantity])).toEqual([
      ['tokens', '5'],
      ['units', '0.5'],
    ]);
  });

  test('that do not exist are METER_UNKNOWN', async () => {
    const refusal = await refused(usage(org(), { meters: ['tokens', 'nothing'] }));
    expect(refusal).toMatchObject({ code: 'NOT_FOUND', reason: 'METER_UNKNOWN' });
  });

  test('with usage of zero have a row that says so', async () => {
    const orgId = org();
    await record({ orgId, quantity: '0' });
    const { rows } = await usage(orgId);
    expect(rows.map(({ quantity, eventCount }) => [quantity, eventCount])).toEqual([['0', 1n]]);
  });
});

describe('groups', () => {
  const orgId = 'grouped';
  const LABELS: readonly (readonly [quantity: string, labels: Record<string, string>])[] = [
    ['1', { model: 'a', region: 'x', run: 'r1' }],
    ['2', { model: 'a', region: 'y', run: 'r2' }],
    ['4', { model: 'b', run: 'r1' }],
    ['8', { region: 'x' }],
    ['16', {}],
  ];
  beforeAll(() =>
    recordAll(
      orgId,
      LABELS.map(([quantity, dimensions]) => event({ quantity, dimensions })),
    ),
  );
  const GROUPS: readonly (readonly [keys: string[], rows: string[]])[] = [
    [[], ['=31']],
    [['model'], ['=24', 'a=3', 'b=4']],
    [['region'], ['=20', 'x=9', 'y=2']],
    [
      ['model', 'region'],
      [',=16', ',x=8', 'a,x=1', 'a,y=2', 'b,=4'],
    ],
    [
      ['region', 'model'],
      [',=16', ',b=4', 'x,=8', 'x,a=1', 'y,a=2'],
    ],
    [['run'], ['=24', 'r1=5', 'r2=2']],
    [
      ['run', 'model'],
      [',=24', 'r1,a=1', 'r1,b=4', 'r2,a=2'],
    ],
    [['nothing'], ['=31']],
    [['__proto__'], ['=31']],
  ];
  test.each(GROUPS)('by %j', async (groupBy, expected) => {
    const { rows, totals } = await usage(orgId, { meters: ['tokens'], groupBy });
    const shown = rows.map(
      ({ dimensions, quantity }) => `${[...dimensions.values()].join()}=${quantity}`,
    );
    expect(shown).toEqual(expected);
    for (const { dimensions } of rows) expect([...dimensions.keys()]).toEqual(groupBy);
    expect(totals.map(({ quantity, dimensions }) => [quantity, dimensions.size])).toEqual([
      ['31', 0],
    ]);
  });
});

describe('any range gives what its events add up to', () => {
  const orgId = 'random';
  const START = Date.parse('2026-11-18T00:00:00Z');
  const SPAN = 2 * 86_400_000;
  const next = sequenceOf(20_261_120);
  const EVENTS = Array.from({ length: 1500 }, (_, i) => ({
    ms: START + Math.floor(next() * SPAN),
    quantity: Math.floor(next() * 1000),
    model: `m${i % 3}`,
    run: `r${i % 7}`,
  }));
  /** Some lie on the edges of quarter hours. */
  for (const [i, each] of EVENTS.entries()) if (i % 10 === 0) each.ms -= each.ms % 900_000;
  beforeAll(() =>
    recordAll(
      orgId,
      EVENTS.map(({ ms, quantity, model, run }) =>
        event({ quantity: `${quantity}`, at: time(ms), dimensions: { model, run } }),
      ),
    ),
  );

  const KEYS = [[], ['model'], ['run']] as const;
  const GRIDS = [1, 1000, 60_000, 900_000, 3_600_000, 86_400_000];
  const RANGES = Array.from({ length: 60 }, (_, i) => {
    const grid = GRIDS[i % GRIDS.length] ?? 1;
    const points = [next(), next()].map((part) => Math.floor((part * SPAN) / grid) * grid);
    const [from = 0, to = 0] = points.toSorted((a, b) => a - b);
    return { grid, from: START + from, to: START + to, keys: KEYS[i % KEYS.length] ?? [] };
  });
  test.each(RANGES)(
    'on a grid of $grid ms from $from to $to by $keys',
    async ({ from, to, keys }) => {
      const expected = new Map<string, [sum: number, events: number]>();
      let total = 0;
      for (const each of EVENTS) {
        if (each.ms < from || each.ms >= to) continue;
        const label = keys.map((key) => each[key]).join();
        const [sum, count] = expected.get(label) ?? [0, 0];
        expected.set(label, [sum + each.quantity, count + 1]);
        total += each.quantity;
      }
      const given = { meters: ['tokens'], groupBy: [...keys], ...range(from, to) };
      const { rows, totals } = await usage(orgId, given);
      const shown = rows.map((row): [string, [number, number]] => [
        [...row.dimensions.values()].join(),
        [Number(row.quantity), Number(row.eventCount)],
      ]);
      expect(new Map(shown)).toEqual(expected);
      expect(totals[0]?.quantity).toBe(`${total}`);
    },
  );
});

describe('bounds', () => {
  test('10,000 rows are answered, one more is INVALID_ARGUMENT', async () => {
    const orgId = org();
    const hours = (count: number) =>
      range('2026-11-01T00:00:00Z', Date.parse('2026-11-01T00:00:00Z') + count * 3_600_000);
    const events = Array.from({ length: 101 * 100 }, (_, i) => {
      const at = time(Date.parse('2026-11-01T00:00:00Z') + Math.floor(i / 100) * 3_600_000);
      return event({ meter: 'calls', at, dimensions: { model: `m${i % 100}` } });
    });
    await recordAll(orgId, events);
    const given = { meters: ['calls'], groupBy: ['model'], window: 2 as const };
    expect((await usage(orgId, { ...given, ...hours(100) })).rows).toHaveLength(10_000);
    const refusal = await refused(usage(orgId, { ...given, ...hours(101) }));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'FIELD_INVALID' });
  });

  test('a range that needs too many single events is INVALID_ARGUMENT, by rollup keys it is not', async () => {
    const orgId = org();
    const events = Array.from({ length: 1000 }, () => event({ quantity: '1' }));
    for (let i = 0; i < 50; i++) await recordAll(orgId, events);
    const byRun = { meters: ['tokens'], groupBy: ['run'] };
    expect((await usage(orgId, byRun)).totals[0]?.quantity).toBe('50000');
    await recordAll(orgId, events.slice(0, 1));
    const refusal = await refused(usage(orgId, byRun));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['group_by'] });
    const byModel = await usage(orgId, { meters: ['tokens'], groupBy: ['model'] });
    expect(byModel.totals[0]?.quantity).toBe('50001');
  });

  test('one row in a range of two years by the hour is answered', async () => {
    const orgId = org();
    await record({ orgId, quantity: '1' });
    const years = range('2025-01-01T00:00:00Z', '2027-01-01T00:00:00Z');
    const { rows } = await usage(orgId, { meters: ['tokens'], window: 2, ...years });
    expect(rows).toHaveLength(1);
  });
});

test('the same report after a restart, late usage included', async () => {
  let running = await start({ yaml, clock });
  const events = Array.from({ length: 100 }, (_, i) =>
    event({
      quantity: `${i}`,
      at: time(Date.parse('2026-11-20T11:00:00Z') - i * 7_200_000),
      dimensions: { model: `m${i % 4}` },
    }),
  );
  await ask(running, 'recordBatch', { orgId: 'o', events });
  const given = { orgId: 'o', groupBy: ['model'], window: 3 as const, period: '2026-11' };
  const before = await ask(running, 'getUsage', given);
  running = await running.restart();
  expect(await ask(running, 'getUsage', given)).toEqual(before);
  await running.stop();
});

/** Numbers in [0, 1), the same at every run: mulberry32. */
function sequenceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
