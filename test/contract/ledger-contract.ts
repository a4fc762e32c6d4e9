// What every ledger must do, whatever it is kept in. `open` gives an empty one; `reopen` the same
// after its process ended.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  newOrganisation,
  type OrganisationRecord,
} from '../../src/domain/organisations/document.js';
import type { Change, Ledger, Transaction } from '../../src/ledger/ledger.js';

export interface OpenedLedger {
  readonly ledger: Ledger;
  readonly reopen: () => Promise<OpenedLedger>;
  readonly close: () => Promise<void>;
}

const AT = Date.parse('2026-11-20T12:00:00Z');

function organisation(id: string, changes: Partial<OrganisationRecord> = {}): OrganisationRecord {
  return { ...newOrganisation(id, AT), ...changes };
}

function put(id: string, replaces = 0, changes: Partial<OrganisationRecord> = {}): Change {
  return { kind: 'organization', orgId: '', id, replaces, value: organisation(id, changes) };
}

function grant(orgId: string, id: string, replaces = 0): Change {
  const amounts = { currency: 'USD', amount: '100', balance: '100', priority: 50 };
  const times = {
    effective_ms: AT,
    expire_ms: null,
    void_ms: null,
    created_ms: AT,
    updated_ms: AT,
  };
  const value = {
    credit_grant_id: id,
    org_id: orgId,
    reason: '',
    invoice_id: '',
    credit_note_id: '',
    ...amounts,
    ...times,
  };
  return { kind: 'credit_grant', orgId, id, replaces, value };
}

function transaction(changes: readonly Change[], more: Partial<Transaction> = {}): Transaction {
  return {
    atMs: AT,
    actor: 'tester',
    action: 'organizations.update',
    orgId: '',
    reason: '',
    changes: () => changes,
    ...more,
  };
}

export function ledgerContract(name: string, open: () => Promise<OpenedLedger>): void {
  describe(`the ledger ${name}`, () => {
    let opened: OpenedLedger;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    const commit = (changes: readonly Change[], more: Partial<Transaction> = {}) =>
      opened.ledger.commit(transaction(changes, more));
    const get = (id: string) => opened.ledger.get('organization', '', id);
    const ids = async (query: Partial<Parameters<Ledger['list']>[0]> = {}) => {
      const page = await opened.ledger.list({
        kind: 'credit_grant',
        order: 'oldest',
        limit: 100,
        ...query,
      });
      return { ids: page.records.map(({ id }) => id), next: page.next };
    };

    test('has what was committed, with its version', async () => {
      expect(await get('acme')).toBeUndefined();
      expect((await commit([put('acme')])).kind).toBe('committed');
      expect(await get('acme')).toEqual({
        orgId: '',
        id: 'acme',
        version: 1,
        value: organisation('acme'),
      });
      await commit([put('acme', 1, { plan: 'pro' })]);
      expect(await get('acme')).toMatchObject({ version: 2, value: { plan: 'pro' } });
    });

    test('keeps it when its process ends', async () => {
      await commit([put('acme')]);
      await commit([put('acme', 1, { plan: 'pro' }), grant('acme', 'g1')]);
      opened = await opened.reopen();
      expect(await get('acme')).toMatchObject({ version: 2, value: { plan: 'pro' } });
      expect((await ids()).ids).toEqual(['g1']);
    });

    test('changes all of a transaction or nothing', async () => {
      await commit([put('acme')]);
      const outcome = await commit([put('bolt'), put('acme', 7)]);
      expect(outcome).toMatchObject({ kind: 'stale', record: { id: 'acme' } });
      expect(await get('bolt')).toBeUndefined();
      expect(await get('acme')).toMatchObject({ version: 1 });
    });

    test('changes nothing where the making of the changes fails', async () => {
      const failing = opened.ledger.commit({
        ...transaction([]),
        series: 'INV-2026',
        changes() {
          throw new Error('not like this');
        },
      });
      await expect(failing).rejects.toThrow('not like this');
      const drawn = transaction([], {
        series: 'INV-2026',
        changes: (number) => [put('acme', 0, { plan: `${number}` })],
      });
      await opened.ledger.commit(drawn);
      expect(await get('acme')).toMatchObject({ value: { plan: '1' } });
    });

    test('refuses to make what is there, and to change what is not', async () => {
      await commit([put('acme')]);
      expect((await commit([put('acme')])).kind).toBe('stale');
      expect((await commit([put('bolt', 1)])).kind).toBe('stale');
    });

    test('lets one of two that replace the same version win', async () => {
      await commit([put('acme')]);
      const both = ['a', 'b'].map((plan) => commit([put('acme', 1, { plan })]));
      const kinds = (await Promise.all(both)).map(({ kind }) => kind);
      expect(kinds.sort()).toEqual(['committed', 'stale']);
      expect(await get('acme')).toMatchObject({ version: 2 });
    });

    test('forgets what is removed, and lets it be made anew', async () => {
      await commit([put('acme')]);
      await commit([{ ...put('acme', 1), value: undefined }]);
      expect(await get('acme')).toBeUndefined();
      expect((await commit([put('acme', 2)])).kind).toBe('stale');
      expect((await commit([put('acme')])).kind).toBe('committed');
      expect((await get('acme'))?.version).toBe(3);
    });

    test('keeps equal ids of different organisations apart', async () => {
      await commit([grant('a', 'g'), grant('b', 'g')]);
      expect((await opened.ledger.get('credit_grant', 'a', 'g'))?.value.org_id).toBe('a');
      expect((await opened.ledger.get('credit_grant', 'b', 'g'))?.value.org_id).toBe('b');
      expect((await ids({ orgId: 'a' })).ids).toEqual(['g']);
      expect((await ids()).ids).toEqual(['g', 'g']);
    });

    test('lists by creation, page by page, in both orders', async () => {
      const all = Array.from({ length: 25 }, (_, i) => `g${i}`);
      for (const id of all) await commit([grant('acme', id)]);
      for (const order of ['oldest', 'newest'] as const) {
        const listed: string[] = [];
        for (let after: string | undefined; ; ) {
          const page = await ids({ order, limit: 10, ...(after === undefined ? {} : { after }) });
          listed.push(...page.ids);
          after = page.next;
          if (after === undefined) break;
        }
        expect(listed).toEqual(order === 'oldest' ? all : all.toReversed());
      }
    });

    test('lists on from its place where records came meanwhile', async () => {
      for (const id of ['g0', 'g1', 'g2']) await commit([grant('acme', id)]);
      const first = await ids({ order: 'newest', limit: 2 });
      await commit([grant('acme', 'g3')]);
      const rest = await ids({ order: 'newest', limit: 2, after: first.next ?? '' });
      expect([...first.ids, ...rest.ids]).toEqual(['g2', 'g1', 'g0']);
    });

    test('lists what has the wanted values', async () => {
      await commit([put('a', 0, { plan: 'free' }), put('b', 0, { plan: 'pro' }), put('c')]);
      const page = await opened.ledger.list({
        kind: 'organization',
        order: 'oldest',
        limit: 10,
        where: { plan: ['free', 'pro'], suspended: [false] },
      });
      expect(page.records.map(({ id }) => id)).toEqual(['a', 'b']);
    });

    test('does a request once', async () => {
      const request = { id: 'r-1', fingerprint: 5 };
      const first = await commit([put('acme')], { request });
      const again = await commit([put('acme', 1, { plan: 'pro' })], { request });
      expect(first).toMatchObject({ kind: 'committed' });
      expect(again).toMatchObject({
        kind: 'repeated',
        changed: [{ kind: 'organization', id: 'acme', version: 1, value: { org_id: 'acme' } }],
      });
      expect(await get('acme')).toMatchObject({ version: 1 });
      const other = await commit([put('bolt')], { request: { id: 'r-1', fingerprint: 6 } });
      expect(other.kind).toBe('request_reused');
      expect(await get('bolt')).toBeUndefined();
    });

    test('does a request once when its process ends between', async () => {
      const request = { id: 'r-1', fingerprint: 5 };
      await commit([put('acme')], { request });
      opened = await opened.reopen();
      expect((await commit([put('acme', 1)], { request })).kind).toBe('repeated');
    });

    test('does not take the request id of a transaction that changed nothing', async () => {
      const request = { id: 'r-1', fingerprint: 5 };
      expect((await commit([put('acme', 1)], { request })).kind).toBe('stale');
      expect((await commit([put('acme')], { request })).kind).toBe('committed');
    });

    test('draws the numbers of a series without gaps or doubles', async () => {
      const draw = (id: string, replaces = 0) =>
        commit([], { series: 'INV-2026', changes: (n) => [put(id, replaces, { plan: `${n}` })] });
      const ids = Array.from({ length: 20 }, (_, i) => `o${i}`);
      const outcomes = await Promise.all(ids.map((id) => draw(id)));
      expect(outcomes.every(({ kind }) => kind === 'committed')).toBe(true);
      const drawn = await Promise.all(ids.map(get));
      const numbers = drawn.map((each) => Number(each?.value.plan));
      expect(numbers.sort((a, b) => a - b)).toEqual(ids.map((_, i) => i + 1));
      expect((await draw('o0')).kind).toBe('stale');
      opened = await opened.reopen();
      expect((await draw('last')).kind).toBe('committed');
      expect(await get('last')).toMatchObject({ value: { plan: '21' } });
    });

    test('tells how a record was, back to a time', async () => {
      const at = (atMs: number, changes: readonly Change[]) => commit(changes, { atMs });
      await at(AT, [put('acme')]);
      await at(AT + 10, [put('acme', 1, { plan: 'pro' })]);
      await at(AT + 20, [{ ...put('acme', 2), value: undefined }]);
      await at(AT + 30, [put('acme', 0, { plan: 'max' })]);
      const since = async (sinceMs: number) => {
        const versions = await opened.ledger.history('organization', '', 'acme', sinceMs);
        return versions.map(({ version, atMs, value }) => [version, atMs - AT, value?.plan]);
      };
      const all = [
        [4, 30, 'max'],
        [3, 20, undefined],
        [2, 10, 'pro'],
        [1, 0, ''],
      ];
      expect(await since(AT - 1)).toEqual(all);
      expect(await since(AT)).toEqual(all);
      expect(await since(AT + 9)).toEqual(all);
      expect(await since(AT + 10)).toEqual(all.slice(0, 3));
      expect(await since(AT + 99)).toEqual(all.slice(0, 1));
      opened = await opened.reopen();
      expect(await since(AT)).toEqual(all);
      expect(await opened.ledger.history('organization', '', 'bolt', AT)).toEqual([]);
    });

    test('counts the entries of its audit trail, whosever they are', async () => {
      const before = (await opened.ledger.audit({ order: 'newest', limit: 1 })).entries[0];
      const first = (before?.position ?? 0) + 1;
      await commit([put('acme')], { orgId: 'acme' });
      await commit([put('bolt')], { orgId: 'bolt' });
      await commit([put('acme', 1)], { orgId: 'acme' });
      opened = await opened.reopen();
      const positions = async (query: { readonly orgId?: string }) => {
        const page = await opened.ledger.audit({ order: 'newest', limit: 3, ...query });
        return page.entries.map(({ position }) => position - first);
      };
      expect(await positions({})).toEqual([2, 1, 0]);
      expect(await positions({ orgId: 'acme' })).toEqual([2, 0]);
    });

    test('tells who changed what, from what to what', async () => {
      await commit([put('acme')], { action: 'organizations.create', orgId: 'acme' });
      await commit([put('acme', 1, { plan: 'pro' })], { reason: 'upgrade', orgId: 'acme' });
      await commit([put('bolt')], { orgId: 'bolt' });
      const { entries, next } = await opened.ledger.audit({
        orgId: 'acme',
        order: 'newest',
        limit: 10,
      });
      expect(next).toBeUndefined();
      expect(entries).toMatchObject([
        {
          actor: 'tester',
          reason: 'upgrade',
          changed: [{ version: 2, before: { plan: '' }, value: { plan: 'pro' } }],
        },
        { action: 'organizations.create', changed: [{ version: 1, before: undefined }] },
      ]);
      expect(new Set(entries.map(({ chain }) => chain)).size).toBe(2);
      const all = await opened.ledger.audit({ order: 'oldest', limit: 100 });
      expect(all.entries.slice(-3).map(({ orgId }) => orgId)).toEqual(['acme', 'acme', 'bolt']);
    });
  });
}
