// GetInvoicePdf: rendered on demand. A closed invoice gives the same bytes each time.

import { createHash } from 'node:crypto';
import type {
  GetInvoicePdfRequest,
  GetInvoicePdfResponse,
} from '../../../generated/ts/tollgate/v1/invoice_service.js';
import { limits } from '../../limits.js';
import { openPdfFonts, type PdfFonts } from '../../pdf/fonts.js';
import { renderInvoicePdf } from '../../pdf/render-invoice.js';
import { toWholeInvoice } from '../billing/to-invoice.js';
import { etagOf } from '../change.js';
import type { Answer, Core } from '../core.js';
import { checkId, checkOrgId, createFaults, refuseFaults } from '../parse.js';
import { Refusal } from '../refusal.js';
import { findInvoice } from './parts.js';

/** Some fields of the reply and its own header. */
const ROOM_BYTES = 1024;

/** The fonts are read at the first one. */
export function openInvoicePdf() {
  let fonts: PdfFonts | undefined;
  return async (
    core: Core,
    { orgId, invoiceId }: GetInvoicePdfRequest,
  ): Promise<Answer<GetInvoicePdfResponse>> => {
    const faults = createFaults();
    if (orgId !== '') checkOrgId(orgId, 'org_id', faults);
    checkId(invoiceId, 'invoice_id', faults);
    refuseFaults(faults);
    const stored = await findInvoice(core, orgId, invoiceId);
    const { value } = stored;
    const { zone } = value;
    fonts ??= openPdfFonts({});
    const pdf = await renderInvoicePdf(toWholeInvoice(value, etagOf(stored)), { fonts, zone });
    if (pdf.length > limits.messageBytes - ROOM_BYTES) throw tooLarge(value.lines.length);
    const fileName = `${value.number === '' ? value.invoice_id : value.number}.pdf`;
    const sha256 = createHash('sha256').update(pdf).digest('hex');
    return { reply: { pdf, fileName, sha256 }, after: core.journal.lastSequence() };
  };
}

function tooLarge(lines: number): Refusal {
  const text = `the PDF of ${lines} lines is larger than a message: read them with GetInvoice`;
  return new Refusal('RESOURCE_EXHAUSTED', 'PDF_TOO_LARGE', text);
}
