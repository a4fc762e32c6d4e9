import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { put } from '../../src/operations/change.js';
import { type Account, account, NOW, ORG } from '../support/account.js';
import { PLANS } from '../support/attack-plans.js';
import { billedQuantities, coverage, verified } from '../support/books.js';
import { cold, time } from '../support/cold.js';
import { temporaryDirectory } from '../support/service.js';

/** As if the server had started with other rules for the organisation's zone. */
async function zoneBecomes(own: Account, zone: string): Promise<void> {
  const { ledger, clock } = own.running().core;
  const terms = await ledger.get('terms', ORG, '');
  const { records } = await ledger.list({
    kind: 'subscription',
    orgId: ORG,
    order: 'newest',
    limit: 1,
  });
  const [live] = records;
  if (terms === undefined || live === undefined) throw new Error('not subscribed');
  const tenures = terms.value.tenures.map((each) => ({ ...each, zone }));
  await ledger.commit({
    atMs: clock.wallMs(),
    actor: 'test',
    action: 'test',
    orgId: ORG,
    reason: '',
    changes: () => [
      put('terms', ORG, '', terms, { ...terms.value, tenures }),
      put('subscription', ORG, live.id, live, { ...live.value, zone }),
    ],
  });
}

test.each([
  ['later', 'Etc/GMT'],
  ['earlier', 'Etc/GMT-2'],
  ['much later', 'Etc/GMT+9'],
])('periods that were invoiced stay as they were when the boundaries come %s', async (_, zone) => {
  const directory = temporaryDirectory();
  await account({ yaml: PLANS, from: '2026-11-01T12:00:00Z', directory }, async (own) => {
    await cold(own.running(), 'Organization', 'CreateOrganization', {
      organization: { org_id: ORG, time_zone: 'Etc/GMT-1' },
    });
    const start_time = time('2026-10-31T23:00:00Z');
    await own.subscription('CreateSubscription', { plan: 'basic', start_time });
    await own.use(10, '2026-10-31T23:00:00Z');
    await own.closeAt('2026-12-01T02:00:00Z');
    await own.use(20);
    await own.use(40, '2026-11-30T22:59:59Z');
    await own.use(80, '2026-11-30T23:00:00Z');
    await own.closeAt('2027-01-01T02:00:00Z');
    await zoneBecomes(own, zone);
    await own.use(160, '2026-12-31T22:30:00Z');
    await own.use(320);
    await own.use(640, '2026-11-30T22:30:00Z');
    await own.closeAt('2027-02-01T12:00:00Z');
    await own.use(1280, '2026-12-31T23:30:00Z');
    await own.use(2560, '2027-01-02T00:00:00Z');
    await own.subscription('ChangeSubscription', { plan: 'pro', ...NOW });
    await own.restart();
    await own.closeAt('2027-04-02T00:00:00Z');
    const invoices = await own.invoices();
    expect(billedQuantities(invoices)).toEqual({ tokens: 5110 });
    expect(coverage(invoices, 'base')).toHaveLength(1);
  });
  expect(await verified(directory)).toEqual([]);
  rmSync(directory, { recursive: true });
});
