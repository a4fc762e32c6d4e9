// What an invoice says: its state, headline, facts and sums. The amounts are the message's own.

import {
  type Invoice,
  InvoiceKind,
  InvoiceState,
  type InvoiceTax,
} from '../../generated/ts/tollgate/v1/invoice.js';
import {
  type Content,
  type Headline,
  INKS,
  type Note,
  type StateMark,
  sentenceCase,
  type Total,
} from './content.js';
import { type Dates, toEpochMs } from './dates.js';
import { groupDigits, isZero, moneyText, takenOff } from './figures.js';
import { lineRow } from './line-row.js';

export function invoiceContent(invoice: Invoice, dates: Dates, note: string): Content {
  const { number, seller, customer, currency, periodStart, periodEnd, issueTime } = invoice;
  const mark = stateMark(invoice.state);
  const to = customer === undefined ? '' : ` to ${customer.legalName}`;
  // A draft was never issued; the start of what it bills stands for that.
  const created = issueTime ?? periodStart;
  return {
    title: 'Invoice',
    number,
    mark,
    seller,
    customer,
    facts: factsOf(invoice, mark, dates),
    headline: headlineOf(invoice, dates),
    currency,
    rows: invoice.lines.map((line) => lineRow(line, dates)),
    noRows: 'No lines in this period.',
    totals: totalsOf(invoice, dates),
    notes: notesOf(invoice, note),
    subject: `Invoice${to}, ${dates.period(periodStart, periodEnd)}, ${mark.label}`,
    createdMs: created === undefined ? 0 : toEpochMs(created),
  };
}

function stateMark(state: InvoiceState): StateMark {
  switch (state) {
    case InvoiceState.INVOICE_STATE_DRAFT:
      return { ...INKS.grey, label: 'DRAFT', watermark: 'DRAFT' };
    case InvoiceState.INVOICE_STATE_OPEN:
      return { ...INKS.blue, label: 'OPEN', watermark: '' };
    case InvoiceState.INVOICE_STATE_PAID:
      return { ...INKS.green, label: 'PAID', watermark: '' };
    case InvoiceState.INVOICE_STATE_VOID:
      return { ...INKS.red, label: 'VOID', watermark: 'VOID' };
    case InvoiceState.INVOICE_STATE_UNCOLLECTIBLE:
      return { ...INKS.amber, label: 'UNCOLLECTIBLE', watermark: '' };
    case InvoiceState.INVOICE_STATE_SKIPPED:
      return { ...INKS.grey, label: 'SKIPPED', watermark: '' };
    case InvoiceState.INVOICE_STATE_UNSPECIFIED:
    case InvoiceState.UNRECOGNIZED:
      return { ...INKS.grey, label: 'UNKNOWN STATE', watermark: '' };
  }
}

function headlineOf(invoice: Invoice, dates: Dates): Headline {
  const { currency, dueTime, paidTime, voidTime, uncollectibleTime } = invoice;
  const total = moneyText(invoice.total, currency);
  const due = { label: 'Amount due', amount: moneyText(invoice.amountDue, currency) };
  const done = (what: string, time: typeof paidTime) =>
    time === undefined ? what : `${what} on ${dates.day(time)}`;
  switch (invoice.state) {
    case InvoiceState.INVOICE_STATE_DRAFT: {
      const remark = 'The figures can change until the invoice is issued.';
      return { label: 'Total so far', amount: total, note: 'Not yet owed', remark };
    }
    case InvoiceState.INVOICE_STATE_PAID: {
      const remark = 'Nothing is left to pay.';
      return { label: 'Total', amount: total, note: done('Paid', paidTime), remark };
    }
    case InvoiceState.INVOICE_STATE_VOID: {
      const remark = withReason('Taken back: nothing is owed.', invoice);
      return { label: 'Total', amount: total, note: done('Voided', voidTime), remark };
    }
    case InvoiceState.INVOICE_STATE_UNCOLLECTIBLE: {
      const note = done('Uncollectible', uncollectibleTime).replace(' on ', ' since ');
      return { ...due, note, remark: withReason('', invoice) };
    }
    case InvoiceState.INVOICE_STATE_SKIPPED: {
      const remark = 'No invoice was issued for this period.';
      return { ...due, note: 'Nothing is owed', remark };
    }
    case InvoiceState.INVOICE_STATE_OPEN:
    case InvoiceState.INVOICE_STATE_UNSPECIFIED:
    case InvoiceState.UNRECOGNIZED: {
      const note = dueTime === undefined ? '' : `Due by ${dates.day(dueTime)}`;
      return { ...due, note, remark: '' };
    }
  }
}

function withReason(text: string, { stateReason }: Invoice): string {
  return stateReason === '' ? text : `${text}\nReason: ${stateReason}`.trimStart();
}

function factsOf(invoice: Invoice, mark: StateMark, dates: Dates): Content['facts'] {
  const { number, issueTime, dueTime, periodStart, periodEnd } = invoice;
  const facts = [
    ['Invoice number', number === '' ? 'None' : number],
    ['Issue date', dates.day(issueTime)],
    ['Due date', dates.day(dueTime)],
    ['Billing period', dates.period(periodStart, periodEnd)],
    ['Currency', invoice.currency],
    ['Status', sentenceCase(mark.label)],
    ['Type', kindText(invoice.kind)],
    ['Plan', invoice.plan],
    ['Account', invoice.orgId],
    ['Subscription', invoice.subscriptionId],
  ] as const;
  return facts.filter(([, value]) => value !== '');
}

/** Empty for the regular invoice of a period. */
function kindText(kind: InvoiceKind): string {
  switch (kind) {
    case InvoiceKind.INVOICE_KIND_PRORATION:
      return 'Change within a period';
    case InvoiceKind.INVOICE_KIND_FINAL:
      return 'Final invoice';
    case InvoiceKind.INVOICE_KIND_MANUAL:
      return 'On request';
    case InvoiceKind.INVOICE_KIND_RECURRING:
    case InvoiceKind.INVOICE_KIND_UNSPECIFIED:
    case InvoiceKind.UNRECOGNIZED:
      return '';
  }
}

function totalsOf(invoice: Invoice, dates: Dates): Total[] {
  const { currency, taxes, tax, amountCredited, payments } = invoice;
  const row = (label: string, amount: string, kind: Total['kind'] = 'PART'): Total => ({
    label,
    amount: moneyText(amount, currency),
    kind,
  });
  const paid = payments.map(({ amount, paidTime, method, reference }) => {
    const how = [method.replaceAll('_', ' '), reference].filter((text) => text !== '').join(', ');
    const label = `Paid on ${dates.day(paidTime)}${how === '' ? '' : ` (${how})`}`;
    return row(label, takenOff(amount));
  });
  return [
    row('Subtotal', invoice.subtotal),
    ...taxes.map((one) => row(taxLabel(one), one.amount)),
    ...(taxes.length === 0 && !isZero(tax) ? [row('Tax', tax)] : []),
    row('Total', invoice.total, 'SUM'),
    row('Credit applied', takenOff(invoice.creditApplied)),
    ...(isZero(amountCredited) ? [] : [row('Credit notes', takenOff(amountCredited))]),
    ...(paid.length === 0 ? [row('Paid', takenOff(invoice.amountPaid))] : paid),
    row('Amount due', invoice.amountDue, 'LAST'),
  ];
}

/** "VAT 19 % on 1,000.00". */
export function taxLabel({ name, percent, base }: InvoiceTax): string {
  return `${name} ${percent} % on ${groupDigits(base)}`;
}

function notesOf({ lines }: Invoice, note: string): Note[] {
  const proof = 'Events, journal sequences and hash prove a line: a replay gives them again.';
  return [
    ...(note === '' ? [] : [{ text: note, size: 'BODY' } as const]),
    ...(lines.some(({ eventCount }) => eventCount > 0n)
      ? [{ text: proof, size: 'SMALL' } as const]
      : []),
  ];
}
