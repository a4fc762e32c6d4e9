// An invoice as it is kept: plain JSON, every amount an integer of minor units as text, every time
// in milliseconds. What is closed never changes, so a field may be added but none change meaning.

import type { EpochMs, Sequence } from '../../base/units.js';
import type { PartyDocument, PriceDocument, TierDocument } from '../plans/document.js';
import type { SpendDocument } from './spend.js';

export const INVOICE_KINDS = ['RECURRING', 'PRORATION', 'FINAL', 'MANUAL'] as const;
export type InvoiceKind = (typeof INVOICE_KINDS)[number];

export const INVOICE_STATES = [
  'DRAFT',
  'OPEN',
  'PAID',
  'VOID',
  'UNCOLLECTIBLE',
  'SKIPPED',
] as const;
export type InvoiceState = (typeof INVOICE_STATES)[number];

export const LINE_KINDS = [
  'PLAN_BASE',
  'SEAT',
  'USAGE',
  'INCLUDED',
  'MINIMUM',
  'MAXIMUM',
  'DISCOUNT',
  'LATE_USAGE',
  'PRORATION',
  'CREDIT',
  'ADJUSTMENT',
] as const;
export type LineKind = (typeof LINE_KINDS)[number];

/** Minor units of the invoice's currency, as decimal text of an integer. */
export type MinorText = string;

export interface LineDocument {
  readonly kind: LineKind;
  /** What the line is in every rating of its period, or of base price which charge; else ''. */
  readonly key: string;
  readonly description: string;
  readonly meter: string;
  readonly unit: string;
  /** Canonical decimal text, or ''. */
  readonly quantity: string;
  /** How it was priced; null where no price was. */
  readonly price: LinePrice | null;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly amount: MinorText;
  readonly start_ms: EpochMs;
  readonly end_ms: EpochMs;
  readonly first_sequence: Sequence;
  readonly last_sequence: Sequence;
  readonly events: number;
  /** 16 hexadecimal digits, or ''. */
  readonly hash: string;
  readonly unpriced: boolean;
  readonly reason: string;
  /** LATE_USAGE: the invoice that billed the period; else ''. */
  readonly original_invoice_id: string;
}

export interface LinePrice extends Pick<PriceDocument, 'kind' | 'per'> {
  readonly unit_price: string;
  readonly tiers: readonly TierDocument[];
  /** Null where a default amount stands in for a price. */
  readonly effective_from_ms: EpochMs | null;
}

export interface TaxDocument {
  readonly name: string;
  readonly percent: string;
  readonly base: MinorText;
  readonly amount: MinorText;
}

export interface PaymentDocument {
  readonly payment_id: string;
  readonly amount: MinorText;
  readonly paid_ms: EpochMs;
  readonly reference: string;
  readonly method: string;
}

export interface InvoiceDocument {
  readonly invoice_id: string;
  readonly number: string;
  readonly kind: InvoiceKind;
  readonly state: InvoiceState;
  readonly org_id: string;
  readonly customer: PartyDocument | null;
  readonly seller: PartyDocument | null;
  readonly subscription_id: string;
  readonly plan: string;
  readonly plan_version: number;
  readonly period_start_ms: EpochMs;
  readonly period_end_ms: EpochMs;
  /** Its days are those of this zone. */
  readonly zone: string;
  readonly currency: string;
  readonly lines: readonly LineDocument[];
  readonly subtotal: MinorText;
  readonly taxes: readonly TaxDocument[];
  readonly tax: MinorText;
  readonly total: MinorText;
  readonly credit_applied: MinorText;
  readonly amount_paid: MinorText;
  /** Credit notes against the amount due. */
  readonly amount_credited: MinorText;
  readonly payments: readonly PaymentDocument[];
  readonly issue_ms: EpochMs | null;
  readonly due_ms: EpochMs | null;
  readonly paid_ms: EpochMs | null;
  readonly void_ms: EpochMs | null;
  readonly uncollectible_ms: EpochMs | null;
  /** Null in a preview. */
  readonly created_ms: EpochMs | null;
  readonly updated_ms: EpochMs | null;
  /** Why it was voided or given up. */
  readonly state_reason: string;
  readonly credit_note_ids: readonly string[];
  /** What `credit_applied` was taken from. */
  readonly credits_used: readonly {
    readonly credit_grant_id: string;
    readonly amount: MinorText;
  }[];
  /** Absent where no budget counted its usage. */
  readonly spend?: SpendDocument;
  /** Counts the times that it was computed or changed. */
  readonly revision: number;
  readonly provider_id: string;
  /** The last journal sequence whose usage it may have. */
  readonly through_sequence: Sequence;
}
