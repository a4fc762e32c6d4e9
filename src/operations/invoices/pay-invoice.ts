// MarkInvoicePaid, MarkInvoiceUncollectible, AddInvoiceAdjustment.

import type {
  AddInvoiceAdjustmentRequest,
  MarkInvoicePaidRequest,
  MarkInvoicePaidResponse,
  MarkInvoiceUncollectibleRequest,
} from '../../../generated/ts/tollgate/v1/invoice_service.js';
import { amountDue, sumsOf } from '../../domain/invoicing/amounts.js';
import type { InvoiceDocument, LineDocument } from '../../domain/invoicing/document.js';
import { limits } from '../../limits.js';
import { toInvoice, toPayment } from '../billing/to-invoice.js';
import { etagOf, put } from '../change.js';
import { checkReason, checkText } from '../checks.js';
import type { Answer, Core } from '../core.js';
import { createFaults, parseTime, refuseFaults } from '../parse.js';
import { Refusal } from '../refusal.js';
import {
  changeInvoice,
  checkCallWithReason,
  checkInvoiceCall,
  type InvoiceReply,
  parseMinor,
  planInvoice,
  refusal,
  requireState,
} from './parts.js';

export async function markInvoicePaid(
  core: Core,
  request: MarkInvoicePaidRequest,
): Promise<Answer<MarkInvoicePaidResponse>> {
  const faults = createFaults();
  checkInvoiceCall(request, faults);
  checkText(request.reference, 'reference', { max: 256 }, faults);
  checkText(request.method, 'method', { max: 64 }, faults);
  const paidMs = parseTime(request.paidTime, 'paid_time', faults);
  if (paidMs !== undefined && paidMs > core.clock.wallMs()) {
    faults.add('paid_time', 'must not lie in the future');
  }
  refuseFaults(faults);
  return planInvoice(
    core,
    'invoices.pay',
    request,
    async (stored, atMs) => {
      requireState(stored, 'OPEN', 'UNCOLLECTIBLE');
      const amount = amountPaid(stored.value, request.amount);
      const payment = {
        payment_id: `pay_${core.ids.uuid(atMs)}`,
        amount: `${amount}`,
        paid_ms: paidMs ?? atMs,
        reference: request.reference,
        method: request.method,
      };
      const { value } = stored;
      const payments = [...value.payments, payment];
      const amount_paid = `${BigInt(value.amount_paid) + amount}`;
      const paid = settled({ ...value, payments, amount_paid }, payment.paid_ms);
      const next = { ...paid, revision: value.revision + 1, updated_ms: atMs };
      return { changes: () => [put('invoice', stored.orgId, stored.id, stored, next)] };
    },
    (changed) => {
      const stored = changed.first('invoice');
      const payment = stored?.value.payments.at(-1);
      return {
        invoice: stored && toInvoice(stored.value, etagOf(stored)),
        payment: payment && toPayment(payment, stored?.value.currency ?? ''),
      };
    },
  );
}

/** PAID where nothing is left to pay. */
export function settled(invoice: InvoiceDocument, atMs: number): InvoiceDocument {
  if (amountDue(invoice) > 0n) return invoice;
  return { ...invoice, state: 'PAID', paid_ms: atMs };
}

function amountPaid(invoice: InvoiceDocument, text: string): bigint {
  const due = amountDue(invoice);
  if (text === '') return due;
  const faults = createFaults();
  const amount = parseMinor(text, invoice.currency, 'amount', 'positive', faults);
  refuseFaults(faults);
  if (amount > due)
    throw refusal('AMOUNT_EXCEEDS_DUE', 'more than is due: grant the rest as credit');
  return amount;
}

export function markInvoiceUncollectible(
  core: Core,
  request: MarkInvoiceUncollectibleRequest,
): Promise<Answer<InvoiceReply>> {
  checkCallWithReason(request);
  return changeInvoice(core, 'invoices.give_up', request, (stored, atMs) => {
    requireState(stored, 'OPEN');
    const state_reason = request.reason;
    const value = { ...stored.value, uncollectible_ms: atMs, state_reason };
    return { value: { ...value, state: 'UNCOLLECTIBLE' } };
  });
}

export function addInvoiceAdjustment(
  core: Core,
  request: AddInvoiceAdjustmentRequest,
): Promise<Answer<InvoiceReply>> {
  const faults = createFaults();
  checkInvoiceCall(request, faults);
  checkText(request.description, 'description', { min: 1, max: 256 }, faults);
  checkReason(request.reason, 1, faults);
  refuseFaults(faults);
  return changeInvoice(core, 'invoices.adjust', request, ({ id, orgId, version, value }) => {
    requireState({ id, orgId, version, value }, 'DRAFT');
    const wrong = createFaults();
    const amount = parseMinor(request.amount, value.currency, 'amount', 'signed', wrong);
    refuseFaults(wrong);
    const own = value.lines.filter(({ kind }) => kind === 'ADJUSTMENT');
    if (own.length >= limits.adjustmentsPerInvoice) throw tooMany();
    const lines = [...value.lines, adjustment(value, request, amount)];
    return { value: { ...value, lines, ...sumsOf(lines, value.taxes) } };
  });
}

function adjustment(
  { period_start_ms, period_end_ms }: InvoiceDocument,
  { description, reason }: AddInvoiceAdjustmentRequest,
  amount: bigint,
): LineDocument {
  return {
    kind: 'ADJUSTMENT',
    key: '',
    description,
    meter: '',
    unit: '',
    quantity: '',
    price: null,
    dimensions: {},
    amount: `${amount}`,
    start_ms: period_start_ms,
    end_ms: period_end_ms,
    first_sequence: 0,
    last_sequence: 0,
    events: 0,
    hash: '',
    unpriced: false,
    reason,
    original_invoice_id: '',
  };
}

function tooMany(): Refusal {
  const text = `the DRAFT has ${limits.adjustmentsPerInvoice} adjustments`;
  return new Refusal('RESOURCE_EXHAUSTED', 'ADJUSTMENTS_EXHAUSTED', text);
}
