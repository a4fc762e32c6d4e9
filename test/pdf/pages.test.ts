// How an invoice fills its pages.

import { expect, test } from 'vitest';
import type { Invoice } from '../../generated/ts/tollgate/v1/invoice.js';
import { openPdfFonts } from '../../src/pdf/fonts.js';
import { AREA } from '../../src/pdf/look.js';
import { renderInvoicePdf } from '../../src/pdf/render-invoice.js';
import { givenInvoice, givenLine, givenLines, TIERED } from './given.js';
import { type Pdf, type PdfText, readPdf } from './read-pdf.js';

const fonts = openPdfFonts();
/** Rounding of pdfkit's numbers, and of the widths in the font. */
const SLACK = 0.1;

async function printed(given: Partial<Invoice>): Promise<Pdf> {
  return readPdf(await renderInvoicePdf(givenInvoice(given), { fonts, streams: 'PLAIN' }));
}

function pageOf(pdf: Pdf, wanted: (text: PdfText) => boolean): number {
  return pdf.pages.findIndex((page) => page.some(wanted));
}

function expectWithinMargins({ pages }: Pdf): void {
  for (const text of pages.flat().filter(({ size }) => size < 100)) {
    expect(text.x, text.text).toBeGreaterThanOrEqual(AREA.left - SLACK);
    // A space at the end of a line may stand out.
    if (!text.text.endsWith(' '))
      expect(text.right, text.text).toBeLessThanOrEqual(AREA.right + SLACK);
    expect(text.y, text.text).toBeGreaterThan(AREA.top);
    expect(text.y, text.text).toBeLessThanOrEqual(AREA.footer + SLACK);
  }
}

test('2,000 lines fill many pages, each row whole, in order, once', async () => {
  const lines = givenLines(2000);
  const pdf = await printed({ lines });
  expectWithinMargins(pdf);
  const count = pdf.pages.length;
  expect(count).toBeGreaterThan(100);
  expect(count).toBeLessThan(250);
  for (const [i, page] of pdf.pages.entries()) {
    const texts = page.map(({ text }) => text);
    expect(texts.at(-1)).toBe(`Page ${i + 1} of ${count}`);
    for (const head of ['Description', 'Service period', 'Quantity', 'Amount (USD)']) {
      expect(
        texts.filter((text) => text === head),
        `page ${i + 1}`,
      ).toHaveLength(1);
    }
    if (i > 0) expect(texts).toContain('Invoice INV-2026-000123  ·  OPEN');
    // The number ends the description, the hash ends the small print: both on one page.
    const numbers = texts.flatMap((text) => /#(\d+)$/.exec(text)?.[1] ?? []);
    const hashes = texts.flatMap((text) => /hash (\w+)$/.exec(text)?.[1] ?? []);
    expect(hashes).toEqual(numbers.map((number) => lines[Number(number) - 1]?.eventsHash));
  }
  const numbers = [...pdf.text.matchAll(/#(\d+)$/gm)].map(([, number]) => Number(number));
  expect(numbers).toEqual(lines.map((_, i) => i + 1));
}, 20_000);

test('the sums stay together, however many lines are before them', async () => {
  for (let count = 1; count <= 24; count++) {
    const pdf = await printed({ lines: givenLines(count) });
    expectWithinMargins(pdf);
    const first = pageOf(pdf, ({ text }) => text === 'Subtotal');
    const last = pageOf(pdf, ({ text, size, x }) => text === 'Amount due' && size > 10 && x > 200);
    expect(first, `${count} lines`).toBe(last);
    expect(first).toBe(pdf.pages.length - 1);
  }
});

test('figures end at the right edge of their column', async () => {
  const lines = givenLines(30);
  const pdf = await printed({ lines });
  const texts = pdf.pages.flat();
  const head = texts.find(({ text }) => text === 'Amount (USD)');
  const amounts = texts.filter(({ text, right }) => /^[\d,]+\.\d\d$/.test(text) && right > 500);
  expect(amounts).toHaveLength(30);
  for (const { right } of amounts) expect(right).toBeCloseTo(head?.right ?? 0, 1);
});

test('no word of a long description and of long labels is lost', async () => {
  const words = Array.from({ length: 150 }, (_, i) => `word${i}`);
  const labels = Array.from({ length: 16 }, (_, i) => [`key${i}`, 'v'.repeat(256)] as const);
  const line = givenLine({ description: words.join(' '), dimensions: new Map(labels) });
  const pdf = await printed({ lines: [line] });
  expectWithinMargins(pdf);
  const text = pdf.text.replaceAll('\n', ' ');
  for (const word of words) expect(text).toContain(word);
  expect(text.match(/v/g)?.length).toBeGreaterThanOrEqual(16 * 256);
});

test('only a row taller than a page is parted', async () => {
  const tier = { unitPrice: '0.1', flatFee: '', percent: '', blockSize: '' };
  const tiers = Array.from({ length: 100 }, (_, i) => ({ ...tier, upTo: String(i + 1) }));
  const pdf = await printed({ lines: [givenLine({ ...TIERED, tiers })] });
  expectWithinMargins(pdf);
  expect(pdf.pages).toHaveLength(3);
  expect(pdf.text.match(/up to \d+: {2}0\.1/g)).toHaveLength(100);
});

test('figures too wide for their column are set smaller', async () => {
  const amount = '-922337203685477580707.00';
  const quantity = '9223372036854775807.123456789';
  const pdf = await printed({ lines: [givenLine({ amount, quantity })], total: amount });
  expectWithinMargins(pdf);
  const figure = pdf.pages.flat().find(({ text }) => text === '-922,337,203,685,477,580,707.00');
  expect(figure?.size).toBeLessThan(8.5);
});

test('columns that no line fills are left out', async () => {
  const empty = { quantity: '', unit: '', unitPrice: '', per: '' };
  const pdf = await printed({ lines: [givenLine({ ...empty, description: 'Base fee' })] });
  expect(pdf.text).not.toContain('Quantity');
  expect(pdf.text).not.toContain('Unit price');
  expect(pdf.text).toContain('Service period');
});

test('long names are parted or clipped, the number of the invoice is whole on every page', async () => {
  const number = 'A-LONG-SERIES-OF-INVOICES-2026-00000000123';
  const legalName = 'Gesellschaft für Inferenz und verteiltes Rechnen '.repeat(3).trim();
  const seller = {
    legalName,
    address: '',
    taxId: '',
    email: `billing@${'mail.'.repeat(16)}example`,
  };
  const pdf = await printed({ number, seller, lines: givenLines(20) });
  expectWithinMargins(pdf);
  for (const page of pdf.pages.slice(1)) {
    const texts = page.map(({ text }) => text);
    expect(texts).toContain(`Invoice ${number}  ·  OPEN`);
    expect(texts[0]).toMatch(/^Gesellschaft für .*…$/);
    expect(texts.at(-2)).toMatch(/^Invoice A-LONG-SERIES-\S+ {2}· {2}Dates in UTC {2}· {2}.*…$/);
  }
});
