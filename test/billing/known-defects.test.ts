// Defects that billing systems had before this one, each as it showed.

import { describe, expect, test } from 'vitest';
import { type Account, account, range } from '../support/account.js';
import { linesOf } from '../support/billing.js';
import { billedQuantities, minor } from '../support/books.js';
import { catalogueYaml } from '../support/catalogue.js';
import { cold, type Json } from '../support/cold.js';
import { refused } from '../support/refusals.js';

const yaml = catalogueYaml({
  price_lists: `
    - id: usd
      prices:
        - {meter: tokens, unit_price: 0.002, per: 1000}
        - {meter: calls, match: {tool: a}, unit_price: 0.005}
        - {meter: calls, match: {tool: b}, unit_price: 0.005}
        - {meter: calls, match: {tool: c}, unit_price: 0.005}`,
});
const on = (act: (own: Account) => Promise<void>) =>
  account({ yaml, from: '2026-11-20T12:00:00Z' }, act);
const CLOSED = '2026-12-01T02:00:00Z';
const NOVEMBER = range('2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z');

test('100,000 tokens at 0.002 per 1000 are 0.20', () =>
  on(async (own) => {
    await own.use(100_000);
    await own.closeAt(CLOSED);
    expect((await own.invoices()).map(({ total }) => total)).toEqual(['0.20']);
  }));

test('three lines of 0.005 add up to their sum as they are shown', () =>
  on(async (own) => {
    for (const tool of ['a', 'b', 'c']) {
      await own.use(1, undefined, { meter: 'calls', dimensions: { tool } });
    }
    await own.closeAt(CLOSED);
    const [invoice] = await own.invoices();
    expect(invoice.lines.map(({ amount }: Json) => amount)).toEqual(['0.01', '0.01', '0.01']);
    expect([invoice.subtotal, invoice.total]).toEqual(['0.03', '0.03']);
  }));

test('two events with one time are both on the invoice', () =>
  on(async (own) => {
    await own.use(1000, '2026-11-20T11:00:00Z');
    await own.use(1000, '2026-11-20T11:00:00Z');
    await own.closeAt(CLOSED);
    expect(billedQuantities(await own.invoices())).toEqual({ tokens: 2000 });
  }));

test('a void invoice stays void, and its usage is billed once', () =>
  on(async (own) => {
    await own.use(100_000);
    await own.closeAt(CLOSED);
    const [{ invoice_id }] = (await own.invoices()) as [Json];
    await own.invoice('VoidInvoice', { invoice_id, reason: 'wrong' });
    for (const method of ['MarkInvoicePaid', 'VoidInvoice', 'FinalizeInvoice']) {
      const refusal = await refused(own.invoice(method, { invoice_id, reason: 'again' }));
      expect(refusal.code).toBe('FAILED_PRECONDITION');
    }
    await own.closeAt('2027-02-01T02:00:00Z');
    expect((await own.shown()).slice(1)).toEqual([]);
    const { invoice } = await own.invoice('GenerateInvoice', NOVEMBER);
    expect(linesOf(invoice)).toEqual(['USAGE tokens 100000 0.20']);
    await refused(own.invoice('GenerateInvoice', NOVEMBER));
    const states = (await own.invoices()).map(({ state }) => state);
    expect(states).toEqual(['INVOICE_STATE_VOID', 'INVOICE_STATE_OPEN']);
  }));

describe('another organisation’s invoice', () => {
  const PATHS = [
    ['Metering', 'GetInvoice'],
    ['Invoice', 'GetInvoicePdf'],
    ['Invoice', 'FinalizeInvoice'],
    ['Invoice', 'DeleteDraftInvoice'],
    ['Invoice', 'VoidInvoice'],
    ['Invoice', 'MarkInvoicePaid'],
    ['Invoice', 'MarkInvoiceUncollectible'],
    ['Invoice', 'AddInvoiceAdjustment'],
    ['Invoice', 'CreateCreditNote'],
  ] as const;

  test('is not there, whichever way it is asked for, and stays as it is', () =>
    on(async (own) => {
      await own.use(100_000);
      await own.closeAt(CLOSED);
      const [before] = (await own.invoices()) as [Json];
      const { invoice_id } = before;
      const other = { display_name: 'Other', org_id: 'other' };
      await cold(own.running(), 'Organization', 'CreateOrganization', { organization: other });
      const more = { reason: 'mine', amount: '0.10', description: 'mine' };
      for (const [service, method] of PATHS) {
        const request = { org_id: 'other', invoice_id, ...more };
        const { reason } = await refused(cold(own.running(), service, method, request));
        expect([method, reason]).toEqual([method, 'INVOICE_NOT_FOUND']);
      }
      const theirs = await cold(own.running(), 'Invoice', 'ListInvoices', { org_id: 'other' });
      expect(theirs.invoices).toEqual([]);
      expect(await own.invoices()).toEqual([before]);
    }));

  test('nor is its usage on theirs, with the same event ids', () =>
    on(async (own) => {
      const twice = { eventId: 'one' };
      await own.use(100_000, undefined, twice);
      await own.use(50_000, undefined, { ...twice, orgId: 'other' });
      const invoice = async (org_id: string) => {
        return (await cold(own.running(), 'Metering', 'GetInvoice', { org_id })).invoice;
      };
      expect(minor((await invoice('acme')).total)).toBe(20n);
      expect(minor((await invoice('other')).total)).toBe(10n);
    }));
});

test.each([
  ['Invoice', 'ListInvoices'],
  ['Invoice', 'ListCreditNotes'],
  ['Invoice', 'ListCreditGrants'],
  ['Subscription', 'ListSubscriptions'],
  ['Organization', 'ListOrganizations'],
  ['Catalog', 'ListMeters'],
  ['Catalog', 'ListPlans'],
  ['Catalog', 'ListPriceLists'],
])('%sService/%s takes any page size', (service, method) =>
  on(async (own) => {
    for (const page_size of [-5, 0, 1001, 2 ** 31 - 1]) {
      const reply = await cold(own.running(), service, method, { org_id: 'acme', page_size });
      const listed = Object.values(reply).find(Array.isArray) as readonly unknown[];
      // The least is one, the most a thousand.
      expect(listed.length).toBeLessThanOrEqual(page_size < 0 ? 1 : 1000);
      if (page_size >= 0) expect(reply.next_page_token).toBe('');
    }
  }),
);
