import { describe, expect, test } from 'vitest';
import { redacted } from '../../src/domain/notifications/redacted.js';
import { actionName } from '../../src/operations/admin/audit-names.js';
import { closeAt, moveTo, use } from '../support/billing.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold, type Json, time, timeText } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { type Running, start } from '../support/service.js';

async function service(act: (running: Running, clock: TestClock) => Promise<void>): Promise<void> {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ clock });
  try {
    await act(running, clock);
    expect(running.fatal).toEqual([]);
  } finally {
    await running.stop();
  }
}

const audit = (running: Running, request: object = {}) =>
  cold(running, 'Admin', 'ListAuditEntries', request);
const list = async (running: Running, request: object = {}): Promise<Json[]> =>
  (await audit(running, request)).entries;
const flag = (running: Running, key: string, more: object = {}) =>
  cold(running, 'Admin', 'SetFeatureFlag', { key, enabled: true, ...more });
const create = (running: Running, org_id: string, more: object = {}) =>
  cold(running, 'Organization', 'CreateOrganization', { organization: { org_id }, ...more });

/** "3 CreateOrganization acme organization/acme". */
function line(entry: Json): string {
  const { sequence, action, org_id, target_kind, target_id } = entry;
  return [sequence, action, org_id, `${target_kind}/${target_id}`].filter(Boolean).join(' ');
}

test('says who did what to what, from what to what, newest first', () =>
  service(async (running, clock) => {
    await create(running, 'acme', { request_id: 'r/1' });
    moveTo(clock, '2026-11-20T13:00:00Z');
    const organization = { org_id: 'acme', display_name: 'Acme' };
    const update_mask = { paths: ['display_name'] };
    await cold(running, 'Organization', 'UpdateOrganization', { organization, update_mask });
    const suspend = { org_id: 'acme', reason: 'unpaid' };
    await cold(running, 'Organization', 'SuspendOrganization', suspend);
    const entries = await list(running);
    expect(entries.map(line)).toEqual([
      '4 SuspendOrganization acme organization/acme',
      '3 UpdateOrganization acme organization/acme',
      '2 CreateOrganization acme organization/acme',
      '1 ImportCatalogue settings/',
    ]);
    const [suspended, updated, created, imported] = entries;
    expect(suspended).toMatchObject({ actor: 'local', reason: 'unpaid', request_id: '' });
    expect(updated.outcome).toBe('AUDIT_OUTCOME_SUCCEEDED');
    expect(timeText(updated.time)).toBe('2026-11-20T13:00:00.000Z');
    expect(JSON.parse(updated.before)).toMatchObject({ org_id: 'acme', display_name: '' });
    expect(JSON.parse(updated.after)).toMatchObject({ org_id: 'acme', display_name: 'Acme' });
    expect(created).toMatchObject({ before: '', request_id: 'r/1' });
    expect(imported).toMatchObject({ actor: 'system', before: '', catalogue_version: 1 });
  }));

test('an organisation that its usage made was there before it was changed', () =>
  service(async (running) => {
    await use(running, { orgId: 'acme', meter: 'executions', quantity: '1' });
    await cold(running, 'Organization', 'SuspendOrganization', { org_id: 'acme', reason: 'x' });
    const [entry] = await list(running);
    expect(JSON.parse(entry.before)).toMatchObject({ org_id: 'acme', suspended: false });
  }));

test('the catalogue version is that from the entry on, and survives its state', async () => {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  let running = await start({ clock });
  try {
    await create(running, 'acme');
    const meter = { key: 'm', unit: 'u', aggregation: 'AGGREGATION_SUM' };
    await cold(running, 'Catalog', 'CreateMeter', { meter });
    await flag(running, 'f');
    const versions = async () => (await list(running)).map((each) => each.catalogue_version);
    const before = await versions();
    expect(before.slice(0, 2)).toEqual([running.core.fold.catalogue()?.version, before[0]]);
    expect(before.at(-1)).toBe(1);
    expect(before[1]).toBeGreaterThan(before[2]);
    running = await running.restart();
    expect(await versions()).toEqual(before);
  } finally {
    await running.stop();
  }
});

describe('filters', () => {
  async function scene(running: Running, clock: TestClock): Promise<void> {
    await create(running, 'acme');
    await create(running, 'bolt');
    await use(running, { orgId: 'acme', meter: 'executions', quantity: '1' });
    moveTo(clock, '2026-11-21T00:00:00Z');
    await flag(running, 'beta', { org_id: 'acme', reason: 'try' });
    await flag(running, 'beta');
    await closeAt(running, clock, '2026-12-01T01:00:00Z', 'acme');
  }

  test.each<[what: string, request: object, lines: string[]]>([
    ['organisation', { org_id: 'bolt' }, ['3 CreateOrganization bolt organization/bolt']],
    [
      'action',
      { action: 'SetFeatureFlag' },
      ['5 SetFeatureFlag feature_flag/beta', '4 SetFeatureFlag acme feature_flag/beta'],
    ],
    [
      'kind and id of the object',
      { target_kind: 'organization', target_id: 'acme' },
      ['2 CreateOrganization acme organization/acme'],
    ],
    [
      'time',
      { start_time: time('2026-11-20T12:00:00Z'), end_time: time('2026-11-20T12:00:00.001Z') },
      [
        '3 CreateOrganization bolt organization/bolt',
        '2 CreateOrganization acme organization/acme',
        '1 ImportCatalogue settings/',
      ],
    ],
    ['all of them', { org_id: 'acme', action: 'SetFeatureFlag', actor: 'system' }, []],
  ])('by %s', (_, request, lines) =>
    service(async (running, clock) => {
      await scene(running, clock);
      const entries = await list(running, request);
      expect(entries.map(line)).toEqual(lines);
    }),
  );

  test('what the server did by itself is of the system, and found by each object it changed', () =>
    service(async (running, clock) => {
      await scene(running, clock);
      const own = (await list(running, { actor: 'system', org_id: 'acme' })) as [Json];
      expect(own.map(({ action }) => action)).toEqual(['CloseInvoice']);
      const [{ target_kind, target_id, after }] = own;
      expect(target_kind).toBe('invoice');
      expect(JSON.parse(after)).toMatchObject({ invoice_id: target_id, org_id: 'acme' });
      const asked = { target_kind: 'usage_period', org_id: 'acme' };
      const [period] = await list(running, asked);
      expect(period).toMatchObject({ action: 'CloseInvoice', target_kind: 'usage_period' });
      expect(JSON.parse(period.after)).toMatchObject({ bills: [{ invoice_id: target_id }] });
    }));
});

test('a range finds what was made while the clock was set back', () =>
  service(async (running, clock) => {
    await flag(running, 'before');
    clock.setWall(Date.parse('2026-11-20T06:00:00Z'));
    await flag(running, 'early');
    clock.setWall(Date.parse('2026-11-20T13:00:00Z'));
    await flag(running, 'after');
    const since = { start_time: time('2026-11-20T11:00:00Z'), action: 'SetFeatureFlag' };
    const found = await list(running, since);
    expect(found.map(({ target_id }) => target_id)).toEqual(['after', 'before']);
  }));

describe('pages', () => {
  test('have every entry once, in order, though others come meanwhile', () =>
    service(async (running) => {
      for (let i = 0; i < 25; i++) await flag(running, `f${i}`);
      const listed: number[] = [];
      for (let page_token = ''; ; ) {
        const page = await audit(running, { page_size: 10, page_token });
        listed.push(...page.entries.map(({ sequence }: Json) => sequence));
        page_token = page.next_page_token;
        if (page_token === '') break;
        await flag(running, `later${listed.length}`);
      }
      expect(listed).toEqual(Array.from({ length: 26 }, (_, i) => 26 - i));
    }));

  test('sizes are clamped, and a token is of its own filters', () =>
    service(async (running) => {
      for (let i = 0; i < 3; i++) await flag(running, `f${i}`);
      const { entries, next_page_token } = await audit(running, { page_size: -5 });
      expect(entries).toHaveLength(1);
      const other = audit(running, { actor: 'local', page_token: next_page_token });
      expect(await refused(other)).toMatchObject({ fields: ['page_token'] });
      expect(await refused(audit(running, { page_token: 'x' }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
        fields: ['page_token'],
      });
    }));

  test('end before they are too long for a client, and go on', () =>
    service(async (running) => {
      const { ledger, clock } = running.core;
      const description = 'x'.repeat(400_000);
      for (let i = 0; i < 12; i++) {
        const key = `f${i}`;
        const times = { created_ms: 0, updated_ms: 0 };
        const value = { key, org_id: '', enabled: true, description, ...times };
        const change = { kind: 'feature_flag', orgId: '', id: key, replaces: 0, value } as const;
        const by = { atMs: clock.wallMs(), actor: 'a', action: 'feature_flags.set' };
        await ledger.commit({ ...by, orgId: '', reason: '', changes: () => [change] });
      }
      const listed: number[] = [];
      let pages = 0;
      for (let page_token = ''; ; pages++) {
        const page = await audit(running, { actor: 'a', page_token });
        listed.push(...page.entries.map(({ sequence }: Json) => sequence));
        page_token = page.next_page_token;
        if (page_token === '') break;
      }
      expect(listed).toEqual(Array.from({ length: 12 }, (_, i) => 13 - i));
      expect(pages).toBe(2);
    }));
});

test.each<[what: string, request: object, fields: string[]]>([
  ['organisation', { org_id: 'a/b' }, ['org_id']],
  ['text', { actor: 'x'.repeat(257), target_id: '\u0007' }, ['actor', 'target_id']],
  [
    'range',
    { start_time: time('2026-11-02T00:00:00Z'), end_time: time('2026-11-01T00:00:00Z') },
    ['end_time'],
  ],
])('a bad %s is refused', (_, request, fields) =>
  service(async (running) => {
    const refusal = await refused(audit(running, request));
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', fields });
  }),
);

test('each hash covers the one before, in the order of the entries', () =>
  service(async (running) => {
    for (const key of ['a', 'b', 'c']) await flag(running, key);
    const entries = (await list(running)).toReversed();
    expect(entries.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
    const hashes = entries.map(({ chain_hash }) => chain_hash);
    expect(new Set(hashes).size).toBe(4);
    for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(hashes.at(-1)).toBe(running.core.fold.chain());
  }));

describe('secrets', () => {
  test('are masked at any depth, and nothing else is', () => {
    expect(
      redacted({
        secret: 'a',
        secrets: [{ secret: 'b', expire_ms: 1 }, 'c'],
        deep: [{ secret: { inner: 'd' } }],
        secretary: 'e',
        nothing: null,
      }),
    ).toEqual({
      secret: '[redacted]',
      secrets: [{ secret: '[redacted]', expire_ms: 1 }, '[redacted]'],
      deep: [{ secret: '[redacted]' }],
      secretary: 'e',
      nothing: null,
    });
  });

  test('are not in the audit log', () =>
    service(async (running) => {
      const { ledger, clock } = running.core;
      const endpoint = (secret: string) => ({
        endpoint_id: 'e1',
        url: 'https://example.org',
        event_types: [],
        description: '',
        disabled: false,
        secrets: [{ secret, expire_ms: null }],
        made_after: 0,
        spans: [],
        created_ms: 0,
        updated_ms: 0,
      });
      for (const [replaces, secret] of ['first-key', 'second-key'].entries()) {
        const value = endpoint(secret);
        const change = { kind: 'webhook_endpoint', orgId: '', id: 'e1', replaces, value } as const;
        await ledger.commit({
          atMs: clock.wallMs(),
          actor: 'local',
          action: 'webhook_endpoints.update',
          orgId: '',
          reason: '',
          changes: () => [change],
        });
      }
      const [entry] = await list(running);
      expect(entry).toMatchObject({ action: 'UpdateWebhookEndpoint', target_id: 'e1' });
      expect(JSON.parse(entry.before).secrets).toEqual([{ secret: '[redacted]', expire_ms: null }]);
      expect(JSON.stringify(await list(running))).not.toMatch(/first-key|second-key/);
    }));
});

test.each([
  ['organizations.create', 'CreateOrganization'],
  ['price_lists.archive', 'ArchivePriceList'],
  ['catalog_settings.update', 'UpdateCatalogSettings'],
  ['quota_overrides.put', 'PutQuotaOverride'],
  ['subscriptions.change', 'ChangeSubscription'],
  ['invoices.void', 'VoidInvoice'],
  ['invoices.pay', 'MarkInvoicePaid'],
  ['invoices.give_up', 'MarkInvoiceUncollectible'],
  ['invoices.adjust', 'AddInvoiceAdjustment'],
  ['invoices.delete', 'DeleteDraftInvoice'],
  ['credit_notes.create', 'CreateCreditNote'],
  ['credit_grants.void', 'VoidCreditGrant'],
  ['events.amend', 'AmendEvent'],
  ['deliveries.replay', 'ReplayDelivery'],
  ['webhook_endpoints.rotate', 'RotateWebhookSecret'],
  ['feature_flags.set', 'SetFeatureFlag'],
])('%s is %s', (action, name) => {
  expect(actionName(action)).toBe(name);
});
