import { expect, test } from 'vitest';
import { closeAt, headOf, heads, invoicesOf, linesOf, moveTo, use } from '../support/billing.js';
import { catalogueYaml } from '../support/catalogue.js';
import { createTestClock, type TestClock } from '../support/clock.js';
import { cold, type Json, time } from '../support/cold.js';
import { refused } from '../support/refusals.js';
import { type Running, start } from '../support/service.js';

const yaml = catalogueYaml({
  price_lists: `
    - id: usd
      prices:
        - {meter: tokens, unit_price: 0.10}
        - {meter: calls, kind: per_unit, unit_price: 1, minimum: 100}
        - {meter: peak, unit_price: 2}
        - {meter: users, unit_price: 3}
        - {meter: seats, unit_price: 4}`,
});

async function november(act: (running: Running, clock: TestClock) => Promise<void>): Promise<void> {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const running = await start({ yaml, clock });
  try {
    await act(running, clock);
    expect(running.fatal).toEqual([]);
  } finally {
    await running.stop();
  }
}

const call = (running: Running, method: string, request: object = {}) =>
  cold(running, 'Invoice', method, { org_id: 'acme', ...request });
const tokens = (quantity: string, at?: string) => {
  const given = { orgId: 'acme', meter: 'tokens', quantity };
  return at === undefined ? given : { ...given, at };
};
const NOVEMBER = {
  period_start: time('2026-11-01T00:00:00Z'),
  period_end: time('2026-12-01T00:00:00Z'),
};
const GRACE = '2026-12-01T01:00:00Z';

test('a period is closed once, at its end and grace, and the invoice is numbered', () =>
  november(async (running, clock) => {
    await use(running, tokens('58'));
    await closeAt(running, clock, '2026-12-01T00:59:59Z', 'acme');
    expect(await invoicesOf(running, 'acme')).toEqual([]);
    await closeAt(running, clock, GRACE, 'acme');
    await closeAt(running, clock, '2026-12-02T00:00:00Z', 'acme');
    expect(heads(await invoicesOf(running, 'acme'))).toEqual([
      'RECURRING OPEN INV-2026-000001 2026-11-01/2026-12-01 5.80',
    ]);
  }));

test('after a downtime every period is closed, in order', () =>
  november(async (running, clock) => {
    await use(running, tokens('10'));
    moveTo(clock, '2026-12-01T00:30:00Z');
    await use(running, tokens('20'));
    await closeAt(running, clock, '2027-02-03T00:00:00Z', 'acme');
    expect(heads(await invoicesOf(running, 'acme'))).toEqual([
      'RECURRING OPEN INV-2027-000001 2026-11-01/2026-12-01 1.00',
      'RECURRING OPEN INV-2027-000002 2026-12-01/2027-01-01 2.00',
    ]);
  }));

test('late usage within the grace is on the invoice, after it on the next one', () =>
  november(async (running, clock) => {
    await use(running, tokens('10'));
    moveTo(clock, '2026-12-01T00:30:00Z');
    await use(running, tokens('5', '2026-11-30T23:00:00Z'));
    await closeAt(running, clock, GRACE, 'acme');
    await use(running, tokens('7', '2026-11-30T22:00:00Z'));
    await use(running, tokens('1'));
    await closeAt(running, clock, '2027-01-02T00:00:00Z', 'acme');
    const invoices = await invoicesOf(running, 'acme');
    expect(invoices.map(linesOf)).toEqual([
      ['USAGE tokens 15 1.50'],
      ['USAGE tokens 1 0.10', 'LATE_USAGE tokens 7 0.70'],
    ]);
    expect(invoices[1].lines[1].original_invoice_id).toBe(invoices[0].invoice_id);
  }));

test('late usage under a minimum costs nothing: the period is rated whole', () =>
  november(async (running, clock) => {
    const calls = async (count: number, at: string) => {
      for (let i = 0; i < count; i++) await use(running, { orgId: 'acme', meter: 'calls', at });
    };
    await calls(10, '2026-11-20T11:00:00Z');
    await closeAt(running, clock, GRACE, 'acme');
    await calls(20, '2026-11-30T22:00:00Z');
    await closeAt(running, clock, '2027-01-02T00:00:00Z', 'acme');
    expect((await invoicesOf(running, 'acme')).map(linesOf)).toEqual([
      ['USAGE calls 10 10.00', 'MINIMUM calls 90.00'],
      ['LATE_USAGE calls 20 0.00'],
    ]);
  }));

test('late usage of a period in which nothing was used is billed late too', () =>
  november(async (running, clock) => {
    await use(running, tokens('1', '2026-10-20T12:00:00Z'));
    moveTo(clock, '2026-12-03T00:00:00Z');
    await closeAt(running, clock, '2026-12-03T00:00:00Z', 'acme');
    await use(running, tokens('8', '2026-11-05T00:00:00Z'));
    await closeAt(running, clock, '2027-01-02T00:00:00Z', 'acme');
    expect((await invoicesOf(running, 'acme')).map(linesOf)).toEqual([
      ['USAGE tokens 1 0.10'],
      ['LATE_USAGE tokens 8 0.80'],
    ]);
  }));

test('a part of a period is billed once: the recurring invoice has the rest', () =>
  november(async (running, clock) => {
    await use(running, tokens('10', '2026-11-05T12:00:00Z'));
    await use(running, tokens('20', '2026-11-10T12:00:00Z'));
    const part = {
      kind: 'INVOICE_KIND_MANUAL',
      period_start: time('2026-11-10T00:00:00Z'),
      period_end: time('2026-11-11T00:00:00Z'),
      finalize: true,
    };
    const { invoice } = await call(running, 'GenerateInvoice', part);
    expect(headOf(invoice)).toBe('MANUAL OPEN INV-2026-000001 2026-11-10/2026-11-11 2.00');
    const again = await refused(call(running, 'GenerateInvoice', part));
    expect(again).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'PERIOD_OVERLAPS' });
    expect(again.metadata.get('invoice_id')).toBe(invoice.invoice_id);
    await closeAt(running, clock, GRACE, 'acme');
    expect((await invoicesOf(running, 'acme')).map(linesOf)).toEqual([
      ['USAGE tokens 20 2.00'],
      ['USAGE tokens 10 1.00'],
    ]);
  }));

test('a draft is made, adjusted, computed anew and closed with its adjustment', () =>
  november(async (running, clock) => {
    await use(running, tokens('10'));
    moveTo(clock, '2026-12-01T00:10:00Z');
    const { invoice: draft } = await call(running, 'GenerateInvoice', NOVEMBER);
    expect(headOf(draft)).toBe('RECURRING DRAFT 2026-11-01/2026-12-01 1.00');
    const { invoice_id } = draft;
    await call(running, 'AddInvoiceAdjustment', {
      invoice_id,
      amount: '-0.25',
      description: 'goodwill',
      reason: 'outage',
    });
    await use(running, tokens('5', '2026-11-30T23:00:00Z'));
    expect((await refused(call(running, 'GenerateInvoice', NOVEMBER))).reason).toBe(
      'INVOICE_EXISTS',
    );
    const { invoice: anew } = await call(running, 'GenerateInvoice', { ...NOVEMBER, force: true });
    expect(linesOf(anew)).toEqual(['USAGE tokens 15 1.50', 'ADJUSTMENT -0.25']);
    expect((await refused(call(running, 'VoidInvoice', { invoice_id, reason: 'x' }))).reason).toBe(
      'INVOICE_IS_DRAFT',
    );
    await closeAt(running, clock, GRACE, 'acme');
    const [closed] = await invoicesOf(running, 'acme');
    expect(headOf(closed)).toBe('RECURRING OPEN INV-2026-000001 2026-11-01/2026-12-01 1.25');
    expect(closed.invoice_id).toBe(invoice_id);
    const late = refused(call(running, 'FinalizeInvoice', { invoice_id }));
    expect((await late).reason).toBe('INVOICE_CLOSED');
  }));

test('a deleted draft leaves its period open', () =>
  november(async (running, clock) => {
    await use(running, tokens('10'));
    moveTo(clock, '2026-12-01T00:10:00Z');
    const { invoice } = await call(running, 'GenerateInvoice', NOVEMBER);
    await call(running, 'DeleteDraftInvoice', { invoice_id: invoice.invoice_id });
    await closeAt(running, clock, GRACE, 'acme');
    expect(heads(await invoicesOf(running, 'acme'))).toEqual([
      'RECURRING OPEN INV-2026-000001 2026-11-01/2026-12-01 1.00',
    ]);
  }));

test('a voided invoice keeps its number, and what it had is billed by one in its place', () =>
  november(async (running, clock) => {
    await use(running, tokens('10'));
    await closeAt(running, clock, GRACE, 'acme');
    const [{ invoice_id }] = (await invoicesOf(running, 'acme')) as [Json];
    const { invoice } = await call(running, 'VoidInvoice', { invoice_id, reason: 'wrong name' });
    expect(invoice).toMatchObject({ state: 'INVOICE_STATE_VOID', number: 'INV-2026-000001' });
    const twice = refused(call(running, 'VoidInvoice', { invoice_id, reason: 'again' }));
    expect((await twice).reason).toBe('INVOICE_NOT_OPEN');
    await use(running, tokens('3'));
    await closeAt(running, clock, '2027-01-02T00:00:00Z', 'acme');
    const again = await call(running, 'GenerateInvoice', { ...NOVEMBER, finalize: true });
    expect(linesOf(again.invoice)).toEqual(['USAGE tokens 10 1.00']);
    expect(heads(await invoicesOf(running, 'acme'))).toEqual([
      'RECURRING VOID INV-2026-000001 2026-11-01/2026-12-01 1.00',
      'RECURRING OPEN INV-2027-000001 2026-12-01/2027-01-01 0.30',
      'RECURRING OPEN INV-2027-000002 2026-11-01/2026-12-01 1.00',
    ]);
  }));

test('an invoice is paid, in parts, and given up', () =>
  november(async (running, clock) => {
    await use(running, tokens('100'));
    await closeAt(running, clock, GRACE, 'acme');
    const [{ invoice_id }] = (await invoicesOf(running, 'acme')) as [Json];
    const pay = (request: object) => call(running, 'MarkInvoicePaid', { invoice_id, ...request });
    expect((await refused(pay({ amount: '10.01' }))).reason).toBe('AMOUNT_EXCEEDS_DUE');
    expect(await refused(pay({ amount: '0.001' }))).toMatchObject({ fields: ['amount'] });
    const part = await pay({ amount: '4', reference: 'tx-1', request_id: 'p1' });
    expect(part.invoice).toMatchObject({ amount_due: '6.00', state: 'INVOICE_STATE_OPEN' });
    expect(await pay({ amount: '4', reference: 'tx-1', request_id: 'p1' })).toEqual(part);
    await call(running, 'MarkInvoiceUncollectible', { invoice_id, reason: 'gone' });
    const { invoice } = await pay({});
    expect(invoice).toMatchObject({ amount_due: '0.00', state: 'INVOICE_STATE_PAID' });
    expect((await refused(pay({}))).reason).toBe('INVOICE_NOT_OPEN');
  }));

test('credit is used, lowest priority first, and goes back from a voided invoice', () =>
  november(async (running, clock) => {
    await use(running, tokens('100'));
    const grant = (amount: string, more: object) =>
      call(running, 'CreateCreditGrant', {
        credit_grant: { org_id: 'acme', amount, currency: 'USD', reason: 'promo', ...more },
      });
    await grant('3', { priority: 60 });
    await grant('4', { priority: 10, expire_time: time('2027-01-01T00:00:00Z') });
    await closeAt(running, clock, GRACE, 'acme');
    const [first] = (await invoicesOf(running, 'acme')) as [Json];
    expect(first).toMatchObject({ total: '10.00', credit_applied: '7.00', amount_due: '3.00' });
    const balance = async () =>
      (await call(running, 'GetCreditBalance', { currency: 'USD' })).balances;
    expect(await balance()).toMatchObject([{ balance: '0.00' }]);
    await call(running, 'VoidInvoice', { invoice_id: first.invoice_id, reason: 'x' });
    expect(await balance()).toMatchObject([{ balance: '7.00', next_expiring_amount: '4.00' }]);
  }));

test('a credit note lowers what is due, or becomes credit, with a number of its own', () =>
  november(async (running, clock) => {
    await use(running, tokens('100'));
    await closeAt(running, clock, GRACE, 'acme');
    const [{ invoice_id }] = (await invoicesOf(running, 'acme')) as [Json];
    const note = (request: object) =>
      call(running, 'CreateCreditNote', { invoice_id, reason: 'outage', ...request });
    const { credit_note, invoice } = await note({ amount: '2.50' });
    expect(credit_note).toMatchObject({ number: 'CN-2026-000001', amount: '2.50' });
    expect(invoice).toMatchObject({ amount_due: '7.50', amount_credited: '2.50', total: '10.00' });
    expect((await refused(note({ amount: '8' }))).reason).toBe('AMOUNT_EXCEEDS_DUE');
    await call(running, 'MarkInvoicePaid', { invoice_id });
    const paid = await note({ lines: [{ description: 'again', amount: '1.00' }] });
    expect(paid.credit_note).toMatchObject({
      number: 'CN-2026-000002',
      application: 'CREDIT_NOTE_APPLICATION_CREDIT_BALANCE',
    });
    const { balances } = await call(running, 'GetCreditBalance');
    expect(balances).toMatchObject([{ currency: 'USD', balance: '1.00' }]);
    expect((await refused(note({ amount: '7' }))).reason).toBe('AMOUNT_EXCEEDS_PAID');
  }));

test('a negative total closes with nothing due and becomes credit', () =>
  november(async (running, clock) => {
    await use(running, tokens('10'));
    moveTo(clock, '2026-12-01T00:10:00Z');
    const { invoice } = await call(running, 'GenerateInvoice', NOVEMBER);
    const { invoice_id } = invoice;
    const goodwill = { invoice_id, amount: '-5', description: 'g', reason: 'g' };
    await call(running, 'AddInvoiceAdjustment', goodwill);
    const closed = await call(running, 'FinalizeInvoice', { invoice_id });
    expect(closed.invoice).toMatchObject({
      total: '-4.00',
      amount_due: '0.00',
      state: 'INVOICE_STATE_PAID',
    });
    const { balances } = await call(running, 'GetCreditBalance');
    expect(balances).toMatchObject([{ balance: '4.00' }]);
  }));

test('taxes are rounded once each on the sum', () =>
  november(async (running, clock) => {
    await cold(running, 'Organization', 'CreateOrganization', {
      organization: {
        org_id: 'acme',
        billing_party: { legal_name: 'Ærø A/S' },
        tax_rates: [
          { name: 'VAT', percent: '19' },
          { name: 'City', percent: '0.5' },
        ],
      },
    });
    await use(running, tokens('333'));
    await closeAt(running, clock, GRACE, 'acme');
    const [invoice] = (await invoicesOf(running, 'acme')) as [Json];
    expect(invoice).toMatchObject({
      subtotal: '33.30',
      taxes: [{ amount: '6.33' }, { amount: '0.17' }],
      tax: '6.50',
      total: '39.80',
      customer: { legal_name: 'Ærø A/S' },
    });
  }));

test('an invoice comes as a PDF, the same bytes each time', () =>
  november(async (running, clock) => {
    await use(running, tokens('10'));
    await closeAt(running, clock, GRACE, 'acme');
    const [{ invoice_id }] = (await invoicesOf(running, 'acme')) as [Json];
    const first = await call(running, 'GetInvoicePdf', { invoice_id });
    const second = await cold(running, 'Invoice', 'GetInvoicePdf', { invoice_id });
    expect(first.file_name).toBe('INV-2026-000001.pdf');
    expect(first.pdf.subarray(0, 5).toString()).toBe('%PDF-');
    expect(second.sha256).toBe(first.sha256);
  }));

test('what is closed is the same after a restart, and from the journal alone', async () => {
  const clock = createTestClock('2026-11-20T12:00:00Z');
  const first = await start({ yaml, clock });
  await use(first, tokens('10'));
  await closeAt(first, clock, GRACE, 'acme');
  const before = await invoicesOf(first, 'acme');
  const second = await first.restart();
  try {
    expect(await invoicesOf(second, 'acme')).toEqual(before);
    await closeAt(second, clock, '2027-01-02T00:00:00Z', 'acme');
    expect(await invoicesOf(second, 'acme')).toEqual(before);
  } finally {
    await second.stop();
  }
});
