// Credit notes and credit grants as the ledger keeps them.

import type { EpochMs } from '../../base/units.js';
import type { MinorText, TaxDocument } from './document.js';

export const CREDIT_APPLICATIONS = ['AMOUNT_DUE', 'CREDIT_BALANCE', 'REFUND'] as const;
export type CreditApplication = (typeof CREDIT_APPLICATIONS)[number];

export interface CreditNoteRecord {
  readonly credit_note_id: string;
  readonly number: string;
  readonly invoice_id: string;
  readonly org_id: string;
  readonly currency: string;
  readonly lines: readonly { readonly description: string; readonly amount: MinorText }[];
  readonly subtotal: MinorText;
  readonly taxes: readonly TaxDocument[];
  readonly tax: MinorText;
  readonly amount: MinorText;
  readonly application: CreditApplication;
  readonly reason: string;
  readonly issue_ms: EpochMs;
  /** What it became; '' but for CREDIT_BALANCE. */
  readonly credit_grant_id: string;
}

export interface CreditGrantRecord {
  readonly credit_grant_id: string;
  readonly org_id: string;
  readonly currency: string;
  readonly amount: MinorText;
  /** What is left. */
  readonly balance: MinorText;
  /** 0–100, the lowest is used first. */
  readonly priority: number;
  readonly effective_ms: EpochMs;
  /** Null: never. */
  readonly expire_ms: EpochMs | null;
  readonly reason: string;
  /** The invoice with a negative total, or the credit note, that it came from; else ''. */
  readonly invoice_id: string;
  readonly credit_note_id: string;
  readonly void_ms: EpochMs | null;
  readonly created_ms: EpochMs;
  readonly updated_ms: EpochMs;
}
