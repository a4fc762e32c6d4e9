// The same invoice gives the same bytes: later, elsewhere, with fonts that were used before.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { Invoice, InvoiceState } from '../../generated/ts/tollgate/v1/invoice.js';
import { openPdfFonts } from '../../src/pdf/fonts.js';
import { renderInvoicePdf } from '../../src/pdf/render-invoice.js';
import { ensureBuilt } from '../support/fault-build.js';
import { givenInvoice, givenLine, givenLines } from './given.js';
import { readPdf } from './read-pdf.js';

const ROOT = resolve(import.meta.dirname, '../..');
const invoice = givenInvoice({
  lines: [...givenLines(60), givenLine({ description: '日本語 → ქართული Ωη Thi हिन्दी m И שלום' })],
});

/** Prints the hash of the PDF of the invoice on standard input. */
const PROGRAM = `
const { createHash } = await import('node:crypto');
const { readFileSync } = await import('node:fs');
const { Invoice } = await import(process.argv[1] + '/generated/ts/tollgate/v1/invoice.js');
const { renderInvoicePdf } = await import(process.argv[1] + '/src/pdf/render-invoice.js');
const pdf = await renderInvoicePdf(Invoice.decode(readFileSync(0)));
console.log(createHash('sha256').update(pdf).digest('hex'));
`;

afterEach(() => {
  vi.useRealTimers();
});

test('at another time', async () => {
  const now = hash(await renderInvoicePdf(invoice));
  vi.useFakeTimers({ now: Date.parse('2031-02-03T04:05:06Z'), toFake: ['Date'] });
  expect(hash(await renderInvoicePdf(invoice))).toBe(now);
  const draft = { ...invoice, state: InvoiceState.INVOICE_STATE_DRAFT, issueTime: undefined };
  const later = hash(await renderInvoicePdf(draft));
  vi.setSystemTime(Date.parse('2032-02-03T04:05:06Z'));
  expect(hash(await renderInvoicePdf(draft))).toBe(later);
});

test('with fonts that other documents used before, also at the same time', async () => {
  const fresh = hash(await renderInvoicePdf(invoice));
  const fonts = openPdfFonts();
  const others = [
    givenInvoice({ lines: givenLines(7) }),
    givenInvoice({ currency: 'Ώή Thị ḿ Й हिन्दी' }),
  ];
  await Promise.all(others.map((other) => renderInvoicePdf(other, { fonts })));
  const together = [invoice, ...others, invoice].map((each) => renderInvoicePdf(each, { fonts }));
  const hashes = (await Promise.all(together)).map(hash);
  expect([hashes[0], hashes[3]]).toEqual([fresh, fresh]);
});

test('in another process, from dist/, in another zone and language', async () => {
  await ensureBuilt();
  const output = execFileSync(
    process.execPath,
    ['--input-type=module', '--eval', PROGRAM, join(ROOT, 'dist', 'esm')],
    {
      cwd: '/',
      input: Invoice.encode(invoice).finish(),
      env: { TZ: 'Asia/Tokyo', LANG: 'de_DE.UTF-8' },
    },
  );
  expect(output.toString().trim()).toBe(hash(await renderInvoicePdf(invoice)));
});

test('another invoice has other bytes and another document id', async () => {
  const idOf = async (given: Partial<Invoice>) => {
    const bytes = await renderInvoicePdf(givenInvoice(given), { streams: 'PLAIN' });
    return readPdf(bytes).id;
  };
  const id = await idOf({});
  expect(await idOf({})).toBe(id);
  expect(await idOf({ number: 'INV-2026-000124' })).not.toBe(id);
  expect(await idOf({ state: InvoiceState.INVOICE_STATE_PAID })).not.toBe(id);
});

function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
