// What is remembered of organisations: as long as it is used, and no longer than it is in memory.

import { expect, test } from 'vitest';
import { openAccounts } from '../../src/state/accounts.js';
import { kept } from '../../src/state/kept.js';
import { openStore, type Reader } from '../../src/state/store.js';
import { keys, openTables } from '../../src/state/tables.js';
import { NONE_CHANGED } from '../../src/state/values.js';

/** Organisations, each with two meters, as LMDB has them. */
function openSome(orgIds: readonly string[]) {
  const stored = new Map<string, Buffer>();
  const reader: Reader = { get: (key) => stored.get(key.toString('latin1')), range: () => [] };
  const store = openStore(reader);
  const tables = openTables(store);
  const accounts = openAccounts(tables);
  for (const [at, orgId] of orgIds.entries()) {
    const changed = { changedFromMs: NONE_CHANGED, changedSequence: 0 };
    const identity = { key: keys.organisation(orgId), ...kept(), orgId, number: at + 1 };
    tables.organisations.add({ ...identity, closedToMs: 0, ...changed });
    const account = accounts.account(orgId);
    if (account === undefined) throw new Error(orgId);
    for (const meter of ['calls', 'tokens']) accounts.meterAccount(account, meter);
  }
  const capture = store.capture();
  while (!capture.step());
  for (const { key, value } of capture.values) stored.set(key.toString('latin1'), value);
  return { store, accounts };
}

test('an account that is used stays, one that is not goes with its values and is found again', () => {
  const { store, accounts } = openSome(['used', 'idle']);
  const [used, idle] = ['used', 'idle'].map((orgId) => accounts.account(orgId));
  for (const _ of store.sweep(0));
  const again = accounts.account('used');
  expect(again).toBe(used);
  if (again !== undefined) accounts.meterAccount(again, 'calls');
  for (const _ of store.sweep(0));
  expect(accounts.account('used')).toBe(used);
  // Of its meters, the one that was used.
  expect([...(used?.meters.keys() ?? [])]).toEqual(['calls']);
  const found = accounts.account('idle');
  expect(found).not.toBe(idle);
  expect(found?.organisation).toMatchObject({ orgId: 'idle', number: 2 });
});
