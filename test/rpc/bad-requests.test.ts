// What a request may hold beside its events: every rule of every RPC. Nothing changes.

import { describe, expect, test } from 'vitest';
import type { QuotaItem } from '../../generated/ts/tollgate/v1/quota.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, duration, event, item, type Request, time } from '../support/requests.js';
import type { UnaryName } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, lastSequence } = sharedService({ yaml: catalogueYaml(), clock });

const ORG = { orgId: 'acme' };
const HOLD = { ...ORG, reservationId: 'r1' };

/** What is wrong, the request, the fields at fault. */
type Row<Name extends UnaryName> = readonly [
  what: string,
  given: Partial<Request<Name>>,
  ...fields: string[],
];
type Bad = { readonly [Name in UnaryName]?: readonly Row<Name>[] };

/** Faults that several requests can have, over a request that is sound otherwise. */
type Shared = readonly [what: string, given: object, ...fields: string[]];
function over<Name extends UnaryName>(sound: Partial<Request<Name>>, shared: readonly Shared[]) {
  return shared.map(
    ([what, given, ...fields]): Row<Name> => [what, { ...sound, ...given }, ...fields],
  );
}

const badOrg: readonly Shared[] = [
  ['no organisation', { orgId: '' }, 'org_id'],
  ['an organisation with a slash', { orgId: 'a/b' }, 'org_id'],
  ['an organisation of 129 characters', { orgId: 'o'.repeat(129) }, 'org_id'],
];
const badHold: readonly Shared[] = [
  ...badOrg,
  ['no reservation', { reservationId: '' }, 'reservation_id'],
  ['a reservation of 101 characters', { reservationId: 'r'.repeat(101) }, 'reservation_id'],
  ['a reservation with a tab', { reservationId: 'a\tb' }, 'reservation_id'],
  ['a reservation outside ASCII', { reservationId: 'é' }, 'reservation_id'],
  ['neither id', { orgId: '', reservationId: '' }, 'org_id', 'reservation_id'],
];
const badTtl: readonly Shared[] = [
  ['a ttl of 0', { ttl: duration(0) }, 'ttl'],
  ['a negative ttl', { ttl: duration(-1) }, 'ttl'],
  ['a ttl of 24 h and a millisecond', { ttl: duration(86_400, 1_000_000) }, 'ttl'],
  ['a ttl of 10,000 years', { ttl: duration(315_576_000_000) }, 'ttl'],
  ['the greatest int64 as ttl', { ttl: duration(2n ** 63n - 1n) }, 'ttl'],
];
const badDurability: readonly Shared[] = [
  ['durability LEDGER without a ledger', { durability: 3 }, 'durability'],
  ['an unknown durability', { durability: 9 }, 'durability'],
];
const badTime = { seconds: 0n, nanos: -1 };
const farTime = { seconds: 253_402_300_800n, nanos: 0 };

const BAD_PERIODS = [
  '2026',
  '2026-1',
  '2026-13',
  '2026-00',
  '26-11',
  '2026-11-01',
  'now',
  ' 2026-11',
];

const tokens = item('tokens', { quantity: '1' });
const one = event({ ...ORG, quantity: '1' });
const start = time('2026-11-01T00:00:00Z');
const end = time('2026-11-02T00:00:00Z');

const BAD: Bad = {
  record: over({ event: one }, badDurability),
  recordBatch: [
    ['no events', {}, 'events'],
    ['1001 events', { events: Array(1001).fill(one) }, 'events'],
    ['an organisation with a slash', { orgId: '/', events: [one] }, 'org_id'],
    ...over<'recordBatch'>({ events: [one] }, badDurability),
    ['all of it', { orgId: '/', durability: 3 }, 'durability', 'org_id', 'events'],
  ],
  checkQuota: [
    ...over<'checkQuota'>({}, badOrg),
    ['17 items', { ...ORG, items: Array(17).fill(tokens) }, 'items'],
  ],
  reserve: [
    ...over<'reserve'>({ ...HOLD, items: [tokens] }, [...badHold, ...badTtl]),
    ['no items', HOLD, 'items'],
    ['17 items', { ...HOLD, items: Array(17).fill(tokens) }, 'items'],
  ],
  settle: [
    ...over<'settle'>(HOLD, [...badHold, ...badDurability]),
    ['17 events', { ...HOLD, events: Array(17).fill(one) }, 'events'],
  ],
  release: over(HOLD, badHold),
  extendReservation: over(HOLD, [...badHold, ...badTtl]),
  getReservation: over(HOLD, badHold),
  listReservations: [
    ...over<'listReservations'>({}, badOrg),
    ['a made-up page token', { ...ORG, pageToken: 'x' }, 'page_token'],
    ['an unknown state', { ...ORG, state: 9 as 0 }, 'state'],
  ],
  estimateUsage: [
    ...over<'estimateUsage'>({}, badOrg),
    ['1001 items', { ...ORG, items: Array(1001).fill(tokens) }, 'items'],
  ],
  getUsage: [
    ...over<'getUsage'>({}, badOrg),
    ['101 meters', { ...ORG, meters: Array(101).fill('tokens') }, 'meters'],
    ...over<'getUsage'>(
      ORG,
      BAD_PERIODS.map((period) => [`the period ${period}`, { period }, 'period']),
    ),
    ['period and start', { ...ORG, period: '2026-11', startTime: start }, 'period'],
    ['period and end', { ...ORG, period: '2026-11', endTime: end }, 'period'],
    ['a start without an end', { ...ORG, startTime: start }, 'end_time'],
    ['an end without a start', { ...ORG, endTime: end }, 'start_time'],
    ['an end before its start', { ...ORG, startTime: end, endTime: start }, 'end_time'],
    ['a start of no time', { ...ORG, startTime: badTime, endTime: end }, 'start_time.nanos'],
    ['17 keys', { ...ORG, groupBy: Array.from({ length: 17 }, (_, i) => `k${i}`) }, 'group_by'],
    ['a key twice', { ...ORG, groupBy: ['model', 'model'] }, 'group_by'],
    ['an empty key', { ...ORG, groupBy: [''] }, 'group_by'],
    ['a key of 65 characters', { ...ORG, groupBy: ['k'.repeat(65)] }, 'group_by'],
    ['an unknown window', { ...ORG, window: 9 as 0 }, 'window'],
    ['a zone of another planet', { ...ORG, timeZone: 'Mars/Olympus_Mons' }, 'time_zone'],
    ['an offset for a zone', { ...ORG, timeZone: '+01:00' }, 'time_zone'],
    ['a blank zone', { ...ORG, timeZone: ' ' }, 'time_zone'],
  ],
  listUsageEvents: [
    ...over<'listUsageEvents'>({}, badOrg),
    ['a meter in upper case', { ...ORG, meter: 'TOKENS' }, 'meter'],
    ['a start of no time', { ...ORG, startTime: badTime }, 'start_time.nanos'],
    ['an end after 9999', { ...ORG, endTime: farTime }, 'end_time.seconds'],
    ['17 filters', { ...ORG, dimensionFilters: Array(17).fill('a=b') }, 'dimension_filters'],
    ['a filter without =', { ...ORG, dimensionFilters: ['a=b', 'c'] }, 'dimension_filters[1]'],
    ['a filter without a key', { ...ORG, dimensionFilters: ['=b'] }, 'dimension_filters[0]'],
    ['a made-up page token', { ...ORG, pageToken: 'x' }, 'page_token'],
    ['a page token that is JSON', { ...ORG, pageToken: token({}) }, 'page_token'],
    [
      'another list’s page token',
      { ...ORG, pageToken: token(['reservations', 'r']) },
      'page_token',
    ],
  ],
  getInvoice: [
    ...over<'getInvoice'>({}, badOrg),
    ['id and period', { ...ORG, invoiceId: 'i', period: '2026-11' }, 'invoice_id'],
    ['id and start', { ...ORG, invoiceId: 'i', periodStart: start }, 'invoice_id'],
    ['period and start', { ...ORG, period: '2026-11', periodStart: start }, 'invoice_id'],
    ['a period of no month', { ...ORG, period: '2026-13' }, 'period'],
    ['the next month', { ...ORG, period: '2026-12' }, 'period'],
    ['a start within a month', { ...ORG, periodStart: end }, 'period_start'],
    ['a start of no time', { ...ORG, periodStart: farTime }, 'period_start.seconds'],
  ],
};

const rows = (Object.keys(BAD) as UnaryName[]).flatMap((name) =>
  (BAD[name] ?? []).map(([what, given, ...fields]) => ({ name, what, given, fields })),
);

describe('INVALID_ARGUMENT', () => {
  test.each(rows)('$name refuses $what', async ({ name, given, fields }) => {
    const before = lastSequence();
    expect(await refused(ask(now(), name, given))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'FIELD_INVALID',
      domain: 'tollgate.dev',
      fields,
    });
    expect(lastSequence()).toBe(before);
  });

  const places = Array.from({ length: 17 }, (_, i): [string, string] => [`k${i}`, 'v']);
  const BAD_ITEMS: readonly (readonly [what: string, bad: QuotaItem, field: string])[] = [
    ['no meter', item(''), 'meter'],
    ['a meter in upper case', item('Tokens'), 'meter'],
    ['an empty quantity', item('tokens', { quantity: '' }), 'quantity'],
    ['a negative quantity', item('tokens', { quantity: '-1' }), 'quantity'],
    ['too many decimals', item('tokens', { quantity: '1.5' }), 'quantity'],
    ['2^63 quanta', item('tokens', { quantity: '9223372036854775808' }), 'quantity'],
    ['an exponent', item('tokens', { quantity: '1e3' }), 'quantity'],
    ['2 of a COUNT meter', item('calls', { quantity: '2' }), 'quantity'],
    [
      '2 of a UNIQUE meter',
      item('users', { quantity: '2', dimensions: { user: 'u' } }),
      'quantity',
    ],
    ['a UNIQUE quantity, no dimension', item('users', { quantity: '1' }), 'dimensions'],
    ['an empty level', item('seats', { level: '' }), 'level'],
    ['a negative level', item('seats', { level: '-1' }), 'level'],
    ['a level on a SUM meter', item('tokens', { level: '1' }), 'level'],
    ['a level on a COUNT meter', item('calls', { level: '1' }), 'level'],
    [
      'a level on a UNIQUE meter',
      item('users', { level: '1', dimensions: { user: 'u' } }),
      'level',
    ],
    ['a run on another meter', item('tokens', { run: { cpuSeconds: 1 } }), 'run'],
    ['a negative run', item('run_units', { run: { gpuSeconds: -1 } }), 'run.gpu_seconds'],
    ['a run without end', item('run_units', { run: { latencyMs: Infinity } }), 'run.latency_ms'],
    ['17 labels', item('tokens', { dimensions: places }), 'dimensions'],
    ['a label with NUL', item('tokens', { dimensions: { k: '\0' } }), 'dimensions["k"]'],
  ];
  const refuseItem = async (bad: QuotaItem, field: string) => {
    const before = lastSequence();
    const items = [tokens, bad];
    const refusals = {
      checkQuota: await refused(ask(now(), 'checkQuota', { ...ORG, items })),
      reserve: await refused(ask(now(), 'reserve', { ...HOLD, items })),
      estimateUsage: await refused(ask(now(), 'estimateUsage', { ...ORG, items })),
    };
    const fields = [`items[1].${field}`];
    const invalid = { code: 'INVALID_ARGUMENT', reason: 'FIELD_INVALID', fields };
    expect(refusals).toMatchObject({
      checkQuota: invalid,
      reserve: invalid,
      estimateUsage: invalid,
    });
    expect(lastSequence()).toBe(before);
  };
  test.each(BAD_ITEMS)('an item with %s', async (_what, bad, field) => refuseItem(bad, field));

  test('an item of a UNIQUE meter without amount and dimension', () =>
    refuseItem(item('users'), 'dimensions'));

  test.each([
    ['too many decimals', '1.5'],
    ['2^63 quanta', '9223372036854775808'],
  ])('an item with a level of %s', (_what, level) => refuseItem(item('seats', { level }), 'level'));

  test('GetUsage refuses a meter in upper case by its syntax', async () => {
    const refusal = await refused(ask(now(), 'getUsage', { ...ORG, meters: ['tokens', 'TOKENS'] }));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['meters[1]'] });
  });

  test('GetUsage refuses a key with a control character', async () => {
    const refusal = await refused(ask(now(), 'getUsage', { ...ORG, groupBy: ['a\u0001b'] }));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['group_by'] });
  });

  test.each(['a b', 'i'.repeat(129)])('GetInvoice refuses the id %j by its syntax', async (id) => {
    const refusal = await refused(ask(now(), 'getInvoice', { ...ORG, invoiceId: id }));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['invoice_id'] });
  });

  test.each([
    ['a second of nanoseconds', duration(60, 1_000_000_000)],
    ['signs that differ', duration(60, -1)],
  ])('Reserve refuses a ttl with %s', async (_what, ttl) => {
    const given = { orgId: 'ttl', reservationId: `${ttl.nanos}`, items: [tokens], ttl };
    expect(await refused(ask(now(), 'reserve', given))).toMatchObject({ fields: ['ttl'] });
  });

  test('GetUsage names one field for an end after the year 9999', async () => {
    const given = { ...ORG, startTime: start, endTime: farTime };
    const { fields } = await refused(ask(now(), 'getUsage', given));
    expect(fields).toEqual(['end_time.seconds']);
  });

  test('a long zone outside ASCII, in trailers of at most 8 KiB', async () => {
    const timeZone = '値'.repeat(2000);
    const refusal = await refused(ask(now(), 'getUsage', { ...ORG, timeZone }));
    expect(refusal.trailerBytes).toBeLessThanOrEqual(8192);
  });
});

describe('a forged place in a page token does no harm', () => {
  const PLACES = [[], [null], ['x', 'y'], [1e308, 1e308], [-1, -1], [1.5, 0.5], [{}, []], [[], {}]];
  test.each(PLACES.map((place) => [JSON.stringify(place), place] as const))(
    '%s',
    async (_, place) => {
      const orgId = 'forged';
      for (const id of ['a', 'b']) {
        await ask(now(), 'record', { event: event({ orgId, eventId: id, quantity: '1' }) });
        await ask(now(), 'reserve', { orgId, reservationId: id, items: [tokens] });
      }
      for (const name of ['listUsageEvents', 'listReservations'] as const) {
        const { nextPageToken } = await ask(now(), name, { orgId, pageSize: 1 });
        const [list] = JSON.parse(Buffer.from(nextPageToken, 'base64url').toString()) as unknown[];
        const given = { orgId, pageToken: token([list, ...place]) };
        const code = await ask(now(), name, given).then(
          () => 'OK',
          async (error: Error) => (await refused(Promise.reject(error))).code,
        );
        expect(['OK', 'INVALID_ARGUMENT']).toContain(code);
      }
      expect(now().fatal).toEqual([]);
    },
  );
});

describe('every known durability is taken', () => {
  test.each([0, 1, 2] as const)('%s', async (durability) => {
    const given = event({ orgId: 'durable', quantity: '1' });
    const recorded = await ask(now(), 'record', { event: given, durability });
    const { results } = await ask(now(), 'recordBatch', { events: [given], durability });
    expect([recorded.outcome, results[0]?.outcome]).toEqual([1, 1]);
  });
});

function token(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
