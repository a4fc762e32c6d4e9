// An invoice as it would be made now: its lines and sums, and what the ledger changes with it.
// Composed the same for a preview, a draft and a closing; only the last commits what it covers.

import type { EpochMs, Sequence } from '../../base/units.js';
import type { BillingRecord } from '../../domain/invoicing/billing.js';
import type { CreditGrantRecord } from '../../domain/invoicing/credit.js';
import type {
  InvoiceDocument,
  InvoiceKind,
  LineDocument,
} from '../../domain/invoicing/document.js';
import { newInvoice } from '../../domain/invoicing/new-invoice.js';
import { type Use, useCredit } from '../../domain/invoicing/use-credit.js';
import type { Interval } from '../../domain/metering/calendar.js';
import { tenureAt } from '../../domain/subscriptions/terms.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { create, put } from '../change.js';
import { type Core, catalogueOf } from '../core.js';
import { listAll } from '../paging.js';
import { type AccountState, NOT_BILLED } from './account-state.js';
import {
  type BaseBill,
  billBase,
  billVoidedBase,
  type ChangedRecords,
  NO_BASE,
  soldPlanOf,
} from './base-bill.js';
import { billUsage, type Late, type UsageBill } from './usage-bill.js';

export interface Billed {
  readonly account: AccountState;
  readonly kind: InvoiceKind;
  readonly range: Interval;
  readonly usage: UsageBill;
  readonly base: BaseBill;
  /** Lines entered by hand. */
  readonly adjustments: readonly LineDocument[];
}

export interface Billing {
  readonly kind: InvoiceKind;
  readonly range: Interval;
  /** Base periods that have begun by then are charged; undefined: none. */
  readonly baseMs: EpochMs | undefined;
  readonly late: Late;
  /** Asked for: with the base price that a voided invoice of this period had. */
  readonly again: boolean;
  readonly adjustments: readonly LineDocument[];
}

export async function compose(core: Core, account: AccountState, of: Billing): Promise<Billed> {
  const { kind, range, adjustments } = of;
  const again = of.again ? await billVoidedBase(core, account, range) : NONE_VOIDED;
  const live = again.changed.get(account.subscription?.id ?? '') ?? account.subscription;
  const usage = ofSold(core, await billUsage(core, account, range, of.late), range, again.changed);
  const base = of.baseMs === undefined ? NO_BASE : billBase(core, live, of.baseMs);
  const isLiveChanged = base.changes.length > 0;
  const changed = [...again.changed.values()]
    .filter(({ id }) => !(isLiveChanged && id === live?.id))
    .map((stored) => put('subscription', account.orgId, stored.id, stored, stored.value));
  const all = {
    ...base,
    lines: [...again.lines, ...base.lines],
    changes: [...changed, ...base.changes],
  };
  return { account, kind, range, usage, base: all, adjustments };
}

/** Base price once more of a subscription that ended when it began: no usage says whose it is. */
function ofSold(core: Core, usage: UsageBill, range: Interval, again: ChangedRecords): UsageBill {
  const [sold] = again.values();
  if (sold === undefined || range.startMs < range.endMs) return usage;
  return { ...usage, subscriptionId: sold.id, plan: soldPlanOf(core, sold.value) };
}

const NONE_VOIDED: Awaited<ReturnType<typeof billVoidedBase>> = { lines: [], changed: new Map() };

export function linesOf({ usage, base, adjustments }: Billed): readonly LineDocument[] {
  return [...usage.lines, ...base.lines, ...adjustments];
}

/** Nothing is on it, not even usage that costs nothing. */
export function isEmpty(billed: Billed): boolean {
  return billed.usage.isEmpty && linesOf(billed).every(({ amount }) => amount === '0');
}

/** `createdMs` null: a preview. */
export function documentOf(
  core: Core,
  billed: Billed,
  invoiceId: string,
  createdMs: EpochMs | null,
): InvoiceDocument {
  const { account, kind, range, usage } = billed;
  const { plan } = usage;
  const organisation = account.stored.organisation?.value;
  const own = organisation?.tax_rates ?? [];
  return newInvoice({
    invoiceId,
    kind,
    orgId: account.orgId,
    subscriptionId: usage.subscriptionId,
    plan: plan.id,
    planVersion: plan.version,
    period: range,
    zone: tenureAt(account.terms, range.startMs).document.zone,
    currency: plan.currency,
    lines: linesOf(billed),
    taxRates: own.length > 0 ? own : (plan.document.tax_rates ?? []),
    customer: organisation?.party ?? null,
    seller: catalogueOf(core).settings.seller ?? null,
    through: createdMs === null ? lastOf(linesOf(billed)) : usage.through,
    spend: usage.spend,
    createdMs,
  });
}

/** A preview looks at what it shows. */
function lastOf(lines: readonly LineDocument[]): Sequence {
  return lines.reduce((last, { last_sequence }) => Math.max(last, last_sequence), 0);
}

/** What is committed with a closing. */
export interface Closing {
  /** Undefined: no number is drawn. */
  readonly series: string | undefined;
  readonly changes: (number: number) => readonly Change[];
}

export interface ClosingOptions {
  readonly invoiceId: string;
  readonly atMs: EpochMs;
  /** The DRAFT that is closed; undefined where there is none. */
  readonly draft: Stored<'invoice'> | undefined;
  /** Usage periods that end by then are closed; undefined: as they were. */
  readonly closedToMs: EpochMs | undefined;
  readonly dueMs: number;
}

export async function closingOf(
  core: Core,
  billed: Billed,
  options: ClosingOptions,
): Promise<Closing> {
  const { account, usage, base } = billed;
  const { invoiceId, atMs, draft } = options;
  const plain = documentOf(core, billed, invoiceId, draft?.value.created_ms ?? atMs);
  const isSkipped = plain.lines.every(({ amount }) => amount === '0');
  const grants = await listAll(core.ledger, { kind: 'credit_grant', orgId: account.orgId });
  const values = grants.map(({ value }) => value);
  const uses = useCredit(values, plain.currency, BigInt(plain.total), atMs);
  const revision = (draft?.value.revision ?? 0) + 1;
  const priced = { ...plain, revision, updated_ms: atMs };
  const closed = isSkipped
    ? { ...priced, state: 'SKIPPED' as const }
    : issued(priced, uses, atMs, options.dueMs);
  const rest = [
    ...usage.changes(invoiceId),
    ...base.changes,
    ...uses.map(({ grant }) => grantChange(grants, grant, atMs)),
    ...overpaid(core, closed, atMs),
  ];
  const { orgId } = account;
  const year = new Date(atMs).getUTCFullYear();
  return {
    series: isSkipped ? undefined : `INV-${year}`,
    changes: (number) => {
      const invoice = isSkipped ? closed : { ...closed, number: numberText('INV', year, number) };
      const located = draft === undefined ? [locator(orgId, invoiceId)] : [];
      const billing = billingChange(core, account, usage, options);
      return [put('invoice', orgId, invoiceId, draft, invoice), ...located, ...rest, billing];
    },
  };
}

/** Finds the organisation of an invoice by its id. */
export function locator(orgId: string, id: string): Change {
  return create('locator', '', id, { org_id: orgId });
}

export function numberText(series: string, year: number, number: number): string {
  return `${series}-${year}-${`${number}`.padStart(6, '0')}`;
}

/** OPEN, or PAID where nothing is due. */
function issued(
  invoice: InvoiceDocument,
  uses: readonly Use[],
  atMs: EpochMs,
  dueMs: number,
): InvoiceDocument {
  const used = uses.reduce((sum, each) => sum + each.used, 0n);
  const isPaid = BigInt(invoice.total) - used <= 0n;
  return {
    ...invoice,
    state: isPaid ? 'PAID' : 'OPEN',
    credit_applied: `${used}`,
    credits_used: uses.map(({ grant, used: amount }) => {
      return { credit_grant_id: grant.credit_grant_id, amount: `${amount}` };
    }),
    issue_ms: atMs,
    due_ms: atMs + dueMs,
    paid_ms: isPaid ? atMs : null,
  };
}

/** At the moment of the commit: what other organisations did meanwhile does not matter. */
export function billingChange(
  core: Core,
  { orgId, billing }: AccountState,
  usage: UsageBill,
  { closedToMs, invoiceId }: Pick<ClosingOptions, 'closedToMs' | 'invoiceId'>,
): Change {
  const before = billing?.value ?? NOT_BILLED;
  const isClosing = closedToMs !== undefined;
  const through = usage.isCurrent() ? core.journal.lastSequence() : usage.through;
  const value: BillingRecord = {
    closed_to_ms: Math.max(before.closed_to_ms, closedToMs ?? 0),
    // What came late is billed with a closing only.
    through_sequence: isClosing ? through : before.through_sequence,
    reopened_from_ms: null,
    drafts: before.drafts.filter(({ invoice_id }) => invoice_id !== invoiceId),
  };
  return put('billing', orgId, '', billing, value);
}

function grantChange(
  grants: readonly Stored<'credit_grant'>[],
  grant: CreditGrantRecord,
  atMs: EpochMs,
): Change {
  const stored = grants.find(({ id }) => id === grant.credit_grant_id);
  const value = { ...grant, updated_ms: atMs };
  return put('credit_grant', grant.org_id, grant.credit_grant_id, stored, value);
}

/** A negative total is owed to the organisation: it becomes credit. */
function overpaid(core: Core, invoice: InvoiceDocument, atMs: EpochMs): readonly Change[] {
  const total = BigInt(invoice.total);
  if (total >= 0n || invoice.state === 'SKIPPED') return [];
  const id = `cg_${core.ids.uuid(atMs)}`;
  const grant: CreditGrantRecord = {
    credit_grant_id: id,
    org_id: invoice.org_id,
    currency: invoice.currency,
    amount: `${-total}`,
    balance: `${-total}`,
    priority: 50,
    effective_ms: atMs,
    expire_ms: null,
    reason: `negative total of invoice ${invoice.invoice_id}`,
    void_ms: null,
    invoice_id: invoice.invoice_id,
    credit_note_id: '',
    created_ms: atMs,
    updated_ms: atMs,
  };
  return [create('credit_grant', invoice.org_id, id, grant)];
}
