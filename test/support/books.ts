// An accountant's look at invoices: what must hold for them whatever happened.

import { runVerify } from '../../src/ops/cli/verify.js';
import { type Json, timeText } from './cold.js';

/** Minor units: "5.80" is 580. */
export function minor(text: string): bigint {
  return BigInt(text.replace('.', ''));
}

export function sumOf(lines: readonly Json[]): bigint {
  return lines.reduce((sum: bigint, { amount }: Json) => sum + minor(amount), 0n);
}

export const stateOf = ({ state }: Json): string => state.replace('INVOICE_STATE_', '');
export const kindOf = ({ kind }: Json): string => kind.replace('INVOICE_KIND_', '');
export const lineKindOf = ({ kind }: Json): string => kind.replace('INVOICE_LINE_KIND_', '');
export const isLiving = (invoice: Json): boolean => !['VOID', 'DRAFT'].includes(stateOf(invoice));
export const startOf = (each: Json): number => Date.parse(timeText(each.period_start));
export const endOf = (each: Json): number => Date.parse(timeText(each.period_end));

/** Of all organisations of a service, with their lines; '' for nothing wrong. */
export function bookFaults(invoices: readonly Json[]): readonly string[] {
  return [...invoices.flatMap(invoiceFaults), ...numberFaults(invoices), ...twice(invoices)];
}

function invoiceFaults(invoice: Json): readonly string[] {
  const { lines, taxes, invoice_id: id } = invoice;
  const [subtotal, tax, total] = [invoice.subtotal, invoice.tax, invoice.total].map(minor) as [
    bigint,
    bigint,
    bigint,
  ];
  const settled = [invoice.credit_applied, invoice.amount_credited, invoice.amount_paid];
  const rest = settled.reduce((left, each) => left - minor(each), total);
  const state = stateOf(invoice);
  const due = state === 'VOID' || rest < 0n ? 0n : rest;
  const hasNumber = !['DRAFT', 'SKIPPED'].includes(state);
  const faults = [
    sumOf(lines) === subtotal ? '' : 'the lines are not the subtotal',
    sumOf(taxes) === tax ? '' : 'the taxes are not the tax',
    subtotal + tax === total ? '' : 'subtotal and tax are not the total',
    minor(invoice.amount_due) === due ? '' : `${invoice.amount_due} is due, not ${due}`,
    (invoice.number !== '') === hasNumber ? '' : `is ${state} with number "${invoice.number}"`,
    state === 'SKIPPED' && total !== 0n ? 'is SKIPPED with a total' : '',
    state === 'PAID' && due !== 0n ? 'is PAID with an amount due' : '',
  ];
  return faults.filter((fault) => fault !== '').map((fault) => `${id}: ${fault}`);
}

/** Each year of issue has its numbers from 1, without a gap. */
export function numberFaults(invoices: readonly Json[]): readonly string[] {
  const years = new Map<string, string[]>();
  for (const { number, issue_time } of invoices) {
    if (number === '') continue;
    const year = timeText(issue_time).slice(0, 4);
    years.set(year, [...(years.get(year) ?? []), number]);
  }
  return [...years].flatMap(([year, numbers]) => {
    const expected = numbers.map((_, i) => `INV-${year}-${`${i + 1}`.padStart(6, '0')}`);
    const found = numbers.toSorted();
    return found.join() === expected.join() ? [] : [`numbers of ${year}: ${found.join()}`];
  });
}

/** One invoice per subscription, kind and period among the living; MANUAL and PRORATION apart. */
function twice(invoices: readonly Json[]): readonly string[] {
  const seen = new Set<string>();
  return invoices.filter(isLiving).flatMap((invoice) => {
    const kind = kindOf(invoice);
    if (!['RECURRING', 'FINAL'].includes(kind) || startOf(invoice) === endOf(invoice)) return [];
    const { org_id, subscription_id } = invoice;
    const key = [org_id, subscription_id, startOf(invoice), endOf(invoice)].join(' ');
    if (seen.has(key)) return [`${kind} ${key} twice`];
    seen.add(key);
    return [];
  });
}

/** Quantities on living invoices, by meter. */
export function billedQuantities(invoices: readonly Json[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const line of usageLines(invoices)) {
    sums[line.meter] = (sums[line.meter] ?? 0) + Number(line.quantity);
  }
  return sums;
}

export function usageLines(invoices: readonly Json[]): readonly Json[] {
  const all = invoices.filter(isLiving).flatMap(({ lines }) => lines as Json[]);
  return all.filter((line) => ['USAGE', 'LATE_USAGE'].includes(lineKindOf(line)));
}

interface Cover {
  readonly startMs: number;
  readonly endMs: number;
  readonly count: number;
}

/**
 * How much of base price (`base`) or how many charged seats (`seats`) living invoices charge for, by
 * time: a credit takes off. Stretches in order, neighbours that are alike joined, those of 0 left out.
 */
export function coverage(invoices: readonly Json[], of: 'base' | 'seats'): readonly string[] {
  const covers = invoices
    .filter(isLiving)
    .flatMap(({ lines }) => (lines as Json[]).flatMap((line) => coverOf(line, of)));
  const bounds = [...new Set(covers.flatMap(({ startMs, endMs }) => [startMs, endMs]))].sort(
    (a, b) => a - b,
  );
  const stretches: Cover[] = [];
  for (const [i, startMs] of bounds.entries()) {
    const endMs = bounds[i + 1];
    if (endMs === undefined) break;
    const held = covers.filter((each) => each.startMs <= startMs && each.endMs > startMs);
    const count = held.reduce((sum, each) => sum + each.count, 0);
    const last = stretches.at(-1);
    if (last !== undefined && last.count === count && last.endMs === startMs) {
      stretches[stretches.length - 1] = { ...last, endMs };
    } else stretches.push({ startMs, endMs, count });
  }
  return stretches.filter(({ count }) => count !== 0).map(shownCover);
}

function shownCover({ startMs, endMs, count }: Cover): string {
  const [start, end] = [startMs, endMs].map((ms) =>
    new Date(ms).toISOString().replace(/T00:00:00.000Z$/, ''),
  );
  return `${start}/${end} ${count}`;
}

function coverOf(line: Json, of: 'base' | 'seats'): readonly Cover[] {
  const kind = lineKindOf(line);
  const isSeat = line.quantity !== '';
  const isBase = kind === 'PLAN_BASE' || (kind === 'PRORATION' && !isSeat);
  const isSeats = kind === 'SEAT' || (kind === 'PRORATION' && isSeat);
  if (of === 'base' ? !isBase : !isSeats) return [];
  const size = of === 'base' ? 1 : Number(line.quantity);
  const count = minor(line.amount) < 0n ? -size : size;
  const [startMs, endMs] = [line.service_start, line.service_end].map((at) =>
    Date.parse(timeText(at)),
  ) as [number, number];
  return [{ startMs, endMs, count }];
}

/** What the command `verify` finds wrong with a data directory. */
export async function verified(directory: string): Promise<readonly string[]> {
  let out = '';
  const io = { stdout: { write: (text: string) => (out += text) }, stderr: { write: () => true } };
  await runVerify(['--data-dir', directory, '--json'], io as never);
  return JSON.parse(out).problems;
}
