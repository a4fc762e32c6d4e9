// What an invoice says on paper. Everything is read back from the bytes.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Invoice, InvoiceKind, InvoiceState } from '../../generated/ts/tollgate/v1/invoice.js';
import { PriceKind } from '../../generated/ts/tollgate/v1/price.js';
import { openPdfFonts } from '../../src/pdf/fonts.js';
import type { PdfOptions } from '../../src/pdf/render.js';
import { renderInvoicePdf } from '../../src/pdf/render-invoice.js';
import { at, givenInvoice, givenLine, givenLines, TIERED } from './given.js';
import { type Pdf, readPdf } from './read-pdf.js';

const fonts = openPdfFonts();

async function printed(given: Partial<Invoice> = {}, options: PdfOptions = {}): Promise<Pdf> {
  return readPdf(
    await renderInvoicePdf(givenInvoice(given), { fonts, streams: 'PLAIN', ...options }),
  );
}

function linesOf(pdf: Pdf): string[] {
  return pdf.text.split('\n');
}

test('an invoice names its parties and its facts', async () => {
  const lines = linesOf(await printed());
  const facts = [
    ['Invoice number', 'INV-2026-000123'],
    ['Issue date', '1 Aug 2026'],
    ['Due date', '15 Aug 2026'],
    ['Billing period', '1–31 Jul 2026'],
    ['Currency', 'USD'],
    ['Status', 'Open'],
    ['Plan', 'scale'],
    ['Account', 'org_acme'],
    ['Subscription', 'sub_01J9ZQ4'],
  ];
  for (const [label, value] of facts) expect(lines[lines.indexOf(label ?? '') + 1]).toBe(value);
  expect(lines.slice(0, 6)).toEqual([
    'Lumen Inference GmbH',
    'Torstraße 49',
    '10119 Berlin',
    'Germany',
    'Tax ID DE 314 159 265',
    'billing@lumen.example',
  ]);
  const customer = lines.indexOf('Billed to');
  expect(lines.slice(customer + 1, customer + 7)).toEqual([
    'Acme Agents, Inc.',
    '548 Market Street, Suite 1200',
    'San Francisco, CA 94104',
    'United States',
    'Tax ID US 12-3456789',
    'accounts.payable@acme.example',
  ]);
  expect(lines).toContain('Due by 15 Aug 2026');
});

test('the document names itself, its seller and its date', async () => {
  const { info } = await printed({
    seller: { legalName: 'Ζήτα (Α.Ε.)', address: '', taxId: '', email: '' },
  });
  expect(Object.fromEntries(info)).toEqual({
    Title: 'Invoice INV-2026-000123',
    Author: 'Ζήτα (Α.Ε.)',
    Subject: 'Invoice to Acme Agents, Inc., 1–31 Jul 2026, OPEN',
    Creator: 'Tollgate',
    Producer: 'PDFKit',
    CreationDate: 'D:20260801060000Z',
  });
});

test('a line shows what was used, at which price, and the proof of it', async () => {
  const lines = linesOf(await printed());
  const start = lines.indexOf('tokens: model gpt-large, 2026-07');
  expect(lines.slice(start, start + 8)).toEqual([
    'tokens: model gpt-large, 2026-07',
    '1–31 Jul 2026',
    '1,234,567',
    'token',
    '2.50',
    'per 1,000,000',
    '3.09',
    '1,204 events  ·  journal 1001–92331  ·  hash 9f86d081884c7d65',
  ]);
});

test('labels that the description lacks are listed by key', async () => {
  const dimensions = new Map([
    ['zone', 'b'],
    ['model', 'large'],
    ['area', 'eu'],
  ]);
  const pdf = await printed({
    lines: [givenLine({ description: 'tokens: model large', dimensions })],
  });
  expect(linesOf(pdf)).toContain('area: eu  ·  zone: b');
});

test('tiers, a reason and the corrected invoice stand under the line', async () => {
  const line = givenLine({ ...TIERED, reason: 'agreed by phone', originalInvoiceId: 'inv-0' });
  const lines = linesOf(await printed({ lines: [line] }));
  const start = lines.indexOf('Tiers, each for its part of the quantity, per 1,000:');
  expect(lines.slice(start + 1, start + 6)).toEqual([
    'up to 1,000,000:  0.0025',
    'above 1,000,000 up to 10,000,000:  0.002',
    'above 10,000,000:  0.00125 + 25.00 fixed',
    'Reason: agreed by phone',
    'Corrects invoice inv-0',
  ]);
  expect(lines).toContain('in tiers');
});

const PRICES: readonly [PriceKind, string, string, string[]][] = [
  [PriceKind.PRICE_KIND_PER_UNIT, '0.00000000000025', '1', ['0.00000000000025', 'per token']],
  [PriceKind.PRICE_KIND_PACKAGE, '12.00', '1000', ['12.00', 'per begun 1,000']],
  [PriceKind.PRICE_KIND_FLAT, '1250', '', ['1,250', 'per period']],
  [PriceKind.PRICE_KIND_PERCENTAGE, '2.9', '100', ['2.9 %']],
  [PriceKind.PRICE_KIND_MULTIPLIER, '1.15', '1', ['× 1.15']],
];

test.each(PRICES)(
  'a price of kind %i is told as %s of %s',
  async (priceKind, unitPrice, per, texts) => {
    const lines = linesOf(await printed({ lines: [givenLine({ priceKind, unitPrice, per })] }));
    const start = lines.indexOf(texts[0] ?? '');
    expect(lines.slice(start, start + texts.length)).toEqual(texts);
  },
);

test('tiers of a percentage and of blocks name percents and blocks', async () => {
  const tier = { upTo: undefined, unitPrice: '0', flatFee: '0', percent: '1.5', blockSize: '' };
  const percentage = PriceKind.PRICE_KIND_GRADUATED_PERCENTAGE;
  const volume = PriceKind.PRICE_KIND_VOLUME;
  const block = { ...tier, unitPrice: '3.00', percent: '0', blockSize: '5000' };
  const lines = linesOf(
    await printed({
      lines: [
        givenLine({ ...TIERED, priceKind: percentage, tiers: [tier] }),
        givenLine({ ...TIERED, priceKind: volume, tiers: [block] }),
      ],
    }),
  );
  expect(lines).toContain('any quantity:  1.5 %');
  expect(lines).toContain('any quantity:  3.00 per begun 5,000');
  expect(lines).toContain('Volume price, one tier for the whole quantity:');
});

const SUMS: readonly [string, string, string][] = [
  ['USD', '1234567.89', 'USD 1,234,567.89'],
  ['USD', '-1000.00', 'USD -1,000.00'],
  ['JPY', '581', 'JPY 581'],
  ['KWD', '98765.432', 'KWD 98,765.432'],
  ['CLF', '0.0001', 'CLF 0.0001'],
  ['EUR', '9007199254740993.01', 'EUR 9,007,199,254,740,993.01'],
];

test.each(SUMS)('%s %s keeps all its digits', async (currency, total, text) => {
  const lines = linesOf(await printed({ currency, total, lines: [givenLine({ amount: total })] }));
  expect(lines[lines.lastIndexOf('Total') + 1]).toBe(text);
  expect(lines).toContain(text.replace(`${currency} `, ''));
});

test('the sums are those of the message, each under its own name', async () => {
  const payment = { paymentId: 'p1', amount: '300.00', paidTime: at('2026-08-03') };
  const pdf = await printed({
    subtotal: '1000.00',
    taxes: [
      { name: 'State tax', percent: '8.875', base: '1000.00', amount: '88.75' },
      { name: 'City tax', percent: '1', base: '400.00', amount: '4.00' },
    ],
    tax: '92.75',
    total: '1092.75',
    creditApplied: '92.75',
    amountCredited: '100.00',
    payments: [{ ...payment, method: 'bank_transfer', reference: 'TRX-1' }],
    amountPaid: '300.00',
    amountDue: '600.00',
  });
  const lines = linesOf(pdf);
  expect(lines.slice(lines.indexOf('Subtotal'), lines.lastIndexOf('Amount due') + 2)).toEqual([
    'Subtotal',
    'USD 1,000.00',
    'State tax 8.875 % on 1,000.00',
    'USD 88.75',
    'City tax 1 % on 400.00',
    'USD 4.00',
    'Total',
    'USD 1,092.75',
    'Credit applied',
    'USD -92.75',
    'Credit notes',
    'USD -100.00',
    'Paid on 3 Aug 2026 (bank transfer,',
    'TRX-1)',
    'USD -300.00',
    'Amount due',
    'USD 600.00',
  ]);
});

const STATES: readonly [InvoiceState, string, string][] = [
  [InvoiceState.INVOICE_STATE_OPEN, 'OPEN', 'Due by 15 Aug 2026'],
  [InvoiceState.INVOICE_STATE_PAID, 'PAID', 'Paid on 3 Aug 2026'],
  [InvoiceState.INVOICE_STATE_VOID, 'VOID', 'Voided on 4 Aug 2026'],
  [InvoiceState.INVOICE_STATE_UNCOLLECTIBLE, 'UNCOLLECTIBLE', 'Uncollectible since 5 Aug 2026'],
];

test.each(STATES)('state %i is marked %s on every page', async (state, label, headline) => {
  const pdf = await printed({
    state,
    paidTime: at('2026-08-03'),
    voidTime: at('2026-08-04'),
    uncollectibleTime: at('2026-08-05'),
    lines: givenLines(40),
  });
  expect(linesOf(pdf)).toContain(headline);
  expect(pdf.pages.length).toBeGreaterThan(2);
  for (const [i, page] of pdf.pages.entries()) {
    const title = i === 0 ? label : `Invoice INV-2026-000123  ·  ${label}`;
    expect(page.map(({ text }) => text)).toContain(title);
    const watermarks = page.filter(({ text, size }) => size > 100 && text === label);
    expect(watermarks).toHaveLength(label === 'VOID' ? 1 : 0);
  }
});

test('a draft has no number and says so on every page', async () => {
  const state = InvoiceState.INVOICE_STATE_DRAFT;
  const lines = givenLines(40);
  const unset = { number: '', issueTime: undefined, dueTime: undefined };
  const pdf = await printed({ state, lines, ...unset });
  for (const page of pdf.pages) {
    expect(page.filter(({ text, size }) => size > 100 && text === 'DRAFT')).toHaveLength(1);
  }
  expect(pdf.pages[1]?.map(({ text }) => text)).toContain('Invoice DRAFT');
  expect(linesOf(pdf)).toContain('Not yet owed');
  expect(pdf.info.get('CreationDate')).toBe('D:20260701000000Z');
});

test('an invoice without lines and parties is printed', async () => {
  const pdf = await printed({ lines: [], taxes: [], seller: undefined, customer: undefined });
  expect(pdf.pages).toHaveLength(1);
  expect(linesOf(pdf)).toContain('No lines in this period.');
});

test('an empty message is printed', async () => {
  const bytes = await renderInvoicePdf(Invoice.decode(new Uint8Array()), {
    fonts,
    streams: 'PLAIN',
  });
  expect(readPdf(bytes).text).toContain('UNKNOWN STATE');
});

const NAMES = [
  'Ελληνική Εταιρεία Α.Ε.',
  'ООО «Ромашка» — Їжак',
  'Đặng Thị Hạnh, Łódź, Ğüneş, Ærø',
  'Thi Thị i ị e ẹ o ọ u ụ n ǹ, fi ffi, ı i',
  '株式会社日本語テスト。',
  'ქართული კომპანია',
  'Հայկական ընկերություն',
  'Ångström → ½ × € ₴ ₽ ≤ ∞',
];

test.each(NAMES)('"%s" is in the document as it was written', async (name) => {
  const customer = { legalName: name, address: '', taxId: '', email: '' };
  const pdf = await printed({ customer });
  expect(linesOf(pdf)).toContain(name);
  expect(pdf.info.get('Subject')).toContain(name);
});

test('characters that no font has are replaced visibly', async () => {
  const pdf = await printed({ lines: [givenLine({ description: 'a 한국 b \u{1F9FE} c' })] });
  expect(linesOf(pdf)).toContain('a \uFFFD\uFFFD b \uFFFD c');
});

test('nothing invisible is printed that turns or hides text', async () => {
  const description = 'pay \u202Enow\u202C\u0000\u200B,\tplease\u00AD';
  const pdf = await printed({ lines: [givenLine({ description })] });
  expect(linesOf(pdf)).toContain('pay now, please');
});

test('words from right to left change places, numbers behind them too', async () => {
  const pdf = await printed({ lines: [givenLine({ description: 'for אבג דהו 12 (Haifa) 7' })] });
  // Glyphs stand in the order of the paper, so the letters of a word do as well.
  expect(linesOf(pdf)).toContain('for 12 והד גבא (Haifa) 7');
});

test('any text can be printed', async () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(text, text, text, async (description, name, value) => {
      const party = { legalName: name, address: value, taxId: value, email: '' };
      const line = givenLine({ description, unit: name, dimensions: new Map([[name, value]]) });
      const given = { seller: party, customer: party, currency: value, number: name };
      const pdf = await printed({ ...given, total: value, lines: [line] });
      expect(pdf.pages.length).toBeGreaterThan(0);
    }),
    { numRuns: 40 },
  );
});

test('the kind of an invoice is told where it is not the regular one', async () => {
  const pdf = await printed({ kind: InvoiceKind.INVOICE_KIND_FINAL });
  expect(linesOf(pdf)).toContain('Final invoice');
});

test('days are those of the zone, and the footer names it', async () => {
  const berlin = { periodStart: at('2026-06-30T22:00:00Z'), periodEnd: at('2026-07-31T22:00:00Z') };
  const pdf = await printed(berlin, { zone: 'Europe/Berlin' });
  const lines = linesOf(pdf);
  expect(lines[lines.indexOf('Billing period') + 1]).toBe('1–31 Jul 2026');
  expect(lines.find((line) => line.includes('Dates in'))).toContain('Dates in Europe/Berlin');
});

test("the seller's note stands under the sums", async () => {
  const lines = linesOf(await printed({}, { note: 'IBAN DE89 3704\nThank you' }));
  expect(lines.slice(lines.indexOf('IBAN DE89 3704')).slice(0, 2)).toEqual([
    'IBAN DE89 3704',
    'Thank you',
  ]);
});

test('an extra font that is no font is refused by name', async () => {
  const extraFonts = [`${import.meta.dirname}/given.ts`];
  const lines = [givenLine({ description: '한국' })];
  const rendering = printed({ lines }, { fonts: openPdfFonts({ extraFonts }) });
  await expect(rendering).rejects.toMatchObject({ code: 'PDF_FONT_UNREADABLE' });
});
