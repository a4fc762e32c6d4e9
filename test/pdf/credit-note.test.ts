import { expect, test } from 'vitest';
import {
  CreditNote,
  CreditNoteApplication,
  CreditNoteState,
} from '../../generated/ts/tollgate/v1/credit_note.js';
import { renderCreditNotePdf } from '../../src/pdf/render-credit-note.js';
import { at, givenInvoice } from './given.js';
import { readPdf } from './read-pdf.js';

const creditNote: CreditNote = {
  ...CreditNote.decode(new Uint8Array()),
  creditNoteId: 'cn-1',
  number: 'CN-2026-000001',
  invoiceId: 'inv-1',
  orgId: 'org_acme',
  currency: 'USD',
  lines: [{ description: 'Outage of 12 July', amount: '1000.00' }],
  subtotal: '1000.00',
  taxes: [{ name: 'VAT', percent: '19', base: '1000.00', amount: '190.00' }],
  tax: '190.00',
  amount: '1190.00',
  reason: 'Service level agreement, section 4',
  application: CreditNoteApplication.CREDIT_NOTE_APPLICATION_CREDIT_BALANCE,
  state: CreditNoteState.CREDIT_NOTE_STATE_ISSUED,
  issueTime: at('2026-08-04'),
};

test('a credit note names the invoice, what is given back and where it goes', async () => {
  const bytes = await renderCreditNotePdf(creditNote, givenInvoice(), { streams: 'PLAIN' });
  const { text, info } = readPdf(bytes);
  const lines = text.split('\n');
  expect(lines[lines.indexOf('For invoice') + 1]).toBe('INV-2026-000123');
  expect(lines[lines.indexOf('Outage of 12 July') + 1]).toBe('1,000.00');
  expect(lines[lines.indexOf('VAT 19 % on 1,000.00') + 1]).toBe('USD 190.00');
  expect(lines[lines.lastIndexOf('Amount credited') + 1]).toBe('USD 1,190.00');
  expect(lines).toContain('Acme Agents, Inc.');
  expect(lines).toContain('Added to the credit balance');
  expect(lines).toContain('Reason: Service level agreement, section 4');
  expect(info.get('Title')).toBe('Credit note CN-2026-000001');
  expect(info.get('CreationDate')).toBe('D:20260804000000Z');
});
