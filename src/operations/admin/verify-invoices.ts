// Every invoice against its lines, its taxes and its state; and the numbers of invoices and credit
// notes: from 1 to the last drawn, each once.

import { invoiceFaults } from '../../domain/invoicing/invoice-faults.js';
import type { Core } from '../core.js';
import { scanRecords } from './scan-records.js';
import type { Steps } from './steps.js';
import type { Begun } from './verify.js';

const NUMBERED = /^(INV|CN)-\d+$/;

export async function verifyInvoices(core: Core, steps: Steps): Promise<Begun> {
  const through = core.journal.lastSequence();
  // Numbers drawn from here on are left out.
  const drawn = new Map<string, number>();
  for await (const { id, value } of scanRecords(core, steps, 'series')) {
    if (NUMBERED.test(id)) drawn.set(id, value.last);
  }
  const differences: string[] = [];
  const numbers: string[] = [];
  let count = 0;
  for await (const { id, value } of scanRecords(core, steps, 'invoice')) {
    differences.push(...invoiceFaults(value).map((fault) => `invoice ${id}: ${fault}`));
    numbers.push(value.number);
    count++;
  }
  for await (const { value } of scanRecords(core, steps, 'credit_note')) {
    numbers.push(value.number);
    count++;
  }
  differences.push(...numberFaults(drawn, numbers));
  const skipped = 'their events: the command verify rates every invoice anew from them';
  const finish = () => ({ count, differences, skipped });
  return { through, visit: undefined, finish };
}

/** '' is no number yet. */
export function numberFaults(
  drawn: ReadonlyMap<string, number>,
  numbers: readonly string[],
): readonly string[] {
  const bySeries = new Map([...drawn.keys()].map((series) => [series, new Set<number>()]));
  const faults: string[] = [];
  for (const text of numbers) {
    if (text === '') continue;
    const split = text.lastIndexOf('-');
    const series = text.slice(0, split);
    const number = Number(text.slice(split + 1));
    if (number > (drawn.get(series) ?? 0)) continue;
    const own = bySeries.get(series);
    if (own?.has(number)) faults.push(`number ${text} stands twice`);
    own?.add(number);
  }
  for (const [series, own] of bySeries) {
    const last = drawn.get(series) ?? 0;
    if (own.size !== last) faults.push(`series ${series}: ${own.size} numbers, ${last} drawn`);
  }
  return faults;
}
