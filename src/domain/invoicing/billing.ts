// How far an organisation's usage is invoiced, as the ledger keeps it.
//
// A usage period is rated whole each time, and a bill is the difference to the bills before it. So
// parts add up to the whole, late events and corrections are one mechanism, and nothing is billed
// twice: what a bill rests on is all of its period's usage up to its position, less what the bills
// before it rest on. A voided bill is taken out, and what it had is open again.

import type { EpochMs, Sequence } from '../../base/units.js';
import type { TenureDocument } from '../subscriptions/terms.js';
import type { InvoiceKind, LineDocument, LineKind, MinorText } from './document.js';

export interface BillingRecord {
  /** Every usage period that ended by then is invoiced or skipped. */
  readonly closed_to_ms: EpochMs;
  /** They have all usage up to this entry. */
  readonly through_sequence: Sequence;
  /** Closed periods from here on lost a late bill with a voided invoice; null: none did. */
  readonly reopened_from_ms: EpochMs | null;
  /** Stored invoices that are not finalised: their periods are taken. */
  readonly drafts: readonly DraftPeriod[];
}

export interface DraftPeriod {
  readonly invoice_id: string;
  readonly kind: InvoiceKind;
  readonly start_ms: EpochMs;
  readonly end_ms: EpochMs;
}

export interface UsagePeriodRecord {
  readonly start_ms: EpochMs;
  readonly end_ms: EpochMs;
  readonly whole_start_ms: EpochMs;
  readonly whole_end_ms: EpochMs;
  readonly tenure: TenureDocument;
  /** The plan and its version that rate it, and the currency. */
  readonly plan: string;
  readonly plan_version: number;
  readonly currency: string;
  /** The catalogue as of this entry rates it: once all of it is billed, for ever. */
  readonly catalogue_sequence: Sequence;
  /** The invoices that bill it, without voided ones. */
  readonly bills: readonly Bill[];
  /** Those of voided invoices, which bills after them rested on until then. */
  readonly voided_bills: readonly VoidedBill[];
  /** What was added to budgets so that they have what was billed, by meter; integer text. */
  readonly spend_corrected?: Readonly<Record<string, string>>;
  /** What voided invoices covered and none does now: open, but not for a late line. */
  readonly voided: readonly RangeDocument[];
}

export interface RangeDocument {
  readonly start_ms: EpochMs;
  readonly end_ms: EpochMs;
}

export interface VoidedBill extends Bill {
  /** The number of the first bill that did not rest on it. */
  readonly before: number;
}

export interface Bill {
  /** Of the period's bills, from 1. */
  readonly number: number;
  readonly invoice_id: string;
  /** Where the period ended by then: what changes the plan may cut it short. */
  readonly end_ms: EpochMs;
  /** The parts of the period that it covers and none before it did; a late one covers none. */
  readonly ranges: readonly RangeDocument[];
  /** Usage recorded later is not on it. */
  readonly through_sequence: Sequence;
  /** What it was rated by. */
  readonly plan_version: number;
  readonly catalogue_sequence: Sequence;
  readonly lines: readonly BilledLine[];
}

/** The number of a period's next bill. */
export function nextBill(value: UsagePeriodRecord | undefined): number {
  const all = [...(value?.bills ?? []), ...(value?.voided_bills ?? [])];
  return Math.max(0, ...all.map(({ number }) => number)) + 1;
}

/** A line of a rating, less what the bills before had of it. */
export interface BilledLine {
  readonly key: string;
  readonly kind: LineKind;
  readonly quantity: string;
  readonly events: number;
  readonly amount: MinorText;
  /** To be shown where all of it is taken back. */
  readonly shown: ShownLine;
}

export type ShownLine = Pick<LineDocument, 'description' | 'unit' | 'dimensions'>;
