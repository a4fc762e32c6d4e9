// A credit note as a PDF, in the look of the invoice that it corrects.

import type { CreditNote } from '../../generated/ts/tollgate/v1/credit_note.js';
import type { Invoice } from '../../generated/ts/tollgate/v1/invoice.js';
import { creditNoteContent } from './credit-note-content.js';
import { type PdfOptions, renderPdf } from './render.js';

/**
 * Seller, customer and the number it refers to are those of `invoice`. Fails with
 * PDF_FONT_UNREADABLE where an extra font of `options.fonts` cannot be embedded.
 */
export function renderCreditNotePdf(
  creditNote: CreditNote,
  invoice: Invoice,
  options: PdfOptions = {},
): Promise<Buffer> {
  return renderPdf((dates, note) => creditNoteContent(creditNote, invoice, dates, note), options);
}
