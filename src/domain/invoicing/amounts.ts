// The sums of an invoice: exact integers of minor units.
//
//   subtotal = Σ lines           total = subtotal + tax
//   due      = max(0, total − credit applied − credited − paid)
// A tax is its rate on the subtotal, rounded once, half away from zero.

import { powerOfTen } from '../../base/decimal.js';
import { divideHalfAway } from '../../base/division.js';
import { decimal } from '../plans/validated.js';
import type { InvoiceDocument, LineDocument, TaxDocument } from './document.js';

export interface TaxRate {
  readonly name: string;
  /** Decimal text. */
  readonly percent: string;
}

export type Sums = Pick<InvoiceDocument, 'subtotal' | 'taxes' | 'tax' | 'total'>;

export function sumsOf(
  lines: readonly Pick<LineDocument, 'amount'>[],
  rates: readonly TaxRate[],
): Sums {
  const subtotal = lines.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  const taxes = rates.map((rate): TaxDocument => {
    const { units, scale } = decimal(rate.percent);
    const amount = divideHalfAway(subtotal * units, powerOfTen(scale + 2));
    return { ...rate, base: `${subtotal}`, amount: `${amount}` };
  });
  const tax = taxes.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  return { subtotal: `${subtotal}`, taxes, tax: `${tax}`, total: `${subtotal + tax}` };
}

type Paid = Pick<
  InvoiceDocument,
  'total' | 'credit_applied' | 'amount_credited' | 'amount_paid' | 'state'
>;

export function amountDue(invoice: Paid): bigint {
  if (invoice.state === 'VOID') return 0n;
  const settled =
    BigInt(invoice.credit_applied) + BigInt(invoice.amount_credited) + BigInt(invoice.amount_paid);
  const due = BigInt(invoice.total) - settled;
  return due > 0n ? due : 0n;
}
