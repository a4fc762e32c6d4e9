// LATE_USAGE: a closed period was rated anew, whole, with what came late and what was corrected.
// One line for each price says by how much it differs from what was billed; it may be 0, where a
// minimum took the usage up, or negative.

import type { BilledLine } from './billing.js';
import type { Difference } from './difference.js';
import type { LineDocument, LineKind } from './document.js';

/** `originalInvoiceId`: the invoice that billed the period first. */
export function lateLines(
  difference: Difference,
  originalInvoiceId: string,
): readonly LineDocument[] {
  const groups = new Map<string, LineDocument[]>();
  for (const line of difference.lines) {
    const group = groups.get(priceKey(line)) ?? [];
    groups.set(priceKey(line), group);
    group.push(line);
  }
  const events = new Map<string, number>();
  for (const line of difference.billed) {
    events.set(priceKey(line), (events.get(priceKey(line)) ?? 0) + line.events);
  }
  return [...groups.entries()].flatMap(([key, group]) => {
    const usage = group.find(({ kind }) => kind === 'USAGE') ?? group[0];
    const amount = group.reduce((sum, line) => sum + BigInt(line.amount), 0n);
    if (usage === undefined || (amount === 0n && (events.get(key) ?? 0) === 0)) return [];
    return [
      {
        ...usage,
        kind: 'LATE_USAGE' as const,
        description: `${usage.description} (late)`,
        amount: `${amount}`,
        original_invoice_id: originalInvoiceId,
      },
    ];
  });
}

/** Without what the line adds to its price: INCLUDED, MINIMUM and the like. */
function priceKey({ key, kind }: { readonly key: string; readonly kind: LineKind }): string {
  const suffix = `\u0003${kind}`;
  return kind === 'USAGE' || !key.endsWith(suffix) ? key : key.slice(0, -suffix.length);
}

/** Whether a bill would have nothing on it. */
export function isNothing(billed: readonly BilledLine[]): boolean {
  return billed.every(({ amount, events }) => amount === '0' && events === 0);
}
