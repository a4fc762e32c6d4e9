// A bill of a period is the difference between its rating now and what the bills before it had of
// the same lines. So parts of a period add up to the whole, and what came late or was corrected is
// billed once.

import { add, type Decimal, formatDecimal, subtract } from '../../base/decimal.js';
import type { Interval } from '../metering/calendar.js';
import { decimal } from '../plans/validated.js';
import type { Bill, BilledLine } from './billing.js';
import type { LineDocument } from './document.js';

interface Sum {
  amount: bigint;
  quantity: Decimal | undefined;
  events: number;
}

/** The lines of a bill, and what it has of each line of the rating. */
export interface Difference {
  readonly lines: readonly LineDocument[];
  readonly billed: readonly BilledLine[];
}

/** `rating` is of everything of the period that the bills before and this one cover. */
export function differenceTo(
  bills: readonly Bill[],
  rating: readonly LineDocument[],
  period: Interval,
): Difference {
  const before = sumsOf(bills);
  const lines: LineDocument[] = [];
  const billed: BilledLine[] = [];
  const take = (line: LineDocument) => {
    const was = before.get(line.key);
    before.delete(line.key);
    const own = was === undefined ? line : less(line, was);
    const isNothing = own.amount === '0' && own.events === 0 && was !== undefined;
    if (isNothing && own.quantity === '0') return;
    const { key, kind, quantity, events, amount, description, unit, dimensions } = own;
    const shown = { description, unit, dimensions };
    billed.push({ key, kind, quantity, events, amount, shown });
    // The proof is of all that was rated, of which this line is the part not billed before.
    lines.push({ ...own, events: line.events });
  };
  for (const line of rating) take(line);
  // A line that the rating has no more is taken back whole.
  for (const [key, was] of before) {
    const quantity = was.quantity === undefined ? '' : formatDecimal(negated(was.quantity));
    const isGone = quantity === '' || quantity === '0';
    if (was.amount === 0n && was.events === 0 && isGone) continue;
    const taken = { quantity, events: -was.events, amount: `${-was.amount}` };
    const own = { ...lastOf(bills, key), ...taken };
    billed.push(own);
    lines.push(takenBack(own, period));
  }
  return { lines, billed };
}

function sumsOf(bills: readonly Bill[]): Map<string, Sum> {
  const sums = new Map<string, Sum>();
  for (const { key, amount, quantity, events } of bills.flatMap(({ lines }) => lines)) {
    const sum = sums.get(key) ?? { amount: 0n, quantity: undefined, events: 0 };
    sum.amount += BigInt(amount);
    sum.events += events;
    if (quantity !== '') {
      const own = decimal(quantity.replace('-', ''));
      const signed = quantity.startsWith('-') ? negated(own) : own;
      sum.quantity = add(sum.quantity ?? { units: 0n, scale: 0 }, signed);
    }
    sums.set(key, sum);
  }
  return sums;
}

function less(line: LineDocument, was: Sum): LineDocument {
  const quantity =
    line.quantity === '' || was.quantity === undefined
      ? line.quantity
      : formatDecimal(subtract(decimal(line.quantity), was.quantity));
  const amount = `${BigInt(line.amount) - was.amount}`;
  return { ...line, quantity, amount, events: line.events - was.events };
}

function lastOf(bills: readonly Bill[], key: string): BilledLine {
  const all = bills.flatMap(({ lines }) => lines);
  return all.findLast((line) => line.key === key) as BilledLine;
}

function negated({ units, scale }: Decimal): Decimal {
  return { units: -units, scale };
}

function takenBack(
  { key, kind, quantity, amount, shown }: BilledLine,
  { startMs, endMs }: Interval,
): LineDocument {
  const [meter = ''] = key.split('\u0003');
  return {
    ...shown,
    kind,
    key,
    meter,
    quantity,
    price: null,
    amount,
    start_ms: startMs,
    end_ms: endMs,
    first_sequence: 0,
    last_sequence: 0,
    events: 0,
    hash: '',
    unpriced: false,
    reason: '',
    original_invoice_id: '',
  };
}
