// A kept invoice as the contract's message.

import {
  type Invoice,
  InvoiceKind,
  InvoiceLine,
  InvoiceLineKind,
  type InvoiceParty,
  InvoiceState,
  type Payment,
} from '../../../generated/ts/tollgate/v1/invoice.js';
import { PriceKind, type PriceTier } from '../../../generated/ts/tollgate/v1/price.js';
import { formatUnits } from '../../base/decimal.js';
import type { EpochMs } from '../../base/units.js';
import { amountDue } from '../../domain/invoicing/amounts.js';
import type {
  InvoiceDocument,
  InvoiceKind as Kind,
  LineDocument,
  LineKind,
  PaymentDocument,
  InvoiceState as State,
} from '../../domain/invoicing/document.js';
import { SPEND_SCALE } from '../../domain/metering/spend.js';
import type { PartyDocument, TierDocument } from '../../domain/plans/document.js';
import { formatMinor } from '../../domain/pricing/money.js';
import type { PriceKind as PricedBy } from '../../domain/pricing/price.js';
import { limits } from '../../limits.js';
import { encodePageToken } from '../page.js';
import { toTimestamp } from '../parse.js';

export const KIND: Record<Kind, InvoiceKind> = {
  RECURRING: InvoiceKind.INVOICE_KIND_RECURRING,
  PRORATION: InvoiceKind.INVOICE_KIND_PRORATION,
  FINAL: InvoiceKind.INVOICE_KIND_FINAL,
  MANUAL: InvoiceKind.INVOICE_KIND_MANUAL,
};

export const STATE: Record<State, InvoiceState> = {
  DRAFT: InvoiceState.INVOICE_STATE_DRAFT,
  OPEN: InvoiceState.INVOICE_STATE_OPEN,
  PAID: InvoiceState.INVOICE_STATE_PAID,
  VOID: InvoiceState.INVOICE_STATE_VOID,
  UNCOLLECTIBLE: InvoiceState.INVOICE_STATE_UNCOLLECTIBLE,
  SKIPPED: InvoiceState.INVOICE_STATE_SKIPPED,
};

const LINE: Record<LineKind, InvoiceLineKind> = {
  PLAN_BASE: InvoiceLineKind.INVOICE_LINE_KIND_PLAN_BASE,
  SEAT: InvoiceLineKind.INVOICE_LINE_KIND_SEAT,
  USAGE: InvoiceLineKind.INVOICE_LINE_KIND_USAGE,
  INCLUDED: InvoiceLineKind.INVOICE_LINE_KIND_INCLUDED,
  MINIMUM: InvoiceLineKind.INVOICE_LINE_KIND_MINIMUM,
  MAXIMUM: InvoiceLineKind.INVOICE_LINE_KIND_MAXIMUM,
  DISCOUNT: InvoiceLineKind.INVOICE_LINE_KIND_DISCOUNT,
  LATE_USAGE: InvoiceLineKind.INVOICE_LINE_KIND_LATE_USAGE,
  PRORATION: InvoiceLineKind.INVOICE_LINE_KIND_PRORATION,
  CREDIT: InvoiceLineKind.INVOICE_LINE_KIND_CREDIT,
  ADJUSTMENT: InvoiceLineKind.INVOICE_LINE_KIND_ADJUSTMENT,
};

export const PRICED_BY: Record<PricedBy, PriceKind> = {
  flat: PriceKind.PRICE_KIND_FLAT,
  per_unit: PriceKind.PRICE_KIND_PER_UNIT,
  graduated: PriceKind.PRICE_KIND_GRADUATED,
  volume: PriceKind.PRICE_KIND_VOLUME,
  package: PriceKind.PRICE_KIND_PACKAGE,
  percentage: PriceKind.PRICE_KIND_PERCENTAGE,
  graduated_percentage: PriceKind.PRICE_KIND_GRADUATED_PERCENTAGE,
  multiplier: PriceKind.PRICE_KIND_MULTIPLIER,
};

function spendText(quanta: string | undefined): string {
  return quanta === undefined ? '' : formatUnits(BigInt(quanta), SPEND_SCALE);
}

/** The list of pages that the lines of an invoice are, for their tokens. */
export function linePages({ org_id: orgId, invoice_id: id }: InvoiceDocument): string {
  return `invoice lines/${orgId}/${id}`;
}

/**
 * With the lines from number `from` on that a reply has room for. `etag` is that of the stored
 * invoice, '' for a preview.
 */
export function toInvoice(document: InvoiceDocument, etag: string, from = 0): Invoice {
  const lines = linesFrom(document, from);
  const next = from + lines.length;
  const isWhole = next === document.lines.length || document.invoice_id === '';
  return {
    ...withoutLines(document, etag),
    lines,
    nextLinePageToken: isWhole ? '' : encodePageToken(linePages(document), [next]),
  };
}

function linesFrom({ lines, currency }: InvoiceDocument, from: number): InvoiceLine[] {
  const found: InvoiceLine[] = [];
  let bytes = 0;
  for (const each of lines.slice(from)) {
    const line = toLine(each, currency);
    bytes += InvoiceLine.encode(line).finish().length;
    if (bytes > limits.replyLinesBytes) break;
    found.push(line);
  }
  return found;
}

export function toWholeInvoice(document: InvoiceDocument, etag: string): Invoice {
  const lines = document.lines.map((line) => toLine(line, document.currency));
  return { ...withoutLines(document, etag), lines };
}

export function withoutLines(document: InvoiceDocument, etag: string): Invoice {
  const { currency } = document;
  const money = (minor: string) => formatMinor(BigInt(minor), currency);
  return {
    invoiceId: document.invoice_id,
    number: document.number,
    kind: KIND[document.kind],
    state: STATE[document.state],
    orgId: document.org_id,
    customer: toParty(document.customer),
    seller: toParty(document.seller),
    subscriptionId: document.subscription_id,
    plan: document.plan,
    planVersion: document.plan_version,
    revision: document.revision,
    throughSequence: BigInt(document.through_sequence),
    periodStart: toTimestamp(document.period_start_ms),
    periodEnd: toTimestamp(document.period_end_ms),
    currency,
    spendCounted: spendText(document.spend?.counted),
    spendDifference: spendText(document.spend?.difference),
    lines: [],
    lineCount: document.lines.length,
    nextLinePageToken: '',
    subtotal: money(document.subtotal),
    taxes: document.taxes.map((tax) => ({
      name: tax.name,
      percent: tax.percent,
      base: money(tax.base),
      amount: money(tax.amount),
    })),
    tax: money(document.tax),
    total: money(document.total),
    creditApplied: money(document.credit_applied),
    amountPaid: money(document.amount_paid),
    amountCredited: money(document.amount_credited),
    payments: document.payments.map((payment) => toPayment(payment, currency)),
    creditNoteIds: [...document.credit_note_ids],
    stateReason: document.state_reason,
    uncollectibleTime: timeOf(document.uncollectible_ms),
    createTime: timeOf(document.created_ms),
    updateTime: timeOf(document.updated_ms),
    amountDue: formatMinor(amountDue(document), currency),
    issueTime: timeOf(document.issue_ms),
    dueTime: timeOf(document.due_ms),
    paidTime: timeOf(document.paid_ms),
    voidTime: timeOf(document.void_ms),
    pdfUrl: '',
    providerId: document.provider_id,
    etag,
  };
}

function toLine(line: LineDocument, currency: string): InvoiceLine {
  const { price } = line;
  return {
    kind: LINE[line.kind],
    description: line.description,
    meter: line.meter,
    unit: line.unit,
    quantity: line.quantity,
    priceKind: price === null ? PriceKind.PRICE_KIND_UNSPECIFIED : PRICED_BY[price.kind],
    unitPrice: price?.unit_price ?? '',
    per: price?.per ?? '',
    tiers: (price?.tiers ?? []).map(toTier),
    blockSize: '',
    dimensions: new Map(Object.entries(line.dimensions)),
    amount: formatMinor(BigInt(line.amount), currency),
    serviceStart: toTimestamp(line.start_ms),
    serviceEnd: toTimestamp(line.end_ms),
    firstSequence: BigInt(line.first_sequence),
    lastSequence: BigInt(line.last_sequence),
    eventCount: BigInt(line.events),
    eventsHash: line.hash,
    unpriced: line.unpriced,
    priceVersionEffectiveFrom: timeOf(price?.effective_from_ms ?? null),
    reason: line.reason,
    originalInvoiceId: line.original_invoice_id,
  };
}

export function toTier(tier: TierDocument): PriceTier {
  return {
    upTo: tier.up_to ?? undefined,
    unitPrice: tier.unit_price,
    flatFee: tier.flat_fee,
    percent: tier.percent,
    blockSize: tier.block_size,
  };
}

export function toParty(party: PartyDocument | null): InvoiceParty | undefined {
  if (party === null) return undefined;
  const { legal_name: legalName, address, tax_id: taxId, email } = party;
  return { legalName, address, taxId, email };
}

export function timeOf(ms: EpochMs | null) {
  return ms === null ? undefined : toTimestamp(ms);
}

export function toPayment(payment: PaymentDocument, currency: string): Payment {
  return {
    paymentId: payment.payment_id,
    amount: formatMinor(BigInt(payment.amount), currency),
    paidTime: toTimestamp(payment.paid_ms),
    reference: payment.reference,
    method: payment.method,
  };
}
