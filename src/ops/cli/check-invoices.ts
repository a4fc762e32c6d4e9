// What must hold of every stored invoice, and of the numbers of all.

import type { CreditNoteRecord } from '../../domain/invoicing/credit.js';
import type { InvoiceDocument } from '../../domain/invoicing/document.js';
import { invoiceFaults } from '../../domain/invoicing/invoice-faults.js';
import { type Records, recordsOf } from '../../state/records.js';

export function checkInvoices(
  invoices: readonly InvoiceDocument[],
  records: Records,
): readonly string[] {
  const notes = [...recordsOf<CreditNoteRecord>(records, 'credit_note')].map(({ value }) => value);
  return [
    ...invoices.flatMap(sums),
    ...gaps(
      records,
      [...invoices, ...notes].map(({ number }) => number).filter((n) => n !== ''),
    ),
  ];
}

function sums(invoice: InvoiceDocument): readonly string[] {
  return invoiceFaults(invoice).map((fault) => `invoice ${invoice.invoice_id}: ${fault}`);
}

/** Every number of a series from 1 to the last drawn, each once. */
function gaps(records: Records, numbers: readonly string[]): readonly string[] {
  const bySeries = new Map<string, number[]>();
  for (const text of numbers) {
    const series = text.slice(0, text.lastIndexOf('-'));
    const own = bySeries.get(series) ?? [];
    bySeries.set(series, own);
    own.push(Number(text.slice(text.lastIndexOf('-') + 1)));
  }
  const drawn = recordsOf<{ readonly last: number }>(records, 'series');
  const lasts = new Map([...drawn].map(({ id, value }) => [id, value.last]));
  return [...new Set([...bySeries.keys(), ...lasts.keys()])].flatMap((series) => {
    const own = (bySeries.get(series) ?? []).sort((a, b) => a - b);
    const isWhole = own.every((number, i) => number === i + 1) && own.length === lasts.get(series);
    if (isWhole) return [];
    return [`series ${series}: ${own.length} numbers, ${lasts.get(series) ?? 0} drawn`];
  });
}
