// ListUsageEvents: order, pages, filters, and tokens that come back.

import { beforeAll, describe, expect, test } from 'vitest';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { refused } from '../support/refusals.js';
import { ask, event, type GivenEvent, iso, type Request, time } from '../support/requests.js';
import { start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org } = sharedService({ yaml: catalogueYaml(), clock });

type Given = Partial<Request<'listUsageEvents'>>;
const list = (orgId: string, given: Given = {}) =>
  ask(now(), 'listUsageEvents', { orgId, ...given });
const idsOf = async (orgId: string, given: Given = {}) =>
  (await list(orgId, given)).events.map(({ eventId }) => eventId);
const record = (given: GivenEvent) => ask(now(), 'record', { event: event(given) });

/** All pages: their sizes and the ids in order. */
async function walk(orgId: string, given: Given, running = now()) {
  const sizes: number[] = [];
  const ids: string[] = [];
  for (let pageToken = ''; ; ) {
    const reply = await ask(running, 'listUsageEvents', { orgId, ...given, pageToken });
    sizes.push(reply.events.length);
    ids.push(...reply.events.map(({ eventId }) => eventId));
    if (reply.nextPageToken === '') return { sizes, ids };
    pageToken = reply.nextPageToken;
  }
}

describe('an event', () => {
  test('comes back as it was recorded', async () => {
    const orgId = org();
    const reply = await record({
      orgId,
      eventId: 'e',
      meter: 'run_units',
      run: { cpuSeconds: 0.5, latencyMs: 250 },
      at: '2026-11-19T11:22:33.444Z',
      dimensions: { tool: 'build_module', tier: 'heavy', note: '値' },
    });
    const { events, nextPageToken } = await list(orgId);
    expect(nextPageToken).toBe('');
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      orgId,
      eventId: 'e',
      meter: 'run_units',
      unit: 'run_unit',
      quantity: '1.25',
      run: { cpuSeconds: 0.5, gpuSeconds: undefined, latencyMs: 250 },
      dimensions: new Map([
        ['tool', 'build_module'],
        ['tier', 'heavy'],
        ['note', '値'],
      ]),
      sequence: reply.sequence,
      late: false,
      catalogueVersion: 1n,
      reservationId: '',
      voided: false,
      replacesEventId: '',
      replacedByEventId: '',
    });
    expect(iso(events[0]?.eventTime)).toBe('2026-11-19T11:22:33.444Z');
    expect(iso(events[0]?.recordedTime)).toBe('2026-11-20T12:00:00.000Z');
  });

  test('with a quantity has no run, and the canonical quantity', async () => {
    const orgId = org();
    await record({ orgId, meter: 'run_units', quantity: '01.500' });
    const { events } = await list(orgId);
    expect(events[0]).toMatchObject({ quantity: '1.5', run: undefined, dimensions: new Map() });
  });
});

describe('the order', () => {
  test('is the newest event time first, ties by sequence descending', async () => {
    const orgId = org();
    const TIMES = ['11:00', '09:00', '11:00', '10:00', '09:00', '11:00'];
    for (const [i, at] of TIMES.entries()) {
      await record({ orgId, eventId: `e${i}`, at: `2026-11-20T${at}:00Z` });
    }
    expect(await idsOf(orgId)).toEqual(['e5', 'e2', 'e0', 'e3', 'e4', 'e1']);
    for (const pageSize of [1, 2, 4]) {
      expect((await walk(orgId, { pageSize })).ids).toEqual(['e5', 'e2', 'e0', 'e3', 'e4', 'e1']);
    }
  });
});

describe('pages', () => {
  const orgId = 'paged';
  const NUMBERS = Array.from({ length: 1101 }, (_, i) => i);
  beforeAll(async () => {
    for (let from = 0; from < NUMBERS.length; from += 1000) {
      const events = NUMBERS.slice(from, from + 1000).map((i) =>
        event({ eventId: `e${i}`, at: time(Date.parse('2026-11-20T10:00:00Z') + i) }),
      );
      await ask(now(), 'recordBatch', { orgId, events });
    }
  });

  test.each([
    [0, 100],
    [-5, 1],
    [-2_147_483_648, 1],
    [1, 1],
    [1000, 1000],
    [1001, 1000],
    [2_147_483_647, 1000],
  ])('of size %s hold %s events', async (pageSize, size) => {
    const { events, nextPageToken } = await list(orgId, { pageSize });
    expect(events).toHaveLength(size);
    expect(nextPageToken).not.toBe('');
  });

  test.each([
    [100, 12],
    [367, 3],
    [1000, 2],
    [551, 2],
  ])('of %s events follow each other without a gap: %s of them', async (pageSize, pages) => {
    const { ids, sizes } = await walk(orgId, { pageSize });
    expect(ids).toEqual(NUMBERS.map((i) => `e${i}`).toReversed());
    expect(sizes).toHaveLength(pages);
  });

  test('go on where they were, whatever is recorded in between', async () => {
    const own = org();
    for (const [i, at] of ['10:00', '10:01', '10:02', '10:03'].entries()) {
      await record({ orgId: own, eventId: `e${i}`, at: `2026-11-20T${at}:00Z` });
    }
    const first = await list(own, { pageSize: 2 });
    await record({ orgId: own, eventId: 'newer', at: '2026-11-20T11:00:00Z' });
    await record({ orgId: own, eventId: 'older', at: '2026-11-20T09:00:00Z' });
    const second = await list(own, { pageSize: 10, pageToken: first.nextPageToken });
    expect(second.events.map(({ eventId }) => eventId)).toEqual(['e1', 'e0', 'older']);
  });

  test('go on after a restart', async () => {
    let running = await start({ yaml: catalogueYaml(), clock });
    const events = ['a', 'b', 'c'].map((eventId) => event({ eventId }));
    await ask(running, 'recordBatch', { orgId: 'o', events });
    const first = await ask(running, 'listUsageEvents', { orgId: 'o', pageSize: 2 });
    running = await running.restart();
    const given = { orgId: 'o', pageToken: first.nextPageToken };
    const second = await ask(running, 'listUsageEvents', given);
    expect([...first.events, ...second.events].map(({ eventId }) => eventId)).toEqual([
      'c',
      'b',
      'a',
    ]);
    await running.stop();
  });
});

describe('filters', () => {
  const orgId = 'filtered';
  beforeAll(async () => {
    const LABELS: readonly (readonly [
      id: string,
      meter: string,
      labels: Record<string, string>,
    ])[] = [
      ['a', 'tokens', { model: 'x', tool: 't' }],
      ['b', 'tokens', { model: 'y' }],
      ['c', 'calls', { model: 'x' }],
      ['d', 'tokens', { model: 'x=y', empty: '' }],
      ['e', 'tokens', {}],
    ];
    for (const [i, [eventId, meter, dimensions]] of LABELS.entries()) {
      const at = `2026-11-20T10:0${i}:00Z`;
      await record({ orgId, eventId, meter, dimensions, at });
    }
  });
  const at = (minute: number) => time(Date.parse('2026-11-20T10:00:00Z') + minute * 60_000);
  const FILTERS: readonly (readonly [what: string, given: Given, ids: string])[] = [
    ['none', {}, 'edcba'],
    ['a meter', { meter: 'tokens' }, 'edba'],
    ['a meter that does not exist', { meter: 'nothing' }, ''],
    ['a label', { dimensionFilters: ['model=x'] }, 'ca'],
    ['a meter and a label', { meter: 'calls', dimensionFilters: ['model=x'] }, 'c'],
    ['two labels', { dimensionFilters: ['model=x', 'tool=t'] }, 'a'],
    ['two values of one label', { dimensionFilters: ['model=x', 'model=y'] }, ''],
    ['a value with =', { dimensionFilters: ['model=x=y'] }, 'd'],
    ['an empty value', { dimensionFilters: ['empty='] }, 'd'],
    ['a label of a prototype', { dimensionFilters: ['__proto__='] }, ''],
    ['a start, inclusive', { startTime: at(2) }, 'edc'],
    ['an end, exclusive', { endTime: at(2) }, 'ba'],
    ['both', { startTime: at(1), endTime: at(3) }, 'cb'],
    ['an empty range', { startTime: at(2), endTime: at(2) }, ''],
    ['all time', { startTime: time('0001-01-01'), endTime: time('9999-12-31') }, 'edcba'],
    ['times before the epoch', { startTime: time('1900-01-01'), endTime: time('1969-01-01') }, ''],
  ];
  test.each(FILTERS)('by %s', async (_what, given, ids) => {
    expect((await idsOf(orgId, given)).join('')).toBe(ids);
    expect((await walk(orgId, { ...given, pageSize: 1 })).ids.join('')).toBe(ids);
  });
});

describe('a page token', () => {
  const page = async (orgId: string) => {
    for (const eventId of ['a', 'b', 'c']) await record({ orgId, eventId });
    const { nextPageToken } = await list(orgId, { pageSize: 1 });
    return nextPageToken;
  };

  const OTHER: readonly (readonly [what: string, given: Given])[] = [
    ['another organisation', { orgId: 'other' }],
    ['another meter', { meter: 'tokens' }],
    ['another filter', { dimensionFilters: ['a=b'] }],
    ['another start', { startTime: time('2026-11-01') }],
    ['another end', { endTime: time('2026-12-01') }],
  ];
  test.each(OTHER)('of %s is refused', async (_what, given) => {
    const orgId = org();
    const pageToken = await page(orgId);
    const refusal = await refused(list(orgId, { pageToken, ...given }));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['page_token'] });
  });

  test('may come with another page size', async () => {
    const orgId = org();
    const pageToken = await page(orgId);
    const { events } = await list(orgId, { pageToken, pageSize: 7 });
    expect(events.map(({ eventId }) => eventId)).toEqual(['b', 'a']);
  });

  test('never shows another organisation’s events', async () => {
    const [mine, other] = [org(), org()];
    await record({ orgId: mine, eventId: 'mine', at: '2026-11-20T09:00:00Z' });
    const pageToken = await page(other);
    const reply = await list(mine, { pageToken }).catch(() => undefined);
    for (const { orgId } of reply?.events ?? []) expect(orgId).toBe(mine);
  });
});
