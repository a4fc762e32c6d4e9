// CatalogService, meters.

import { expect, test } from 'vitest';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold, type Json, time, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask, event } from '../support/requests.js';
import { start } from '../support/service.js';
import { sharedService } from '../support/shared-service.js';

const clock = createTestClock('2026-11-20T12:00:00Z');
const { now, org, lastSequence } = sharedService({ yaml: catalogueYaml(), clock });
const call = (method: string, request: object = {}) => cold(now(), 'Catalog', method, request);
const keys = (reply: Json) => reply.meters.map(({ key }: Json) => key);

let made = 0;
/** A new meter, made. */
async function newMeter(given: object = {}): Promise<Json> {
  const meter = { key: `m.${++made}`, unit: 'x', aggregation: 'AGGREGATION_SUM', ...given };
  return (await call('CreateMeter', { meter })).meter;
}
const record = (orgId: string, meter: string, quantity: string) =>
  ask(now(), 'record', { event: event({ orgId, meter, quantity }) });

test('a meter is made with its defaults, read, and measures from then on', async () => {
  const meter = { key: 'disk.gb', unit: 'GB', scale: 3, aggregation: 'AGGREGATION_SUM' };
  const reply = await call('CreateMeter', { meter, request_id: 'm-1' });
  expect(reply.meter).toMatchObject({
    ...meter,
    formula: 'METER_FORMULA_IDENTITY',
    label_sets_max: 10_000,
    late_policy: 'LATE_POLICY_NEXT_INVOICE',
    unpriced_policy: 'UNPRICED_POLICY_ZERO',
    unpriced_amount: '',
    version: 1,
    archived: false,
    source: 'CATALOG_SOURCE_API',
    etag: '1',
  });
  expect(timeText(reply.meter.create_time)).toBe('2026-11-20T12:00:00.000Z');
  expect(await call('GetMeter', { meter: 'disk.gb' })).toEqual(reply);
  const outcome = await record(org(), 'disk.gb', '0.125');
  expect(outcome).toMatchObject({ outcome: 1, quantity: '0.125' });
});

test('the same request makes it once, another body is refused', async () => {
  const meter = { key: 'once', unit: 'x', aggregation: 'AGGREGATION_COUNT' };
  const first = await call('CreateMeter', { meter, request_id: 'once' });
  const sequence = lastSequence();
  expect(await call('CreateMeter', { meter, request_id: 'once' })).toEqual(first);
  expect(lastSequence()).toBe(sequence);
  const other = { meter: { ...meter, unit: 'y' }, request_id: 'once' };
  expect(await refused(call('CreateMeter', other))).toMatchObject({
    code: 'ALREADY_EXISTS',
    reason: 'REQUEST_ID_REUSED',
  });
  expect(await refused(call('CreateMeter', { meter }))).toMatchObject({
    code: 'ALREADY_EXISTS',
    reason: 'METER_EXISTS',
  });
});

const SUM = { key: 'bad', unit: 'x', aggregation: 'AGGREGATION_SUM' };
type Row = readonly [what: string, change: object, ...fields: string[]];
const bad: readonly Row[] = [
  ['no key', { key: '' }, 'meter.key'],
  ['a key with capitals', { key: 'Bad' }, 'meter.key'],
  ['the reserved key', { key: 'spend' }, 'meter.key'],
  ['no unit', { unit: '' }, 'meter.unit'],
  ['a unit that is too long', { unit: 'x'.repeat(65) }, 'meter.unit'],
  ['a scale below 0', { scale: -1 }, 'meter.scale'],
  ['a scale above 9', { scale: 10 }, 'meter.scale'],
  ['no aggregation', { aggregation: 0 }, 'meter.aggregation'],
  ['an unknown aggregation', { aggregation: 77 }, 'meter.aggregation'],
  ['a scale for COUNT', { aggregation: 'AGGREGATION_COUNT', scale: 2 }, 'meter.scale'],
  ['UNIQUE without its dimension', { aggregation: 'AGGREGATION_UNIQUE' }, 'meter.dimension'],
  ['a dimension of SUM', { dimension: 'user' }, 'meter.dimension'],
  ['sources of SUM', { source_keys: ['team'] }, 'meter.source_keys'],
  ['run units of another scale', { formula: 'METER_FORMULA_RUN_UNITS' }, 'meter.scale'],
  ['five rollup keys', { rollup_keys: ['a', 'b', 'c', 'd', 'e'] }, 'meter.rollup_keys'],
  ['a rollup key twice', { rollup_keys: ['a', 'a'] }, 'meter.rollup_keys'],
  ['an empty rollup key', { rollup_keys: ['a', ''] }, 'meter.rollup_keys[1]'],
  ['too many label sets', { label_sets_max: 1_000_001 }, 'meter.label_sets_max'],
  ['an unknown late policy', { late_policy: 9 }, 'meter.late_policy'],
  ['an unknown unpriced policy', { unpriced_policy: 9 }, 'meter.unpriced_policy'],
  ['an amount of ZERO', { unpriced_amount: '1' }, 'meter.unpriced_amount'],
  [
    'DEFAULT_AMOUNT without one',
    { unpriced_policy: 'UNPRICED_POLICY_DEFAULT_AMOUNT' },
    'meter.unpriced_amount',
  ],
  [
    'an amount that is none',
    { unpriced_policy: 'UNPRICED_POLICY_DEFAULT_AMOUNT', unpriced_amount: '1)' },
    'meter.unpriced_amount',
  ],
  ['several faults', { unit: '', scale: 10 }, 'meter.unit', 'meter.scale'],
];
const badMeters = bad.map(([what, change, ...fields]) => ({ what, change, fields }));
test.each(badMeters)('not made: $what', async ({ change, fields }) => {
  const sequence = lastSequence();
  const answer = await refused(call('CreateMeter', { meter: { ...SUM, ...change } }));
  expect(answer).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'FIELD_INVALID', fields });
  expect(lastSequence()).toBe(sequence);
});

test('lists are in order of creation, page by page', async () => {
  const own = [await newMeter(), await newMeter(), await newMeter()].map(({ key }) => key);
  const all = keys(await call('ListMeters', { page_size: 1000 }));
  expect(all.slice(0, 6)).toEqual(['tokens', 'run_units', 'calls', 'peak', 'seats', 'users']);
  expect(all.slice(-3)).toEqual(own);
  const paged: string[] = [];
  for (let page_token = ''; ; ) {
    const page = await call('ListMeters', { page_size: 2, page_token });
    paged.push(...keys(page));
    page_token = page.next_page_token;
    if (page_token === '') break;
    expect(page.meters).toHaveLength(2);
  }
  expect(paged).toEqual(all);
  const foreign = await call('ListMeters', { page_size: 2, include_archived: true });
  const answer = refused(call('ListMeters', { page_token: foreign.next_page_token }));
  expect(await answer).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['page_token'] });
});

test('an update is the next version, of what the mask names', async () => {
  const { key } = await newMeter({ rollup_keys: ['a'] });
  clock.advance(60_000);
  const update = (meter: object, more: object = {}) =>
    call('UpdateMeter', { meter: { key, ...meter }, ...more });
  const changed = await update(
    { unit: 'kWh', rollup_keys: ['a', 'b'], scale: 7 },
    { update_mask: { paths: ['rollup_keys'] }, etag: '1' },
  );
  expect(changed.meter).toMatchObject({
    unit: 'x',
    rollup_keys: ['a', 'b'],
    scale: 0,
    version: 2,
    etag: '2',
  });
  expect(timeText(changed.meter.update_time)).not.toBe(timeText(changed.meter.create_time));
  const stale = refused(update({ unit: 'kWh' }, { etag: '1' }));
  expect(await stale).toMatchObject({ code: 'ABORTED', reason: 'ETAG_MISMATCH' });
  const fixed = refused(update({}, { update_mask: { paths: ['unit', 'scale'] } }));
  expect(await fixed).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['update_mask'] });
  const sequence = lastSequence();
  expect(await update(changed.meter)).toEqual(changed);
  expect(lastSequence()).toBe(sequence);
});

test('a policy without its amount drops the amount, the amount alone needs its policy', async () => {
  const policy = 'UNPRICED_POLICY_DEFAULT_AMOUNT';
  const { key } = await newMeter({ unpriced_policy: policy, unpriced_amount: '0.010' });
  const update = (meter: object, path: string) =>
    call('UpdateMeter', { meter: { key, ...meter }, update_mask: { paths: [path] } });
  expect((await call('GetMeter', { meter: key })).meter.unpriced_amount).toBe('0.01');
  const zero = await update({ unpriced_policy: 'UNPRICED_POLICY_ZERO' }, 'unpriced_policy');
  expect(zero.meter).toMatchObject({ unpriced_amount: '', version: 2 });
  const alone = refused(update({ unpriced_amount: '1' }, 'unpriced_amount'));
  expect(await alone).toMatchObject({ fields: ['meter.unpriced_amount'] });
});

test('a repeat of an update answers as the first one did', async () => {
  const { key } = await newMeter();
  const request = { meter: { key, unit: 'y' }, request_id: `u-${key}`, etag: '1' };
  const first = await call('UpdateMeter', request);
  await call('UpdateMeter', { meter: { key, unit: 'z' } });
  expect(await call('UpdateMeter', request)).toEqual(first);
});

test('an unknown meter is not found', async () => {
  const calls: readonly (readonly [string, object])[] = [
    ['GetMeter', { meter: 'gone' }],
    ['UpdateMeter', { meter: { key: 'gone', unit: 'x' } }],
    ['ArchiveMeter', { meter: 'gone' }],
  ];
  for (const [method, request] of calls) {
    const answer = await refused(call(method, request));
    expect(answer).toMatchObject({ code: 'NOT_FOUND', reason: 'METER_NOT_FOUND' });
  }
});

test('an archived meter takes no events, keeps its usage, and stays archived', async () => {
  const orgId = org();
  const { key } = await newMeter();
  await record(orgId, key, '5');
  const { meter } = await call('ArchiveMeter', { meter: key, etag: '1' });
  expect(meter).toMatchObject({ archived: true, version: 1, etag: '2' });
  const unknown = await refused(record(orgId, key, '1'));
  expect(unknown).toMatchObject({ code: 'NOT_FOUND', reason: 'METER_UNKNOWN' });
  const usage = await ask(now(), 'getUsage', { orgId, meters: [key] });
  expect(usage.totals[0]?.quantity).toBe('5');
  expect(await call('ArchiveMeter', { meter: key })).toEqual({ meter });
  expect(await refused(call('UpdateMeter', { meter: { key, unit: 'y' } }))).toMatchObject({
    code: 'FAILED_PRECONDITION',
    reason: 'METER_ARCHIVED',
  });
  const again = { key, unit: 'x', aggregation: 'AGGREGATION_SUM' };
  expect(await refused(call('CreateMeter', { meter: again }))).toMatchObject({
    reason: 'METER_EXISTS',
  });
  expect(keys(await call('ListMeters', { page_size: 1000 }))).not.toContain(key);
  const all = await call('ListMeters', { page_size: 1000, include_archived: true });
  expect(all.meters).toContainEqual(meter);
});

test('a meter that something names is not archived, nor its priced rollup keys dropped', async () => {
  const { key } = await newMeter({ rollup_keys: ['tool', 'user'] });
  const id = `names-${key}`;
  const inUse = { code: 'FAILED_PRECONDITION', reason: 'METER_IN_USE' };
  const archive = () => call('ArchiveMeter', { meter: key });
  const price = { meter: key, match: { tool: 'a' }, unit_price: '1' };
  await call('CreatePlan', { plan: { plan_id: id, prices: [price] } });
  expect(await refused(archive())).toMatchObject(inUse);
  const drop = (rollup_keys: string[]) =>
    call('UpdateMeter', { meter: { key, rollup_keys }, update_mask: { paths: ['rollup_keys'] } });
  expect(await refused(drop(['user']))).toMatchObject(inUse);
  expect((await drop(['tool'])).meter.rollup_keys).toEqual(['tool']);
  await call('ArchivePlan', { plan_id: id });

  const list = { price_list_id: id, currency: 'CHF', prices: [{ meter: key, unit_price: '1' }] };
  await call('CreatePriceList', { price_list: list });
  expect((await refused(archive())).message).toContain(`price list "${id}"`);
  await call('ArchivePriceList', { price_list_id: id });

  const defaults = (default_quotas: object[]) =>
    call('UpdateCatalogSettings', {
      settings: { default_quotas },
      update_mask: { paths: ['default_quotas'] },
    });
  await defaults([{ key: 'd', meter: key, limit: '5' }]);
  expect((await refused(archive())).message).toContain('default quota "d"');
  await defaults([]);

  const org_id = org();
  const rule = { key: 'o', meter: key, limit: '5' };
  const until = { expire_time: time('2026-11-20T18:00:00Z') };
  const put = { quota_override: { org_id, rule, ...until } };
  await cold(now(), 'Subscription', 'PutQuotaOverride', put);
  expect((await refused(archive())).message).toContain(`override "o" of "${org_id}"`);
  clock.advance(12 * 3_600_000);
  expect((await archive()).meter.archived).toBe(true);
});

test('what was made and changed is there after a restart', async () => {
  const running = await start({ yaml: catalogueYaml(), clock });
  const meter = { key: 'kept', unit: 'x', scale: 2, aggregation: 'AGGREGATION_MAX' };
  await cold(running, 'Catalog', 'CreateMeter', { meter, request_id: 'kept' });
  const change = { meter: { ...meter, unit: 'y' } };
  const before = await cold(running, 'Catalog', 'UpdateMeter', change);
  const again = await running.restart();
  expect(await cold(again, 'Catalog', 'GetMeter', { meter: 'kept' })).toEqual(before);
  const repeat = await cold(again, 'Catalog', 'CreateMeter', { meter, request_id: 'kept' });
  expect(repeat.meter).toMatchObject({ unit: 'x', version: 1 });
  await again.stop();
});
