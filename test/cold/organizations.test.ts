import { expect, test } from 'vitest';
import { rulesYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { ask, event } from '../support/requests.js';
import { sharedService } from '../support/shared-service.js';

const yaml = rulesYaml('{key: r, meter: tokens, limit: 100}');
const clock = createTestClock();
const { now, org } = sharedService({ yaml, clock });

const call = (method: string, request: object) => cold(now(), 'Organization', method, request);

test('an organisation is made once, read and listed', async () => {
  const org_id = org();
  const organization = { org_id, display_name: 'Ærø', metadata: { team: 'blue' } };
  const made = await call('CreateOrganization', { organization, request_id: 'm-1' });
  expect(made.organization).toMatchObject({
    ...organization,
    time_zone: 'UTC',
    state: 'ORGANIZATION_STATE_ACTIVE',
    etag: '1',
  });
  expect(await call('CreateOrganization', { organization, request_id: 'm-1' })).toEqual(made);
  expect(await call('GetOrganization', { org_id })).toEqual(made);
  const { organizations } = await call('ListOrganizations', { page_size: 1000 });
  expect(organizations).toContainEqual(made.organization);
  const again = refused(call('CreateOrganization', { organization }));
  expect(await again).toMatchObject({ code: 'ALREADY_EXISTS', reason: 'ORGANIZATION_EXISTS' });
  const other = { organization: { ...organization, display_name: 'X' }, request_id: 'm-1' };
  expect(await refused(call('CreateOrganization', other))).toMatchObject({
    code: 'ALREADY_EXISTS',
    reason: 'REQUEST_ID_REUSED',
  });
});

test('one that was first seen by its usage is there', async () => {
  const orgId = org();
  await ask(now(), 'record', { event: event({ orgId, meter: 'tokens', quantity: '1' }) });
  expect((await call('GetOrganization', { org_id: orgId })).organization).toMatchObject({
    org_id: orgId,
    display_name: '',
    etag: '1',
  });
});

test('an update changes the fields of its mask, and only with the etag of now', async () => {
  const org_id = org();
  await call('CreateOrganization', { organization: { org_id, display_name: 'a', plan: 'free' } });
  const update = (organization: object, more: object) =>
    call('UpdateOrganization', { organization: { org_id, ...organization }, ...more });
  const mask = { update_mask: { paths: ['display_name'] } };
  const { organization } = await update({ display_name: 'b', plan: '' }, { ...mask, etag: '1' });
  expect(organization).toMatchObject({ display_name: 'b', plan: 'free', etag: '2' });
  const stale = refused(update({ display_name: 'c' }, { ...mask, etag: '1' }));
  expect(await stale).toMatchObject({ code: 'ABORTED', reason: 'ETAG_MISMATCH' });
  const unknown = refused(update({}, { update_mask: { paths: ['state'] } }));
  expect(await unknown).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['update_mask'] });
});

test('bad fields are all named', async () => {
  const organization = {
    org_id: 'a/b',
    display_name: 'x'.repeat(257),
    time_zone: 'Mars/Olympus',
    plan: 'none',
    billing_party: { email: 'no' },
    tax_rates: [{ name: '', percent: '101' }],
  };
  expect(await refused(call('CreateOrganization', { organization }))).toMatchObject({
    code: 'INVALID_ARGUMENT',
    fields: [
      'organization.org_id',
      'organization.display_name',
      'organization.plan',
      'organization.billing_party.email',
      'organization.time_zone',
      'organization.tax_rates[0].name',
      'organization.tax_rates[0].percent',
    ],
  });
});

test('a suspension is seen by the next call, and its end too', async () => {
  const orgId = org();
  const given = { orgId, meter: 'tokens', quantity: '1' };
  const check = () => ask(now(), 'checkQuota', { orgId });
  const enforced = () => ask(now(), 'record', { event: event(given), enforceQuota: true });
  await ask(now(), 'record', { event: event(given) });
  await call('SuspendOrganization', { org_id: orgId, reason: 'unpaid' });
  expect(await check()).toMatchObject({ allowed: false, reason: 6 });
  expect(await enforced()).toMatchObject({ outcome: 3 });
  expect(await ask(now(), 'record', { event: event(given) })).toMatchObject({ outcome: 1 });
  await call('ResumeOrganization', { org_id: orgId });
  expect(await check()).toMatchObject({ allowed: true });
  expect(await enforced()).toMatchObject({ outcome: 1 });
});
