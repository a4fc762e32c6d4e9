// VoidInvoice: taken back for ever. Its number stays drawn, the credit that it used goes back, and
// what it covered is open for an invoice in its place.

import type { VoidInvoiceRequest } from '../../../generated/ts/tollgate/v1/invoice_service.js';
import { type Bill, nextBill, type UsagePeriodRecord } from '../../domain/invoicing/billing.js';
import type { InvoiceDocument, LineKind } from '../../domain/invoicing/document.js';
import { overlap } from '../../domain/invoicing/ranges.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { NOT_BILLED, readAccount } from '../billing/account-state.js';
import { toInterval } from '../billing/usage-bill.js';
import { put } from '../change.js';
import type { Answer, Core } from '../core.js';
import { listAll } from '../paging.js';
import {
  changeInvoice,
  checkCallWithReason,
  type InvoiceReply,
  refusal,
  requireState,
} from './parts.js';

export function voidInvoice(
  core: Core,
  request: VoidInvoiceRequest,
): Promise<Answer<InvoiceReply>> {
  checkCallWithReason(request);
  return changeInvoice(core, 'invoices.void', request, async (stored, atMs) => {
    requireState(stored, 'OPEN', 'UNCOLLECTIBLE');
    const { value } = stored;
    if (value.payments.length > 0) {
      throw refusal('INVOICE_HAS_PAYMENTS', 'payments were noted on it: write a credit note');
    }
    if (value.credit_note_ids.length > 0) {
      throw refusal('INVOICE_HAS_CREDIT_NOTES', 'it has credit notes: write one over the rest');
    }
    const changes = [
      ...(await reopened(core, value)),
      ...(await baseDueAgain(core, value)),
      ...(await creditReturned(core, value, atMs)),
    ];
    const state_reason = request.reason;
    return { value: { ...value, state: 'VOID', void_ms: atMs, state_reason }, changes };
  });
}

/** Its bills are taken out of the usage periods. */
async function reopened(core: Core, invoice: InvoiceDocument): Promise<readonly Change[]> {
  const { org_id: orgId, invoice_id: id } = invoice;
  const all = await listAll(core.ledger, { kind: 'usage_period', orgId });
  const own = all.filter(({ value }) => value.bills.some((bill) => bill.invoice_id === id));
  const changes: Change[] = own.map((stored) => {
    return put('usage_period', orgId, stored.id, stored, without(stored, invoice));
  });
  const late = own.filter(({ value }) => {
    return value.bills.some((bill) => bill.invoice_id === id && isLate(bill, invoice));
  });
  if (late.length === 0) return changes;
  const { billing } = await readAccount(core, orgId);
  const reopened_from_ms = Math.min(...late.map(({ value }) => value.start_ms));
  const value = { ...(billing?.value ?? NOT_BILLED), reopened_from_ms };
  return [...changes, put('billing', orgId, '', billing, value)];
}

/** Not of a period that was invoiced, but of one before: due again with the next closing. */
function isLate({ ranges }: Bill, invoice: InvoiceDocument): boolean {
  const period = { startMs: invoice.period_start_ms, endMs: invoice.period_end_ms };
  return ranges.every((range) => overlap(toInterval(range), period) === undefined);
}

function without({ value }: Stored<'usage_period'>, invoice: InvoiceDocument): UsagePeriodRecord {
  const own = value.bills.filter(({ invoice_id }) => invoice_id === invoice.invoice_id);
  const asked = own.filter((bill) => !isLate(bill, invoice));
  return {
    ...value,
    bills: value.bills.filter(({ invoice_id }) => invoice_id !== invoice.invoice_id),
    voided_bills: [
      ...value.voided_bills,
      ...own.map((bill) => ({ ...bill, before: nextBill(value) })),
    ],
    voided: [...value.voided, ...asked.flatMap(({ ranges }) => ranges)],
  };
}

const BASE_KINDS: readonly LineKind[] = ['PLAN_BASE', 'SEAT', 'PRORATION'];

async function baseDueAgain(core: Core, invoice: InvoiceDocument): Promise<readonly Change[]> {
  const { org_id: orgId, subscription_id: id, period_end_ms: due_ms } = invoice;
  const lines = invoice.lines.filter(({ kind }) => BASE_KINDS.includes(kind));
  if (lines.length === 0 || id === '') return [];
  const stored = await core.ledger.get('subscription', orgId, id);
  if (stored === undefined) return [];
  const base_voided = [...stored.value.base_voided, { due_ms, lines }];
  return [put('subscription', orgId, id, stored, { ...stored.value, base_voided })];
}

async function creditReturned(
  core: Core,
  { org_id: orgId, credits_used: used }: InvoiceDocument,
  atMs: number,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (const { credit_grant_id: id, amount } of used) {
    const stored = await core.ledger.get('credit_grant', orgId, id);
    if (stored === undefined) continue;
    const balance = `${BigInt(stored.value.balance) + BigInt(amount)}`;
    const value = { ...stored.value, balance, updated_ms: atMs };
    changes.push(put('credit_grant', orgId, id, stored, value));
  }
  return changes;
}
