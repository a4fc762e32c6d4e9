import { describe, expect, test } from 'vitest';
import type { LedgerEntry } from '../../src/journal/entry.js';
import { CHAIN_START, chained } from '../../src/journal/ledger-codec.js';
import { openVerify } from '../../src/operations/admin/verify.js';
import { openChain } from '../../src/operations/admin/verify-audit-chain.js';
import { numberFaults } from '../../src/operations/admin/verify-invoices.js';
import { closeAt, use } from '../support/billing.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock } from '../support/clock.js';
import { cold, type Json } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { type Running, start } from '../support/service.js';

const yaml = catalogueYaml({
  price_lists: '\n    - {id: usd, prices: [{meter: tokens, unit_price: 0.10}]}',
});

async function used(act: (running: Running) => Promise<void>): Promise<void> {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ yaml, clock });
  try {
    for (const orgId of ['acme', 'bolt']) {
      await use(running, { orgId, meter: 'tokens', quantity: '50', dimensions: { model: 'm' } });
      await use(running, { orgId, meter: 'seats', quantity: '3', dimensions: { team: 'a' } });
      await use(running, { orgId, meter: 'users', dimensions: { user: 'u' } });
      await use(running, { orgId, meter: 'tokens', quantity: '1', eventId: 'wrong' });
      const voided = { org_id: orgId, event_id: 'wrong', reason: 'test' };
      await cold(running, 'Correction', 'VoidEvent', voided);
    }
    await closeAt(running, clock, '2026-12-01T01:00:00Z', 'acme', 'bolt');
    await act(running);
  } finally {
    await running.stop();
  }
}

const verify = (running: Running, ...checks: readonly string[]) =>
  cold(running, 'Admin', 'Verify', { checks });
const named = ({ checks }: Json, name: string) => checks.find((each: Json) => each.name === name);

test('finds no difference, and says what it compared', () =>
  used(async (running) => {
    const reply = await verify(running);
    expect(reply.ok).toBe(true);
    expect(reply.checks.map(({ name }: Json) => name)).toEqual([
      'audit_chain',
      'invoices',
      'totals',
    ]);
    expect(reply.checks.flatMap(({ differences }: Json) => differences)).toEqual([]);
    expect(named(reply, 'invoices')).toMatchObject({ ok: true, checked_count: 2 });
    expect(named(reply, 'totals')).toMatchObject({ checked_count: 6, skipped: '' });
    expect(named(reply, 'audit_chain').checked_count).toBeGreaterThanOrEqual(5);
    expect(reply.sequence).toBe(running.core.journal.lastSequence());
  }));

test('makes the checks that are asked for, and knows no others', () =>
  used(async (running) => {
    const { checks } = await verify(running, 'totals');
    expect(checks.map(({ name }: Json) => name)).toEqual(['totals']);
    expect(await refused(verify(running, 'totals', 'luck'))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      fields: ['checks[1]'],
    });
  }));

test('finds totals that are not what was recorded', () =>
  used(async (running) => {
    const { tables } = running.core.fold;
    const account = running.core.fold.account('bolt');
    for (const page of tables.pages.resident()) {
      const [organisation, meter, bucket] = page.key.slice(1).split('\u0004');
      const isDay = bucket === 'D' && meter === 'tokens';
      if (!isDay || Number(organisation) !== account?.organisation.number) continue;
      for (const cell of page.cells.values()) cell.quanta += 1n;
    }
    const reply = await verify(running, 'totals');
    expect(reply.ok).toBe(false);
    expect(named(reply, 'totals')).toMatchObject({
      ok: false,
      difference_count: 1,
      differences: [
        'organisation "bolt", meter tokens: the journal has 1 event (50), the state 1 event (52)',
      ],
    });
  }));

test('finds an invoice that does not add up, and a number that is gone', () =>
  used(async (running) => {
    const { ledger, clock } = running.core;
    const { records } = await ledger.list({ kind: 'invoice', order: 'oldest', limit: 1 });
    const [stored] = records;
    if (stored === undefined) throw new Error('there is an invoice');
    const { orgId, id, version } = stored;
    const value = { ...stored.value, subtotal: '7', number: '' };
    const change = { kind: 'invoice', orgId, id, replaces: version, value } as const;
    const by = { atMs: clock.wallMs(), actor: 'a', action: 'invoices.test', orgId, reason: '' };
    await ledger.commit({ ...by, changes: () => [change] });
    const { checks } = await verify(running, 'invoices');
    expect(checks[0].differences).toEqual([
      `invoice ${id}: its lines are not its subtotal`,
      `invoice ${id}: subtotal and tax are not its total`,
      `invoice ${id}: it is OPEN and its number is ""`,
      'series INV-2026: 1 numbers, 2 drawn',
    ]);
  }));

test('runs once at a time', () =>
  used(async (running) => {
    const own = openVerify();
    const first = own(running.core, { checks: [] });
    await expect(own(running.core, { checks: [] })).rejects.toMatchObject({
      status: 'RESOURCE_EXHAUSTED',
      reason: 'VERIFY_RUNNING',
    });
    expect((await first).reply.ok).toBe(true);
    expect((await own(running.core, { checks: [] })).reply.ok).toBe(true);
  }));

describe('the chain', () => {
  function ledger(count: number): LedgerEntry[] {
    const entries: LedgerEntry[] = [];
    for (let i = 0; i < count; i++) {
      const by = {
        kind: 'ledger',
        atMs: i,
        actor: 'a',
        source: '',
        action: 'plans.create',
        orgId: '',
      } as const;
      const rest = { reason: `${i}`, requestId: '', fingerprint: 0, writes: [] };
      entries.push(chained({ ...by, ...rest }, entries.at(-1)?.chain ?? CHAIN_START));
    }
    return entries;
  }

  const check = (entries: readonly LedgerEntry[], end: string) => {
    const chain = openChain(entries.length, end);
    for (const [i, entry] of entries.entries()) chain.add(entry, i + 1);
    return chain.finish();
  };

  test('of entries as they were made is whole', () => {
    const entries = ledger(5);
    const found = { count: 5, differences: [], skipped: '' };
    expect(check(entries, entries.at(-1)?.chain ?? '')).toEqual(found);
    expect(check([], CHAIN_START)).toEqual({ ...found, count: 0 });
  });

  test('names an entry that was changed, left out or added', () => {
    const entries = ledger(5);
    const end = entries.at(-1)?.chain ?? '';
    const at = (n: number) => `sequence ${n}: its hash is not that of it and of what is before`;
    const changed = entries.map((entry, i) => (i === 2 ? { ...entry, actor: 'b' } : entry));
    expect(check(changed, end).differences).toEqual([at(3)]);
    expect(check(entries.toSpliced(2, 1), end).differences).toEqual([at(3)]);
    const cut = check(entries.slice(0, 4), end).differences;
    expect(cut).toEqual(['the last hash is not the one that will be continued']);
  });
});

test.each<[what: string, numbers: string[], faults: string[]]>([
  ['all of them', ['INV-2026-000001', 'INV-2026-000002', ''], []],
  ['later ones', ['INV-2026-000002', 'INV-2026-000001', 'INV-2026-000003', 'INV-2027-000001'], []],
  ['a gap', ['INV-2026-000002'], ['series INV-2026: 1 numbers, 2 drawn']],
  [
    'a double',
    ['INV-2026-000001', 'INV-2026-000001'],
    ['number INV-2026-000001 stands twice', 'series INV-2026: 1 numbers, 2 drawn'],
  ],
])('numbers: %s', (_, numbers, faults) => {
  expect(numberFaults(new Map([['INV-2026', 2]]), numbers)).toEqual(faults);
});
