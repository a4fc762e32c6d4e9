// Credit notes: money given back on a closed invoice, which itself changes in nothing but its due.

import {
  type CreditNote,
  CreditNoteApplication,
  CreditNoteState,
} from '../../../generated/ts/tollgate/v1/credit_note.js';
import type {
  CreateCreditNoteRequest,
  CreateCreditNoteResponse,
  GetCreditNoteRequest,
  GetCreditNoteResponse,
  ListCreditNotesRequest,
  ListCreditNotesResponse,
} from '../../../generated/ts/tollgate/v1/invoice_service.js';
import { powerOfTen } from '../../base/decimal.js';
import { divideHalfAway } from '../../base/division.js';
import { amountDue, sumsOf } from '../../domain/invoicing/amounts.js';
import type {
  CreditApplication,
  CreditGrantRecord,
  CreditNoteRecord,
} from '../../domain/invoicing/credit.js';
import type { InvoiceDocument } from '../../domain/invoicing/document.js';
import { decimal } from '../../domain/plans/validated.js';
import { formatMinor } from '../../domain/pricing/money.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { locator, numberText } from '../billing/bill.js';
import { toInvoice } from '../billing/to-invoice.js';
import { create, etagOf, put } from '../change.js';
import { checkReason, checkText } from '../checks.js';
import type { Answer, Core } from '../core.js';
import { nextToken, pagingOf } from '../paging.js';
import { checkId, checkOrgId, createFaults, refuseFaults, toTimestamp } from '../parse.js';
import { Refusal } from '../refusal.js';
import {
  checkInvoiceCall,
  parseMinor,
  planInvoice,
  refusal,
  requireState,
  type StoredInvoice,
} from './parts.js';
import { settled } from './pay-invoice.js';

const KIND = 'credit_note';
const LINES_MAX = 100;
const SERIES = 'CN';

const APPLICATION: Record<CreditApplication, CreditNoteApplication> = {
  AMOUNT_DUE: CreditNoteApplication.CREDIT_NOTE_APPLICATION_AMOUNT_DUE,
  CREDIT_BALANCE: CreditNoteApplication.CREDIT_NOTE_APPLICATION_CREDIT_BALANCE,
  REFUND: CreditNoteApplication.CREDIT_NOTE_APPLICATION_REFUND,
};

export async function createCreditNote(
  core: Core,
  request: CreateCreditNoteRequest,
): Promise<Answer<CreateCreditNoteResponse>> {
  const faults = createFaults();
  checkInvoiceCall(request, faults);
  checkReason(request.reason, 1, faults);
  const { lines } = request;
  if (lines.length > LINES_MAX) faults.add('lines', `must be at most ${LINES_MAX}`);
  for (const [i, { description }] of lines.entries()) {
    checkText(description, `lines[${i}].description`, { min: 1, max: 256 }, faults);
  }
  if (lines.length > 0 && request.amount !== '') {
    faults.add('amount', 'cannot stand together with lines');
  }
  refuseFaults(faults);
  return planInvoice(
    core,
    'credit_notes.create',
    request,
    async (stored, atMs) => {
      requireState(stored, 'OPEN', 'PAID');
      const application = applicationOf(request.application, stored.value);
      const left = await leftToGive(core, stored, application);
      const note = noteOf(core, stored.value, request, application, left, atMs);
      if (BigInt(note.amount) > left) throw tooMuch(application);
      const year = new Date(atMs).getUTCFullYear();
      return {
        series: `${SERIES}-${year}`,
        changes: (number) => {
          const numbered = { ...note, number: numberText(SERIES, year, number) };
          return [
            create(KIND, stored.orgId, note.credit_note_id, numbered),
            locator(stored.orgId, note.credit_note_id),
            put('invoice', stored.orgId, stored.id, stored, credited(stored.value, note, atMs)),
            ...granted(note, atMs),
          ];
        },
      };
    },
    (changed) => {
      const note = changed.first(KIND);
      const invoice = changed.first('invoice');
      return {
        creditNote: note && toCreditNote(note),
        invoice: invoice && toInvoice(invoice.value, etagOf(invoice)),
      };
    },
  );
}

function applicationOf(
  asked: CreditNoteApplication,
  { state }: InvoiceDocument,
): CreditApplication {
  const usual = state === 'PAID' ? 'CREDIT_BALANCE' : 'AMOUNT_DUE';
  for (const [name, value] of Object.entries(APPLICATION)) {
    if (value === asked) return name as CreditApplication;
  }
  return usual;
}

/** No more than is due, or than was paid and not given back yet. */
async function leftToGive(
  core: Core,
  { orgId, value }: StoredInvoice,
  application: CreditApplication,
): Promise<bigint> {
  if (application === 'AMOUNT_DUE') return amountDue(value);
  let given = 0n;
  for (const id of value.credit_note_ids) {
    const note = await core.ledger.get(KIND, orgId, id);
    if (note !== undefined && note.value.application !== 'AMOUNT_DUE')
      given += BigInt(note.value.amount);
  }
  return BigInt(value.amount_paid) + BigInt(value.credit_applied) - given;
}

function noteOf(
  core: Core,
  invoice: InvoiceDocument,
  request: CreateCreditNoteRequest,
  application: CreditApplication,
  left: bigint,
  atMs: number,
): CreditNoteRecord {
  const { currency } = invoice;
  const faults = createFaults();
  const lines = request.lines.map(({ description, amount }, i) => ({
    description,
    amount: `${parseMinor(amount, currency, `lines[${i}].amount`, 'positive', faults)}`,
  }));
  const whole =
    request.amount === ''
      ? left
      : parseMinor(request.amount, currency, 'amount', 'positive', faults);
  refuseFaults(faults);
  if (whole === 0n && lines.length === 0) throw tooMuch(application);
  const own = lines.length > 0 ? lines : [lineFor(invoice, whole, request.reason)];
  const sums = sumsOf(own, invoice.taxes);
  // What was asked for with its taxes is given back to the last cent.
  const amount = lines.length > 0 ? sums.total : `${whole}`;
  const tax = lines.length > 0 ? sums.tax : `${whole - BigInt(sums.subtotal)}`;
  return {
    credit_note_id: `cn_${core.ids.uuid(atMs)}`,
    number: '',
    invoice_id: invoice.invoice_id,
    org_id: invoice.org_id,
    currency,
    lines: own,
    subtotal: sums.subtotal,
    taxes: addingUpTo(BigInt(tax), sums.taxes),
    tax,
    amount,
    application,
    reason: request.reason,
    issue_ms: atMs,
    credit_grant_id: application === 'CREDIT_BALANCE' ? `cg_${core.ids.uuid(atMs)}` : '',
  };
}

/** The first one takes what the rounding of the whole left. */
function addingUpTo(tax: bigint, taxes: CreditNoteRecord['taxes']): CreditNoteRecord['taxes'] {
  const [first, ...rest] = taxes;
  if (first === undefined) return taxes;
  const others = rest.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  return [{ ...first, amount: `${tax - others}` }, ...rest];
}

/** The part before tax of a sum with its taxes. */
function lineFor(invoice: InvoiceDocument, whole: bigint, description: string) {
  const rates = invoice.taxes.map(({ percent }) => decimal(percent));
  const scale = Math.max(0, ...rates.map((rate) => rate.scale)) + 2;
  const one = powerOfTen(scale);
  const all = rates.reduce(
    (sum, rate) => sum + rate.units * powerOfTen(scale - rate.scale - 2),
    one,
  );
  return { description, amount: `${divideHalfAway(whole * one, all)}` };
}

function credited(invoice: InvoiceDocument, note: CreditNoteRecord, atMs: number): InvoiceDocument {
  const credit_note_ids = [...invoice.credit_note_ids, note.credit_note_id];
  const lowers = note.application === 'AMOUNT_DUE' ? BigInt(note.amount) : 0n;
  const amount_credited = `${BigInt(invoice.amount_credited) + lowers}`;
  const revision = invoice.revision + 1;
  const next = { ...invoice, credit_note_ids, amount_credited, revision, updated_ms: atMs };
  return next.state === 'OPEN' ? settled(next, atMs) : next;
}

function granted(note: CreditNoteRecord, atMs: number): readonly Change[] {
  if (note.credit_grant_id === '') return [];
  const grant: CreditGrantRecord = {
    credit_grant_id: note.credit_grant_id,
    org_id: note.org_id,
    currency: note.currency,
    amount: note.amount,
    balance: note.amount,
    priority: 50,
    effective_ms: atMs,
    expire_ms: null,
    reason: note.reason,
    invoice_id: '',
    credit_note_id: note.credit_note_id,
    void_ms: null,
    created_ms: atMs,
    updated_ms: atMs,
  };
  return [create('credit_grant', note.org_id, note.credit_grant_id, grant)];
}

function tooMuch(application: CreditApplication): Refusal {
  return application === 'AMOUNT_DUE'
    ? refusal('AMOUNT_EXCEEDS_DUE', 'AMOUNT_DUE takes off no more than is due')
    : refusal('AMOUNT_EXCEEDS_PAID', 'no more can be given back than was paid and not given back');
}

export async function getCreditNote(
  core: Core,
  { orgId, creditNoteId: id }: GetCreditNoteRequest,
): Promise<Answer<GetCreditNoteResponse>> {
  const faults = createFaults();
  if (orgId !== '') checkOrgId(orgId, 'org_id', faults);
  checkId(id, 'credit_note_id', faults);
  refuseFaults(faults);
  const located = orgId === '' ? await core.ledger.get('locator', '', id) : undefined;
  const owner = orgId || located?.value.org_id;
  const stored = owner === undefined ? undefined : await core.ledger.get(KIND, owner, id);
  if (stored === undefined) {
    const text = `credit note ${JSON.stringify(id)} is not known to this organisation`;
    throw new Refusal('NOT_FOUND', 'CREDIT_NOTE_NOT_FOUND', text);
  }
  return { reply: { creditNote: toCreditNote(stored) }, after: core.journal.lastSequence() };
}

export async function listCreditNotes(
  core: Core,
  request: ListCreditNotesRequest,
): Promise<Answer<ListCreditNotesResponse>> {
  const { orgId, invoiceId, state } = request;
  const faults = createFaults();
  if (orgId !== '') checkOrgId(orgId, 'org_id', faults);
  if (invoiceId !== '') checkId(invoiceId, 'invoice_id', faults);
  const list = `credit_notes/${orgId}/${invoiceId}/${state}`;
  const paging = pagingOf(request, list, faults);
  refuseFaults(faults);
  if (state === CreditNoteState.CREDIT_NOTE_STATE_VOID) {
    return { reply: { creditNotes: [], nextPageToken: '' }, after: 0 };
  }
  const page = await core.ledger.list({
    kind: KIND,
    order: 'newest',
    ...paging,
    ...(orgId === '' ? {} : { orgId }),
    ...(invoiceId === '' ? {} : { where: { invoice_id: [invoiceId] } }),
  });
  const creditNotes = page.records.map(toCreditNote);
  const reply = { creditNotes, nextPageToken: nextToken(list, page) };
  return { reply, after: core.journal.lastSequence() };
}

export function toCreditNote(stored: Stored<typeof KIND>): CreditNote {
  const { value } = stored;
  const money = (minor: string) => formatMinor(BigInt(minor), value.currency);
  return {
    creditNoteId: value.credit_note_id,
    number: value.number,
    invoiceId: value.invoice_id,
    orgId: value.org_id,
    currency: value.currency,
    lines: value.lines.map(({ description, amount }) => ({ description, amount: money(amount) })),
    subtotal: money(value.subtotal),
    taxes: value.taxes.map((tax) => ({
      name: tax.name,
      percent: tax.percent,
      base: money(tax.base),
      amount: money(tax.amount),
    })),
    tax: money(value.tax),
    amount: money(value.amount),
    reason: value.reason,
    application: APPLICATION[value.application],
    state: CreditNoteState.CREDIT_NOTE_STATE_ISSUED,
    issueTime: toTimestamp(value.issue_ms),
    creditGrantId: value.credit_grant_id,
    providerId: '',
    etag: etagOf(stored),
    createTime: toTimestamp(value.issue_ms),
    updateTime: toTimestamp(value.issue_ms),
  };
}
