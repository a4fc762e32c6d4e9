// Budgets and invoices: what was counted at record time, and what it came to.

import { expect, test } from 'vitest';
import { type Account, account, ORG } from '../support/account.js';
import { catalogueYaml } from '../support/catalogue.js';
import { cold } from '../support/cold.js';
import { ask, item } from '../support/requests.js';

const yaml = catalogueYaml({
  price_lists: `
    - id: usd
      prices:
        - {meter: tokens, unit_price: 0.004}
        - {meter: calls, unit_price: 1, minimum: 5}`,
  plans: `
    - id: free
      quotas:
        - {key: ever, meter: spend, limit: 100, window: LIFETIME}
        - {key: year, meter: spend, limit: 100, window: CALENDAR_YEAR, match: {meter: tokens}}
        - {key: month, meter: spend, limit: 100}
        - {key: each, meter: spend, limit: 100, window: LIFETIME, scope: [user]}`,
});
const on = (act: (own: Account) => Promise<void>) =>
  account({ yaml, from: '2026-11-20T12:00:00Z' }, act);

async function budgets(own: Account): Promise<Record<string, string>> {
  const items = [item('spend', { dimensions: { meter: 'tokens' } })];
  const { quotas } = await ask(own.running(), 'checkQuota', { orgId: ORG, items });
  return Object.fromEntries(quotas.map(({ quotaKey, used }) => [quotaKey, used]));
}

test('a closing gives budgets what the invoice came to, and says the difference', () =>
  on(async (own) => {
    for (let i = 0; i < 3; i++) await own.use(1);
    await own.use(1, undefined, { meter: 'calls' });
    expect(await budgets(own)).toEqual({
      ever: '1.012',
      year: '0.012',
      month: '1.012',
      each: '1.012',
    });
    await own.closeAt('2026-12-01T02:00:00Z');
    const [invoice] = await own.invoices();
    expect(invoice.total).toBe('5.01');
    expect([invoice.spend_counted, invoice.spend_difference]).toEqual(['1.012', '3.998']);
    expect(await budgets(own)).toEqual({ ever: '5.01', year: '0.01', month: '0', each: '0' });
    // A scope that nobody used for long starts again.
    await own.restart();
    expect(await budgets(own)).toEqual({ ever: '5.01', year: '0.01', month: '0', each: '0' });

    await own.use(1, '2026-11-30T00:00:00Z', { meter: 'calls' });
    await own.use(100);
    expect(await budgets(own)).toMatchObject({ ever: '6.41', year: '0.41' });
    await own.closeAt('2027-01-01T02:00:00Z');
    const second = (await own.invoices()).at(-1);
    expect([second.total, second.spend_counted, second.spend_difference]).toEqual([
      '0.40',
      '6.41',
      '-1',
    ]);
    expect(await budgets(own)).toMatchObject({ ever: '5.41', year: '0' });
  }));

test('an invoice that is voided and made again corrects nothing twice', () =>
  on(async (own) => {
    await own.use(3);
    await own.closeAt('2026-12-01T02:00:00Z');
    const [first] = await own.invoices();
    await own.invoice('VoidInvoice', { invoice_id: first.invoice_id, reason: 'wrong' });
    const { period_start, period_end } = first;
    const again = { period_start, period_end, finalize: true };
    const { invoice } = await own.invoice('GenerateInvoice', again);
    expect([invoice.total, invoice.spend_difference]).toEqual(['0.01', '0']);
    expect(await budgets(own)).toMatchObject({ ever: '0.01' });
  }));

test('an organisation without budgets has no such figures', () =>
  account({ yaml: catalogueYaml(), from: '2026-11-20T12:00:00Z' }, async (own) => {
    await own.use(3);
    const { invoice } = await cold(own.running(), 'Metering', 'GetInvoice', { org_id: ORG });
    expect([invoice.spend_counted, invoice.spend_difference]).toEqual(['', '']);
  }));
