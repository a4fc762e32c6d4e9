// What the calls about invoices have in common.

import type { Invoice } from '../../../generated/ts/tollgate/v1/invoice.js';
import { isFault, parseUnits } from '../../base/decimal.js';
import type { InvoiceDocument, InvoiceState } from '../../domain/invoicing/document.js';
import { minorDigits } from '../../domain/pricing/money.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { toInvoice } from '../billing/to-invoice.js';
import {
  type Committed,
  change,
  checkEtag,
  checkRequestId,
  etagOf,
  type Planned,
  put,
} from '../change.js';
import { checkReason } from '../checks.js';
import type { Answer, Core } from '../core.js';
import { invoiceNotFound } from '../get-invoice.js';
import { checkId, checkOrgId, createFaults, type Faults, refuseFaults } from '../parse.js';
import { Refusal } from '../refusal.js';

export type StoredInvoice = Stored<'invoice'>;

/** `orgId` '' where only the id is known. */
export async function findInvoice(core: Core, orgId: string, id: string): Promise<StoredInvoice> {
  const located = orgId === '' ? await core.ledger.get('locator', '', id) : undefined;
  const owner = orgId === '' ? located?.value.org_id : orgId;
  const found = owner === undefined ? undefined : await core.ledger.get('invoice', owner, id);
  if (found === undefined) throw invoiceNotFound(id);
  return found;
}

export interface InvoiceCall {
  readonly orgId: string;
  readonly invoiceId: string;
  readonly requestId: string;
  readonly etag: string;
}

export interface InvoiceReply {
  readonly invoice: Invoice | undefined;
}

export function checkInvoiceCall(call: InvoiceCall, faults: Faults): void {
  if (call.orgId !== '') checkOrgId(call.orgId, 'org_id', faults);
  checkId(call.invoiceId, 'invoice_id', faults);
  checkRequestId(call.requestId, faults);
}

/** What an invoice becomes, and what changes with it. */
export interface NextInvoice {
  readonly value: InvoiceDocument;
  readonly changes?: readonly Change[];
}

/** A change of one stored invoice. The caller has checked its own fields. */
export function changeInvoice(
  core: Core,
  action: string,
  call: InvoiceCall & { readonly reason?: string },
  decide: (stored: StoredInvoice, atMs: number) => Promise<NextInvoice> | NextInvoice,
): Promise<Answer<InvoiceReply>> {
  return planInvoice(core, action, call, async (stored, atMs) => {
    const { value, changes = [] } = await decide(stored, atMs);
    const revised = { ...value, revision: stored.value.revision + 1, updated_ms: atMs };
    const { orgId, id } = stored;
    return { changes: () => [put('invoice', orgId, id, stored, revised), ...changes] };
  });
}

/** The same where more than the one record decides. */
export async function planInvoice<Reply = InvoiceReply>(
  core: Core,
  action: string,
  call: InvoiceCall & { readonly reason?: string },
  plan: (stored: StoredInvoice, atMs: number) => Promise<Planned>,
  reply: (changed: Committed) => Reply = replyOf as (changed: Committed) => Reply,
): Promise<Answer<Reply>> {
  const { orgId, invoiceId, etag, reason = '' } = call;
  const located = orgId === '' ? await core.ledger.get('locator', '', invoiceId) : undefined;
  return change(core, {
    action,
    orgId: orgId || (located?.value.org_id ?? ''),
    reason,
    etag,
    request: call,
    async plan(atMs) {
      const stored = await findInvoice(core, orgId, invoiceId);
      checkEtag(etag, stored);
      return plan(stored, atMs);
    },
    reply,
  });
}

export function replyOf(changed: Committed): InvoiceReply {
  const stored = changed.first('invoice');
  return { invoice: stored && toInvoice(stored.value, etagOf(stored)) };
}

export function checkCallWithReason(call: InvoiceCall & { readonly reason: string }): void {
  const faults = createFaults();
  checkInvoiceCall(call, faults);
  checkReason(call.reason, 1, faults);
  refuseFaults(faults);
}

const WHY_NOT: Record<InvoiceState, string> = {
  DRAFT: 'INVOICE_IS_DRAFT',
  OPEN: 'INVOICE_CLOSED',
  PAID: 'INVOICE_NOT_OPEN',
  VOID: 'INVOICE_NOT_OPEN',
  UNCOLLECTIBLE: 'INVOICE_NOT_OPEN',
  SKIPPED: 'INVOICE_NOT_OPEN',
};

/** Legal transitions only. */
export function requireState({ id, value }: StoredInvoice, ...allowed: InvoiceState[]): void {
  if (allowed.includes(value.state)) return;
  const reason = allowed.includes('DRAFT') ? 'INVOICE_CLOSED' : WHY_NOT[value.state];
  throw refusal(reason, `invoice ${id} is ${value.state}, not ${allowed.join(' or ')}`);
}

export function refusal(reason: string, text: string, metadata?: Record<string, string>): Refusal {
  return new Refusal('FAILED_PRECONDITION', reason, text, metadata ? { metadata } : {});
}

/** An amount of the contract in minor units; a fault where it is none. */
export function parseMinor(
  text: string,
  currency: string,
  field: string,
  sign: 'signed' | 'positive',
  faults: Faults,
): bigint {
  const negative = sign === 'signed' && text.startsWith('-');
  const units = parseUnits(negative ? text.slice(1) : text, minorDigits(currency));
  if (isFault(units) || units === 0n) {
    const digits = minorDigits(currency);
    const rule = `must be a decimal other than 0 with at most ${digits} decimals (${currency})`;
    faults.add(field, sign === 'signed' ? rule : rule.replace('other than', 'greater than'));
    return 0n;
  }
  return negative ? -units : units;
}
