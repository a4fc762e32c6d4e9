// A new invoice: a DRAFT with its lines and sums.

import type { EpochMs, Sequence } from '../../base/units.js';
import type { Interval } from '../metering/calendar.js';
import type { PartyDocument } from '../plans/document.js';
import { sumsOf, type TaxRate } from './amounts.js';
import type { InvoiceDocument, InvoiceKind, LineDocument } from './document.js';
import type { SpendDocument } from './spend.js';

export interface NewInvoice {
  readonly invoiceId: string;
  readonly kind: InvoiceKind;
  readonly orgId: string;
  readonly subscriptionId: string;
  readonly plan: string;
  readonly planVersion: number;
  readonly period: Interval;
  readonly zone: string;
  readonly currency: string;
  readonly lines: readonly LineDocument[];
  readonly taxRates: readonly TaxRate[];
  readonly customer: PartyDocument | null;
  readonly seller: PartyDocument | null;
  readonly through: Sequence;
  readonly spend: SpendDocument | undefined;
  /** Null for a preview. */
  readonly createdMs: EpochMs | null;
}

export function newInvoice(given: NewInvoice): InvoiceDocument {
  const { period } = given;
  return {
    invoice_id: given.invoiceId,
    number: '',
    kind: given.kind,
    state: 'DRAFT',
    org_id: given.orgId,
    customer: given.customer,
    seller: given.seller,
    subscription_id: given.subscriptionId,
    plan: given.plan,
    plan_version: given.planVersion,
    period_start_ms: period.startMs,
    period_end_ms: period.endMs,
    zone: given.zone,
    currency: given.currency,
    lines: given.lines,
    ...sumsOf(given.lines, given.taxRates),
    credit_applied: '0',
    amount_paid: '0',
    amount_credited: '0',
    payments: [],
    issue_ms: null,
    due_ms: null,
    paid_ms: null,
    void_ms: null,
    uncollectible_ms: null,
    created_ms: given.createdMs,
    updated_ms: given.createdMs,
    state_reason: '',
    credit_note_ids: [],
    credits_used: [],
    ...(given.spend === undefined ? {} : { spend: given.spend }),
    revision: given.createdMs === null ? 0 : 1,
    provider_id: '',
    through_sequence: given.through,
  };
}
