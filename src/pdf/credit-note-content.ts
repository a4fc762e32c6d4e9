// What a credit note says. The parties are those of the invoice that it corrects.

import {
  type CreditNote,
  CreditNoteApplication,
  CreditNoteState,
} from '../../generated/ts/tollgate/v1/credit_note.js';
import type { Invoice } from '../../generated/ts/tollgate/v1/invoice.js';
import { type Content, INKS, type Note, type StateMark, sentenceCase } from './content.js';
import { type Dates, toEpochMs } from './dates.js';
import { groupDigits, moneyText } from './figures.js';
import { taxLabel } from './invoice-content.js';

export function creditNoteContent(
  creditNote: CreditNote,
  invoice: Invoice,
  dates: Dates,
  note: string,
): Content {
  const { number, currency, issueTime, reason, orgId } = creditNote;
  const { seller, customer } = invoice;
  const mark = stateMark(creditNote.state);
  const invoiceName = invoice.number === '' ? creditNote.invoiceId : invoice.number;
  const money = (amount: string) => moneyText(amount, currency);
  const amount = money(creditNote.amount);
  const facts = [
    ['Credit note number', number],
    ['Issue date', dates.day(issueTime)],
    ['For invoice', invoiceName],
    ['Currency', currency],
    ['Status', sentenceCase(mark.label)],
    ['Account', orgId],
  ] as const;
  return {
    title: 'Credit note',
    number,
    mark,
    seller,
    customer,
    facts: facts.filter(([, value]) => value !== ''),
    headline: {
      label: 'Amount credited',
      amount,
      note: applicationText(creditNote.application),
      remark: `For invoice ${invoiceName}`,
    },
    currency,
    rows: creditNote.lines.map((line) => ({
      description: line.description,
      period: '',
      quantity: '',
      unit: '',
      price: '',
      basis: '',
      amount: groupDigits(line.amount),
      details: [],
    })),
    noRows: 'No lines.',
    totals: [
      { label: 'Subtotal', amount: money(creditNote.subtotal), kind: 'PART' },
      ...creditNote.taxes.map(
        (tax) => ({ label: taxLabel(tax), amount: money(tax.amount), kind: 'PART' }) as const,
      ),
      { label: 'Amount credited', amount, kind: 'LAST' },
    ],
    notes: [reason === '' ? '' : `Reason: ${reason}`, note]
      .filter((text) => text !== '')
      .map((text): Note => ({ text, size: 'BODY' })),
    subject: `Credit note for invoice ${invoiceName}, ${mark.label}`,
    createdMs: issueTime === undefined ? 0 : toEpochMs(issueTime),
  };
}

function stateMark(state: CreditNoteState): StateMark {
  switch (state) {
    case CreditNoteState.CREDIT_NOTE_STATE_ISSUED:
      return { ...INKS.green, label: 'ISSUED', watermark: '' };
    case CreditNoteState.CREDIT_NOTE_STATE_VOID:
      return { ...INKS.red, label: 'VOID', watermark: 'VOID' };
    case CreditNoteState.CREDIT_NOTE_STATE_UNSPECIFIED:
    case CreditNoteState.UNRECOGNIZED:
      return { ...INKS.grey, label: 'UNKNOWN STATE', watermark: '' };
  }
}

function applicationText(application: CreditNoteApplication): string {
  switch (application) {
    case CreditNoteApplication.CREDIT_NOTE_APPLICATION_AMOUNT_DUE:
      return 'Taken off the amount due';
    case CreditNoteApplication.CREDIT_NOTE_APPLICATION_CREDIT_BALANCE:
      return 'Added to the credit balance';
    case CreditNoteApplication.CREDIT_NOTE_APPLICATION_REFUND:
      return 'Refunded';
    case CreditNoteApplication.CREDIT_NOTE_APPLICATION_UNSPECIFIED:
    case CreditNoteApplication.UNRECOGNIZED:
      return '';
  }
}
