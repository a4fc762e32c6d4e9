// CatalogService, settings: the default plan, unknown organisations, default quotas, run units.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold, type Json } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask, event, item } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const PLANS = `
    - {id: free}
    - {id: team, quotas: [{key: t, meter: tokens, limit: 5}]}`;
let running: Running;
beforeEach(async () => {
  running = await start({ yaml: catalogueYaml({ plans: PLANS }), clock: createTestClock() });
});
afterEach(() => running.stop());

const call = (method: string, request: object = {}) => cold(running, 'Catalog', method, request);
const update = (settings: object, ...paths: string[]): Promise<Json> => {
  const mask = paths.length === 0 ? {} : { update_mask: { paths } };
  return call('UpdateCatalogSettings', { settings, ...mask });
};
const used = async (orgId: string, meter = 'tokens') => {
  const { quotas } = await ask(running, 'checkQuota', { orgId, items: [item(meter)] });
  return quotas[0] && { key: quotas[0].quotaKey, limit: quotas[0].limit, used: quotas[0].used };
};

test('they are those of the file until a call changes them', async () => {
  const { settings } = await call('GetCatalogSettings');
  expect(settings).toMatchObject({
    default_plan: 'free',
    unknown_org_policy: 'UNKNOWN_ORG_POLICY_ACCEPT',
    default_quotas: [],
    run_units: { floor: '0.01', tiers: { heavy: '1.5', standard: '1', ultra: '3' } },
    version: 1,
    source: 'CATALOG_SOURCE_FILE',
    etag: '1',
  });
  const sequence = running.core.journal.lastSequence();
  expect(await call('UpdateCatalogSettings', { settings, request_id: 's' })).toEqual({ settings });
  expect(running.core.journal.lastSequence()).toBe(sequence);
});

test('another default plan holds for the next call', async () => {
  expect(await used('o')).toBeUndefined();
  const changed = await update({ default_plan: 'team' }, 'default_plan');
  expect(changed.settings).toMatchObject({ version: 2, source: 'CATALOG_SOURCE_API', etag: '2' });
  expect(await used('o')).toMatchObject({ key: 't', limit: '5' });
  const etag = refused(call('UpdateCatalogSettings', { settings: {}, etag: '1' }));
  expect(await etag).toMatchObject({ fields: ['settings.default_plan'] });
  const stale = { settings: { default_plan: 'free' }, etag: '1' };
  expect(await refused(call('UpdateCatalogSettings', stale))).toMatchObject({
    code: 'ABORTED',
    reason: 'ETAG_MISMATCH',
  });
});

test('the default plan is a plan for all, not archived', async () => {
  const set = (plan: string) => refused(update({ default_plan: plan }, 'default_plan'));
  expect(await set('gone')).toMatchObject({ code: 'NOT_FOUND', reason: 'PLAN_NOT_FOUND' });
  await call('ArchivePlan', { plan_id: 'team' });
  expect(await set('team')).toMatchObject({
    code: 'FAILED_PRECONDITION',
    reason: 'PLAN_ARCHIVED',
  });
  await cold(running, 'Organization', 'CreateOrganization', { organization: { org_id: 'o' } });
  await call('CreatePlan', { plan: { plan_id: 'own', org_id: 'o' } });
  const invalid = { code: 'INVALID_ARGUMENT', fields: ['settings.default_plan'] };
  expect(await set('own')).toMatchObject(invalid);
  expect(await set('')).toMatchObject(invalid);
  expect(await set('a/b')).toMatchObject(invalid);
});

test('unknown organisations are refused from the next call on, and accepted again', async () => {
  const record = (orgId: string) =>
    ask(running, 'record', { event: event({ orgId, quantity: '1' }) });
  await record('known');
  await update({ unknown_org_policy: 'UNKNOWN_ORG_POLICY_REJECT' }, 'unknown_org_policy');
  await record('known');
  expect(await refused(record('new'))).toMatchObject({ reason: 'ORGANIZATION_NOT_FOUND' });
  await update({}, 'unknown_org_policy');
  expect(await record('new')).toMatchObject({ outcome: 1 });
  const unknown = refused(update({ unknown_org_policy: 7 }, 'unknown_org_policy'));
  expect(await unknown).toMatchObject({ fields: ['settings.unknown_org_policy'] });
});

test('a default quota holds at once, with what was used', async () => {
  await ask(running, 'record', { event: event({ orgId: 'o', quantity: '7' }) });
  const default_quotas = [{ key: 'd', meter: 'tokens', limit: '9' }];
  await update({ default_quotas }, 'default_quotas');
  expect(await used('o')).toEqual({ key: 'd', limit: '9', used: '7' });
  await update({}, 'default_quotas');
  expect(await used('o')).toBeUndefined();
});

test('a table of run units is replaced whole, and without one the built-in holds', async () => {
  const run = { cpuSeconds: 1, gpuSeconds: undefined, latencyMs: undefined };
  const measure = async () => {
    const given = { orgId: 'o', meter: 'run_units', run, dimensions: { tier: 'heavy' } };
    return (await ask(running, 'record', { event: event(given) })).quantity;
  };
  expect(await measure()).toBe('1.6');
  const run_units = { tiers: { heavy: '2.50' }, overheads: { default: '1' } };
  const { settings } = await update({ run_units }, 'run_units');
  expect(settings.run_units).toEqual({
    tiers: { heavy: '2.5' },
    overheads: { default: '1' },
    floor: '0.01',
  });
  expect(await measure()).toBe('3.5');
  await update({}, 'run_units');
  expect(await measure()).toBe('1.6');
});

test.each([
  ['a tier that is none', { tiers: { heavy: 'x' } }, 'tiers["heavy"]'],
  ['an overhead below nothing', { overheads: { 'a.b': '-1' } }, 'overheads["a.b"]'],
  ['a floor of 15 decimals', { floor: `0.${'0'.repeat(14)}1` }, 'floor'],
  [
    '101 tiers',
    { tiers: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`t${i}`, '1'])) },
    'tiers',
  ],
])('a table is refused: %s', async (_what, run_units, field) => {
  expect(await refused(update({ run_units }, 'run_units'))).toMatchObject({
    code: 'INVALID_ARGUMENT',
    fields: [`settings.run_units.${field}`],
  });
});

test('they are there after a restart with the same file, which is then kept back', async () => {
  const before = await update({ default_plan: 'team' }, 'default_plan');
  running = await running.restart();
  expect(await call('GetCatalogSettings')).toEqual(before);
  expect(await used('o')).toMatchObject({ key: 't' });
  expect(running.logLines.join()).toContain('catalogue_kept');
});
