// An invoice as a PDF: A4, selectable text, the same bytes for the same invoice.

import type { Invoice } from '../../generated/ts/tollgate/v1/invoice.js';
import { invoiceContent } from './invoice-content.js';
import { type PdfOptions, renderPdf } from './render.js';

/** Fails with PDF_FONT_UNREADABLE where an extra font of `options.fonts` cannot be embedded. */
export function renderInvoicePdf(invoice: Invoice, options: PdfOptions = {}): Promise<Buffer> {
  return renderPdf((dates, note) => invoiceContent(invoice, dates, note), options);
}
