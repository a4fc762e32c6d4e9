// A service whose clock stands until it is moved, and what tests of billing ask of it.

import { readAccount } from '../../src/operations/billing/account-state.js';
import { advanceSubscription } from '../../src/operations/billing/advance-subscription.js';
import { closeAccount } from '../../src/operations/billing/close-account.js';
import type { TestClock } from './clock.js';
import { cold, type Json, timeText } from './cold.js';
import { ask, event, type GivenEvent } from './requests.js';
import type { Running } from './service.js';

/** Everything that is due for one organisation, now. */
export async function closeDue(running: Running, orgId: string): Promise<void> {
  const { core } = running;
  const advanced = async () => advanceSubscription(core, await readAccount(core, orgId));
  while ((await advanced()) <= core.clock.wallMs());
  await closeAccount(core, orgId, undefined);
}

/** Moves the clock to `text` and closes what is due then. */
export async function closeAt(
  running: Running,
  clock: TestClock,
  text: string,
  ...orgIds: readonly string[]
): Promise<void> {
  moveTo(clock, text);
  for (const orgId of orgIds) await closeDue(running, orgId);
}

export function moveTo(clock: TestClock, text: string): void {
  const ms = Date.parse(text) - clock.wallMs();
  if (ms < 0) throw new Error(`the clock is past ${text}`);
  clock.advance(ms);
}

export async function use(running: Running, given: GivenEvent): Promise<void> {
  await ask(running, 'record', { event: event(given) });
}

/** With their lines, oldest first. */
export async function invoicesOf(running: Running, orgId: string): Promise<Json[]> {
  const { invoices } = await cold(running, 'Invoice', 'ListInvoices', { org_id: orgId });
  const full = await Promise.all(
    invoices.toReversed().map(({ invoice_id }: Json) => {
      return cold(running, 'Metering', 'GetInvoice', { org_id: orgId, invoice_id });
    }),
  );
  return full.map(({ invoice }) => invoice);
}

/** "USAGE tokens 5 0.50". */
export function linesOf({ lines }: Json): string[] {
  return lines.map((line: Json) => {
    const kind = line.kind.replace('INVOICE_LINE_KIND_', '');
    return [kind, line.meter, line.quantity, line.amount].filter((text) => text !== '').join(' ');
  });
}

/** "RECURRING OPEN INV-2026-000001 2026-11-01/2026-12-01 5.80". */
export function headOf(invoice: Json): string {
  const kind = invoice.kind.replace('INVOICE_KIND_', '');
  const state = invoice.state.replace('INVOICE_STATE_', '');
  const day = (time: Json) => timeText(time).replace(/T00:00:00.000Z$/, '');
  const period = `${day(invoice.period_start)}/${day(invoice.period_end)}`;
  return [kind, state, invoice.number, period, invoice.total]
    .filter((text) => text !== '')
    .join(' ');
}

export const heads = (invoices: readonly Json[]) => invoices.map(headOf);
