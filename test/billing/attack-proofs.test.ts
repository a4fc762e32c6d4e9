import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { put } from '../../src/operations/change.js';
import { type Account, account, manual, ORG } from '../support/account.js';
import { PLANS } from '../support/attack-plans.js';
import { verified } from '../support/books.js';
import { catalogueYaml } from '../support/catalogue.js';
import { cold, time } from '../support/cold.js';
import { temporaryDirectory } from '../support/service.js';

const TIERS = catalogueYaml({
  price_lists: `
    - id: usd
      prices:
        - {meter: tokens, kind: graduated, tiers: [{up_to: 100, unit_price: 1}, {unit_price: 0.5}]}`,
});

/** What `verify` finds in what is left of it. */
async function problemsAfter(
  from: string,
  act: (own: Account) => Promise<void>,
  yaml = PLANS,
): Promise<readonly string[]> {
  const directory = temporaryDirectory();
  await account({ yaml, from, directory }, act);
  const problems = await verified(directory);
  rmSync(directory, { recursive: true });
  return problems;
}

test('an invoice over two periods is proved for each of them', async () => {
  const problems = await problemsAfter('2026-11-20T00:00:00Z', async (own) => {
    await own.use(1, '2026-10-31T12:00:00Z');
    await own.use(2, '2026-11-02T12:00:00Z');
    await own.invoice('GenerateInvoice', manual('2026-10-31T00:00:00Z', '2026-11-10T00:00:00Z'));
  });
  expect(problems).toEqual([]);
});

test('an invoice with late usage of a period that was empty is proved', async () => {
  const problems = await problemsAfter('2026-10-20T00:00:00Z', async (own) => {
    await own.use(1);
    await own.closeAt('2026-12-02T00:00:00Z');
    await own.use(2, '2026-11-10T00:00:00Z');
    await own.use(4);
    await own.closeAt('2027-01-02T00:00:00Z');
  });
  expect(problems).toEqual([]);
});

test('bills are proved though one that they rested on was voided', async () => {
  const problems = await problemsAfter(
    '2026-11-01T00:00:00Z',
    async (own) => {
      await own.use(80);
      await own.moveTo('2026-11-10T00:00:00Z');
      const first = await own.invoice(
        'GenerateInvoice',
        manual('2026-11-01T00:00:00Z', '2026-11-10T00:00:00Z'),
      );
      await own.use(80);
      await own.closeAt('2026-12-02T00:00:00Z');
      const { invoice_id } = first.invoice;
      await own.invoice('VoidInvoice', { invoice_id, reason: 'wrong' });
      await own.invoice('GenerateInvoice', manual('2026-11-01T00:00:00Z', '2026-11-10T00:00:00Z'));
      await own.use(5, '2026-11-20T00:00:00Z');
      await own.closeAt('2027-01-02T00:00:00Z');
    },
    TIERS,
  );
  expect(problems).toEqual([]);
});

test('events of a closed period that are on no bill are named', async () => {
  const problems = await problemsAfter('2026-11-20T00:00:00Z', async (own) => {
    await own.use(1, '2026-11-19T12:00:00Z', { eventId: 'first' });
    await own.use(2);
    await own.closeAt('2026-12-01T02:00:00Z');
    const { ledger, clock } = own.running().core;
    const { records } = await ledger.list({
      kind: 'usage_period',
      orgId: ORG,
      order: 'oldest',
      limit: 1,
    });
    const [period] = records;
    if (period === undefined) throw new Error('no usage period');
    const value = { ...period.value, bills: [] };
    const forgetting = put('usage_period', ORG, period.id, period, value);
    await ledger.commit({
      atMs: clock.wallMs(),
      actor: 'test',
      action: 'test',
      orgId: ORG,
      reason: '',
      changes: () => [forgetting],
    });
  });
  expect(problems).toContain(
    'organisation "acme": 2 events of a closed period are on no invoice, the first is "first"',
  );
});

test('an event replaced by one that changes nothing is on the bill of the other', async () => {
  const problems = await problemsAfter('2026-11-20T00:00:00Z', async (own) => {
    await own.use(5, '2026-11-19T12:00:00Z', { eventId: 'first' });
    await own.closeAt('2026-12-01T02:00:00Z');
    await cold(own.running(), 'Correction', 'AmendEvent', {
      org_id: ORG,
      event_id: 'first',
      reason: 'x',
      replacement: {
        event_id: 'second',
        meter: 'tokens',
        quantity: '5',
        event_time: time('2026-11-19T12:00:00Z'),
      },
    });
    await own.use(1);
    await own.closeAt('2027-01-01T02:00:00Z');
  });
  expect(problems).toEqual([]);
});
