// What a document says, as text: the layout knows nothing of invoices and credit notes.

import type { InvoiceParty } from '../../generated/ts/tollgate/v1/invoice.js';
import type { EpochMs } from '../base/units.js';

export interface Content {
  /** "Invoice". */
  readonly title: string;
  /** Empty where it has none. */
  readonly number: string;
  readonly mark: StateMark;
  readonly seller: InvoiceParty | undefined;
  readonly customer: InvoiceParty | undefined;
  /** Pairs of a label and a value. */
  readonly facts: readonly (readonly [string, string])[];
  readonly headline: Headline;
  readonly currency: string;
  readonly rows: readonly Row[];
  /** In place of the rows where there are none. */
  readonly noRows: string;
  readonly totals: readonly Total[];
  readonly notes: readonly Note[];
  readonly subject: string;
  readonly createdMs: EpochMs;
}

export interface StateMark {
  /** In capitals. */
  readonly label: string;
  readonly ink: string;
  readonly ground: string;
  /** Across each page, where the sheet must not be taken for a valid one; else ''. */
  readonly watermark: string;
}

export interface Headline {
  readonly label: string;
  readonly amount: string;
  /** What to do, or what was done. */
  readonly note: string;
  readonly remark: string;
}

/** Texts may be empty; a column that is empty in every row is left out. */
export interface Row {
  readonly description: string;
  readonly period: string;
  readonly quantity: string;
  /** Small, under the quantity. */
  readonly unit: string;
  readonly price: string;
  /** Small, under the price. */
  readonly basis: string;
  readonly amount: string;
  /** The small print under the description, a paragraph each. */
  readonly details: readonly Detail[];
}

export interface Detail {
  readonly text: string;
  /** In points. */
  readonly indent: number;
}

export interface Total {
  readonly label: string;
  readonly amount: string;
  /** SUM and LAST have a rule above. */
  readonly kind: 'PART' | 'SUM' | 'LAST';
}

export interface Note {
  readonly text: string;
  readonly size: 'BODY' | 'SMALL';
}

export const INKS = {
  green: { ink: '#05690d', ground: '#d7f7c2' },
  blue: { ink: '#0055bc', ground: '#d9eefc' },
  amber: { ink: '#a82c00', ground: '#fcedb9' },
  red: { ink: '#b3093c', ground: '#ffe7f2' },
  grey: { ink: '#545969', ground: '#ebeef1' },
} as const;

/** "Invoice INV-2026-000123", or "Invoice DRAFT". */
export function fullTitle({ title, number, mark }: Content): string {
  return `${title} ${number === '' ? mark.label : number}`;
}

export function sentenceCase(text: string): string {
  return text.slice(0, 1) + text.slice(1).toLowerCase();
}
