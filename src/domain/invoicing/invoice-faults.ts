// What must hold of every stored invoice, whatever it bills.

import { amountDue } from './amounts.js';
import type { InvoiceDocument } from './document.js';

/** What is wrong with it; nothing where all adds up. */
export function invoiceFaults(invoice: InvoiceDocument): readonly string[] {
  const { lines, subtotal, taxes, tax, total, state, number } = invoice;
  const add = (amounts: readonly { readonly amount: string }[]) =>
    amounts.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  const faults: string[] = [];
  if (add(lines) !== BigInt(subtotal)) faults.push('its lines are not its subtotal');
  if (add(taxes) !== BigInt(tax)) faults.push('its taxes are not its tax');
  if (BigInt(subtotal) + BigInt(tax) !== BigInt(total)) {
    faults.push('subtotal and tax are not its total');
  }
  const numbered = state !== 'DRAFT' && state !== 'SKIPPED';
  if (numbered !== (number !== '')) faults.push(`it is ${state} and its number is "${number}"`);
  if (state === 'PAID' && amountDue(invoice) !== 0n) faults.push('it is PAID and not paid');
  return faults;
}
