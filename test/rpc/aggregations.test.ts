// How the events of a window become one value, by Record, CheckQuota and GetUsage alike.

import { describe, expect, test } from 'vitest';
import { Reason } from '../../generated/ts/tollgate/v1/quota.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { catalogueYaml, freePlan } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { ask, event, type GivenEvent, item, nameIn, type Request } from '../support/requests.js';
import { type Running, start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const yaml = catalogueYaml({
  meters: `
    - {key: sum, unit: u, scale: 2, aggregation: SUM, rollup_keys: [k]}
    - {key: count, unit: u, scale: 0, aggregation: COUNT, rollup_keys: [k]}
    - {key: max, unit: u, scale: 2, aggregation: MAX, rollup_keys: [k]}
    - {key: last, unit: u, scale: 2, aggregation: LAST, source_keys: [s], rollup_keys: [k, s]}
    - {key: one, unit: u, scale: 2, aggregation: LAST}
    - {key: hidden, unit: u, scale: 0, aggregation: LAST, source_keys: [s]}
    - {key: unique, unit: u, scale: 0, aggregation: UNIQUE, dimension: v, rollup_keys: [k]}`,
  plans: freePlan(
    ...['sum', 'count', 'max', 'last', 'one', 'unique'].map(
      (meter) => `{key: ${meter}, meter: ${meter}, limit: 10}`,
    ),
  ),
});
const clock = createTestClock('2026-11-20T12:07:00Z');
const { now, org } = sharedService({ yaml, clock });

const record = (given: GivenEvent, enforceQuota = false, running: Running = now()) =>
  ask(running, 'record', { event: event(given), enforceQuota });

async function check(
  orgId: string,
  meter: string,
  given: Parameters<typeof item>[1] = {},
  running = now(),
) {
  const items = [item(meter, given)];
  const { quotas, allowed, reason } = await ask(running, 'checkQuota', { orgId, items });
  const { used, requested, projected, remaining } = quotas[0] ?? {};
  return { used, requested, projected, remaining, allowed, reason: nameIn(Reason, reason) };
}
const usedOf = async (orgId: string, meter: string, running = now()) =>
  (await check(orgId, meter, { dimensions: { v: 'probe' } }, running)).used;

async function usage(orgId: string, meter: string, given: Partial<Request<'getUsage'>> = {}) {
  const { rows, totals } = await ask(now(), 'getUsage', { orgId, meters: [meter], ...given });
  return {
    total: totals[0]?.quantity,
    events: totals[0]?.eventCount,
    rows: rows.map(({ dimensions, quantity, eventCount }) => [
      [...dimensions.values()].join(),
      quantity,
      Number(eventCount),
    ]),
  };
}

const LATE = '2026-11-20T12:00:00Z';
const EARLIER = '2026-11-20T11:00:00Z';

/** Events in the order they arrive, the value they add up to, by the counter and by the totals. */
type Row = readonly [what: string, meter: string, events: readonly GivenEvent[], value: string];
const VALUES: readonly Row[] = [
  ['SUM adds', 'sum', [{ quantity: '1.5' }, { quantity: '2.25' }, { quantity: '0' }], '3.75'],
  ['SUM adds late events', 'sum', [{ quantity: '1' }, { quantity: '2', at: LATE }], '3'],
  ['COUNT counts', 'count', [{}, { quantity: '1' }, { at: LATE }], '3'],
  [
    'MAX is the greatest',
    'max',
    [{ quantity: '3' }, { quantity: '7.5' }, { quantity: '5' }],
    '7.5',
  ],
  ['MAX of zero', 'max', [{ quantity: '0' }], '0'],
  ['MAX of a late event', 'max', [{ quantity: '3' }, { quantity: '9', at: LATE }], '9'],
  ['LAST is the last', 'one', [{ quantity: '3' }, { quantity: '7.5' }, { quantity: '5' }], '5'],
  ['LAST down to zero', 'one', [{ quantity: '3' }, { quantity: '0' }], '0'],
  [
    'LAST goes by event time, not by arrival',
    'one',
    [{ quantity: '3' }, { quantity: '9', at: LATE }],
    '3',
  ],
  [
    'LAST of one time goes by arrival',
    'one',
    [
      { quantity: '3', at: LATE },
      { quantity: '9', at: LATE },
    ],
    '9',
  ],
  [
    'LAST adds up its sources',
    'last',
    [
      { quantity: '3', dimensions: { s: 'a' } },
      { quantity: '4', dimensions: { s: 'b' } },
      { quantity: '1', dimensions: { s: 'a' } },
      { quantity: '2' },
    ],
    '7',
  ],
  [
    'LAST of a source goes by event time',
    'last',
    [
      { quantity: '3', dimensions: { s: 'a' } },
      { quantity: '4', dimensions: { s: 'b' }, at: LATE },
      { quantity: '9', dimensions: { s: 'a' }, at: LATE },
      { quantity: '8', dimensions: { s: 'b' }, at: EARLIER },
    ],
    '7',
  ],
  [
    'a source is its key alone: other labels may change',
    'last',
    [
      { quantity: '3', dimensions: { s: 'a', k: 'x' } },
      { quantity: '5', dimensions: { s: 'a', k: 'y' } },
    ],
    '5',
  ],
  [
    'UNIQUE counts distinct values',
    'unique',
    [
      { dimensions: { v: 'a' } },
      { dimensions: { v: 'b' } },
      { dimensions: { v: 'a', k: 'x' } },
      { dimensions: { v: 'A' }, at: LATE },
    ],
    '3',
  ],
  [
    'UNIQUE takes any value',
    'unique',
    ['__proto__', 'constructor', ' ', '値', 'a=b'].map((v) => ({ dimensions: { v } })),
    '5',
  ],
];

describe('the value of a window', () => {
  test.each(VALUES)('%s', async (_what, meter, events, value) => {
    const orgId = org();
    for (const given of events) {
      const reply = await record({ orgId, meter, ...given });
      expect(nameIn(Outcome, reply.outcome)).toBe('RECORDED');
    }
    expect(await usedOf(orgId, meter)).toBe(value);
    const { total, events: count } = await usage(orgId, meter);
    expect([total, count]).toEqual([value, BigInt(events.length)]);
  });

  test('is the same after a restart', async () => {
    let running = await start({ yaml, clock });
    for (const [index, [, meter, events]] of VALUES.entries()) {
      const orgId = `o${index}`;
      for (const given of events) await record({ orgId, meter, ...given }, false, running);
    }
    running = await running.restart();
    for (const [index, [, meter, , value]] of VALUES.entries()) {
      expect(await usedOf(`o${index}`, meter, running)).toBe(value);
    }
    await running.stop();
  });
});

describe('what a request asks for', () => {
  const A = { v: 'a', s: 'a' };
  type Asked = readonly [
    what: string,
    meter: string,
    given: Parameters<typeof item>[1],
    expected: object,
  ];
  /** Each of the meters stands at 8 (UNIQUE: at 1, value a). */
  const ASKED: readonly Asked[] = [
    ['SUM, nothing said: a quantum', 'sum', {}, { requested: '0.01', projected: '8.01' }],
    ['SUM', 'sum', { quantity: '2' }, { projected: '10', allowed: true, remaining: '2' }],
    ['SUM, more', 'sum', { quantity: '2.01' }, { projected: '10.01', allowed: false }],
    ['COUNT, nothing said', 'count', {}, { requested: '1', projected: '9', allowed: true }],
    [
      'MAX, the level',
      'max',
      { quantity: '10' },
      { requested: '10', projected: '10', allowed: true },
    ],
    [
      'MAX, below what it is',
      'max',
      { level: '3' },
      { requested: '3', projected: '8', allowed: true },
    ],
    ['MAX, above the limit', 'max', { level: '10.01' }, { projected: '10.01', allowed: false }],
    ['LAST, nothing said: a quantum more', 'last', {}, { requested: '0.01', projected: '8.01' }],
    [
      'LAST, a difference',
      'last',
      { quantity: '2', dimensions: A },
      { projected: '10', allowed: true },
    ],
    ['LAST, too much', 'last', { quantity: '2.01' }, { projected: '10.01', allowed: false }],
    ['LAST, a level', 'last', { level: '10', dimensions: A }, { requested: '2', projected: '10' }],
    [
      'LAST, a lower level',
      'last',
      { level: '3', dimensions: A },
      { projected: '3', allowed: true },
    ],
    ['LAST, of a new source', 'last', { level: '3' }, { projected: '11', allowed: false }],
    [
      'UNIQUE, seen',
      'unique',
      { dimensions: A },
      { requested: '0', projected: '1', allowed: true },
    ],
    ['UNIQUE, unseen', 'unique', { dimensions: { v: 'b' } }, { requested: '1', projected: '2' }],
  ];
  test.each(ASKED)('%s', async (_what, meter, given, expected) => {
    const orgId = org();
    const eight = meter === 'unique' || meter === 'count' ? {} : { quantity: '8' };
    const times = meter === 'count' ? 8 : 1;
    for (let i = 0; i < times; i++) await record({ orgId, meter, dimensions: A, ...eight });
    expect(await check(orgId, meter, given)).toMatchObject(expected);
  });

  test('an enforced LAST event asks for the difference to its source', async () => {
    const orgId = org();
    const level = async (quantity: string, s: string) => {
      const given = { orgId, meter: 'last', quantity, dimensions: { s } };
      return nameIn(Outcome, (await record(given, true)).outcome);
    };
    expect(await level('6', 'a')).toBe('RECORDED');
    expect(await level('5', 'b')).toBe('DENIED');
    expect(await level('4', 'b')).toBe('RECORDED');
    expect(await level('7', 'a')).toBe('DENIED');
    expect(await level('2', 'a')).toBe('RECORDED');
    expect(await level('8', 'b')).toBe('RECORDED');
    expect(await usedOf(orgId, 'last')).toBe('10');
  });

  test('an enforced UNIQUE event of a value seen fits though nothing is left', async () => {
    const orgId = org();
    const seen = async (v: string) => {
      const given = { orgId, meter: 'unique', dimensions: { v } };
      return nameIn(Outcome, (await record(given, true)).outcome);
    };
    for (let i = 0; i < 10; i++) expect(await seen(`v${i}`)).toBe('RECORDED');
    expect(await seen('v10')).toBe('DENIED');
    expect(await seen('v3')).toBe('RECORDED');
    expect(await usedOf(orgId, 'unique')).toBe('10');
  });

  test('an enforced MAX event is judged by its level', async () => {
    const orgId = org();
    const level = async (quantity: string) =>
      nameIn(Outcome, (await record({ orgId, meter: 'max', quantity }, true)).outcome);
    expect([await level('10'), await level('10.01'), await level('10')]).toEqual([
      'RECORDED',
      'DENIED',
      'RECORDED',
    ]);
    await record({ orgId, meter: 'max', quantity: '50' });
    expect(await level('1')).toBe('RECORDED');
  });

  test('MAX, nothing said: the present value', async () => {
    const orgId = org();
    await record({ orgId, meter: 'max', quantity: '15' });
    expect(await check(orgId, 'max')).toMatchObject({ projected: '15', allowed: false });
  });

  test('values of an idle scope count again', async () => {
    const own = createTestClock('2026-11-01T00:00:00Z');
    const rule = '{key: unique, meter: unique, limit: 10';
    const scoped = yaml.replace(`${rule}}`, `${rule}, scope: [run]}`);
    const running = await start({ yaml: scoped, clock: own, flags: ['--scope-idle-days', '2'] });
    const used: (string | undefined)[] = [];
    for (const v of ['a', 'b', 'a', 'b']) {
      if (used.length === 2) own.advance(3 * 86_400_000);
      const given = { orgId: 'o', meter: 'unique', dimensions: { v, run: 'r' } };
      used.push((await record(given, false, running)).quotas[0]?.used);
    }
    await running.stop();
    expect(used).toEqual(['1', '2', '1', '2']);
  });
});

describe('levels carry over the ends of months', () => {
  const steps: readonly (readonly [at: string, s: string, quantity: string])[] = [
    ['2026-10-20T00:00:00Z', 'a', '5'],
    ['2026-10-25T00:00:00Z', 'b', '2'],
    ['2026-11-10T00:00:00Z', 'a', '3'],
  ];
  const months = { startTime: undefined, endTime: undefined };
  const valueIn = async (orgId: string, period: string) =>
    (await usage(orgId, 'last', { ...months, period })).total;

  test('into months without an event, and a late event changes its own on', async () => {
    const orgId = org();
    for (const [at, s, quantity] of steps) {
      await record({ orgId, meter: 'last', at, quantity, dimensions: { s } });
    }
    const all = async () => [
      await valueIn(orgId, '2026-09'),
      await valueIn(orgId, '2026-10'),
      await valueIn(orgId, '2026-11'),
      await valueIn(orgId, '2026-12'),
    ];
    expect(await all()).toEqual(['0', '7', '5', '5']);
    await record({
      orgId,
      meter: 'last',
      at: '2026-10-30T00:00:00Z',
      quantity: '9',
      dimensions: { s: 'b' },
    });
    expect(await all()).toEqual(['0', '14', '12', '12']);
    expect(await usedOf(orgId, 'last')).toBe('12');
  });

  test('by days, and within a range between two events', async () => {
    const orgId = org();
    for (const [at, s, quantity] of steps) {
      await record({ orgId, meter: 'last', at, quantity, dimensions: { s } });
    }
    const { rows } = await ask(now(), 'getUsage', {
      orgId,
      meters: ['last'],
      startTime: { seconds: BigInt(Date.parse('2026-11-09T00:00:00Z') / 1000), nanos: 0 },
      endTime: { seconds: BigInt(Date.parse('2026-11-12T00:00:00Z') / 1000), nanos: 0 },
      window: 3,
    });
    expect(rows.map(({ quantity, eventCount }) => [quantity, eventCount])).toEqual([
      ['7', 0n],
      ['5', 1n],
      ['5', 0n],
    ]);
  });

  test('by a rollup key each source stands where it was reported last', async () => {
    const orgId = org();
    await record({ orgId, meter: 'last', quantity: '5', dimensions: { s: 'a', k: 'x' } });
    await record({ orgId, meter: 'last', quantity: '2', dimensions: { s: 'b', k: 'y' } });
    const { rows } = await usage(orgId, 'last', { groupBy: ['k'] });
    expect(rows).toEqual([
      ['x', '5', 1],
      ['y', '2', 1],
    ]);
  });

  test('by another key as well', async () => {
    const orgId = org();
    await record({ orgId, meter: 'hidden', quantity: '5', dimensions: { s: 'a' } });
    await record({ orgId, meter: 'hidden', quantity: '2', dimensions: { s: 'b' } });
    const { rows } = await usage(orgId, 'hidden', { groupBy: ['s'] });
    expect(rows).toEqual([
      ['a', '5', 1],
      ['b', '2', 1],
    ]);
  });

  test('into a range off the grid that starts after the level', async () => {
    const orgId = org();
    await record({ orgId, meter: 'one', quantity: '7', at: '2026-11-20T12:02:00Z' });
    const at = (minute: string) => ({
      seconds: BigInt(Date.parse(`2026-11-20T12:${minute}:00Z`) / 1000),
      nanos: 0,
    });
    const { total } = await usage(orgId, 'one', { startTime: at('05'), endTime: at('07') });
    expect(total).toBe('7');
  });
});
