// GenerateInvoice, PreviewInvoice, FinalizeInvoice, DeleteDraftInvoice.

import type { Timestamp } from '../../../generated/ts/google/protobuf/timestamp.js';
import { InvoiceKind as Kind } from '../../../generated/ts/tollgate/v1/invoice.js';
import type {
  DeleteDraftInvoiceRequest,
  DeleteDraftInvoiceResponse,
  FinalizeInvoiceRequest,
  GenerateInvoiceRequest,
  PreviewInvoiceRequest,
} from '../../../generated/ts/tollgate/v1/invoice_service.js';
import { DAY_MS } from '../../base/units.js';
import type { BillingRecord, DraftPeriod } from '../../domain/invoicing/billing.js';
import type { InvoiceKind } from '../../domain/invoicing/document.js';
import { isWhole, overlap } from '../../domain/invoicing/ranges.js';
import type { Interval } from '../../domain/metering/calendar.js';
import { tenureAt, usagePeriodAt } from '../../domain/subscriptions/terms.js';
import type { Change } from '../../ledger/ledger.js';
import { limits } from '../../limits.js';
import {
  type AccountState,
  billedFrom,
  NOT_BILLED,
  readAccount,
} from '../billing/account-state.js';
import {
  type Billed,
  type Billing,
  closingOf,
  compose,
  documentOf,
  locator,
} from '../billing/bill.js';
import { organisationNotFound } from '../billing/terms-change.js';
import { toInvoice } from '../billing/to-invoice.js';
import { coveredBy, periodsOf, planOf, toInterval } from '../billing/usage-bill.js';
import { change, checkEtag, checkRequestId, create, type Planned, put, remove } from '../change.js';
import type { Answer, Core } from '../core.js';
import {
  checkId,
  checkOrgId,
  createFaults,
  type Faults,
  parseTime,
  refuseFaults,
} from '../parse.js';
import { Refusal } from '../refusal.js';
import { subscriptionNotFound } from '../subscriptions/parts.js';
import {
  checkInvoiceCall,
  findInvoice,
  type InvoiceReply,
  planInvoice,
  refusal,
  replyOf,
  requireState,
  type StoredInvoice,
} from './parts.js';

export function generateInvoice(
  core: Core,
  request: GenerateInvoiceRequest,
): Promise<Answer<InvoiceReply>> {
  const faults = createFaults();
  const kind = checkAsked(request, faults);
  checkRequestId(request.requestId, faults);
  const given = rangeGiven(request, kind, faults);
  refuseFaults(faults);
  const { orgId, force, etag } = request;
  return change(core, {
    action: 'invoices.generate',
    orgId,
    etag,
    request,
    async plan(atMs) {
      const account = await readKnown(core, orgId);
      await refuseUnknownSubscription(core, orgId, request.subscriptionId);
      const range = rangeOf(core, account, kind, given);
      if (range.endMs > atMs) throw refusal('PERIOD_NOT_ENDED', 'the period has not ended yet');
      refuseCurrencies(core, account, range);
      const draft = await ownDraft(core, account, kind, range);
      if (draft !== undefined && !force) throw draftExists(draft.id);
      if (draft !== undefined) checkEtag(etag, draft);
      if (draft === undefined) await refuseOverlap(core, account, kind, range);
      const billed = await compose(core, account, billingOf(kind, range, draft));
      if (request.finalize) return close(core, account, billed, draft, atMs);
      return keepDraft(core, account, billed, draft, atMs);
    },
    reply: replyOf,
  });
}

export async function previewInvoice(
  core: Core,
  request: PreviewInvoiceRequest,
): Promise<Answer<InvoiceReply>> {
  const faults = createFaults();
  const kind = checkAsked(request, faults);
  const given = rangeGiven(request, kind, faults);
  refuseFaults(faults);
  const account = await readKnown(core, request.orgId);
  const running = usagePeriodAt(account.terms, core.clock.wallMs());
  const range = given ?? { startMs: running.startMs, endMs: running.endMs };
  await refuseUnknownSubscription(core, request.orgId, request.subscriptionId);
  refuseCurrencies(core, account, range);
  const billed = await compose(core, account, billingOf(kind, range, undefined));
  const invoice = toInvoice(documentOf(core, billed, '', null), '');
  return { reply: { invoice }, after: core.journal.lastSequence() };
}

/** Computed once more over all usage so far; its adjustments stay. */
export function finalizeInvoice(
  core: Core,
  request: FinalizeInvoiceRequest,
): Promise<Answer<InvoiceReply>> {
  const faults = createFaults();
  checkInvoiceCall(request, faults);
  refuseFaults(faults);
  return planInvoice(core, 'invoices.finalize', request, async (stored, atMs) => {
    requireState(stored, 'DRAFT');
    const { kind, period_start_ms: startMs, period_end_ms: endMs } = stored.value;
    const account = await readAccount(core, stored.orgId);
    const billed = await compose(core, account, billingOf(kind, { startMs, endMs }, stored));
    return close(core, account, billed, stored, atMs);
  });
}

export async function deleteDraftInvoice(
  core: Core,
  request: DeleteDraftInvoiceRequest,
): Promise<Answer<DeleteDraftInvoiceResponse>> {
  const faults = createFaults();
  checkInvoiceCall(request, faults);
  refuseFaults(faults);
  return planInvoice(
    core,
    'invoices.delete',
    request,
    async (stored) => {
      requireState(stored, 'DRAFT');
      const { orgId, billing } = await readAccount(core, stored.orgId);
      const before = billing?.value ?? NOT_BILLED;
      const drafts = before.drafts.filter(({ invoice_id }) => invoice_id !== stored.id);
      const value = { ...before, reopened_from_ms: null, drafts };
      const located = await core.ledger.get('locator', '', stored.id);
      const changes: readonly Change[] = [
        remove('invoice', stored),
        put('billing', orgId, '', billing, value),
        ...(located === undefined ? [] : [remove('locator', located)]),
      ];
      return { changes: () => changes };
    },
    () => ({}),
  );
}

type Asked = Pick<GenerateInvoiceRequest, 'orgId' | 'kind' | 'subscriptionId'>;

function checkAsked({ orgId, kind, subscriptionId }: Asked, faults: Faults): InvoiceKind {
  checkOrgId(orgId, 'org_id', faults);
  if (subscriptionId !== '') checkId(subscriptionId, 'subscription_id', faults);
  switch (kind) {
    case Kind.INVOICE_KIND_UNSPECIFIED:
    case Kind.INVOICE_KIND_RECURRING:
      return 'RECURRING';
    case Kind.INVOICE_KIND_FINAL:
      return 'FINAL';
    case Kind.INVOICE_KIND_MANUAL:
      return 'MANUAL';
    default:
      faults.add('kind', 'must be RECURRING, FINAL or MANUAL');
      return 'MANUAL';
  }
}

interface Times {
  readonly periodStart: Timestamp | undefined;
  readonly periodEnd: Timestamp | undefined;
}

function rangeGiven(
  { periodStart, periodEnd }: Times,
  kind: InvoiceKind,
  faults: Faults,
): Interval | undefined {
  const startMs = parseTime(periodStart, 'period_start', faults);
  const endMs = parseTime(periodEnd, 'period_end', faults);
  if (startMs === undefined && endMs === undefined) return undefined;
  if (startMs === undefined || endMs === undefined) {
    const missing = periodStart === undefined ? 'period_start' : 'period_end';
    faults.add(missing, 'is required where the other one is given');
    return undefined;
  }
  if (endMs < startMs) faults.add('period_end', 'must not be before period_start');
  if (endMs === startMs && kind === 'MANUAL') {
    faults.add('period_end', 'must be after period_start');
  }
  if (endMs - startMs > limits.invoiceYears * 366 * DAY_MS) {
    faults.add('period_end', `must be within ${limits.invoiceYears} years of period_start`);
  }
  return { startMs, endMs };
}

/** Any range for MANUAL, a usage period for the others; the last one that has ended by default. */
function rangeOf(
  core: Core,
  { terms }: AccountState,
  kind: InvoiceKind,
  given: Interval | undefined,
): Interval {
  const running = usagePeriodAt(terms, core.clock.wallMs());
  const found = given ?? usagePeriodAt(terms, running.startMs - 1);
  const range = { startMs: found.startMs, endMs: found.endMs };
  // Base price alone has a time and no length.
  if (kind === 'MANUAL' || range.startMs === range.endMs) return range;
  const period = usagePeriodAt(terms, range.startMs);
  if (period.startMs === range.startMs && period.endMs === range.endMs) return range;
  const own = [period.startMs, period.endMs].map((ms) => new Date(ms).toISOString()).join(' to ');
  throw new Refusal(
    'INVALID_ARGUMENT',
    'FIELD_INVALID',
    `period_start and period_end are no billing period: the one that holds the start is ${own}`,
    { violations: [{ field: 'period_end', description: `must be a billing period: ${own}` }] },
  );
}

async function readKnown(core: Core, orgId: string): Promise<AccountState> {
  const account = await readAccount(core, orgId);
  if (account.stored.organisation === undefined) throw organisationNotFound(orgId);
  return account;
}

async function ownDraft(
  core: Core,
  { orgId, billing }: AccountState,
  kind: InvoiceKind,
  range: Interval,
): Promise<StoredInvoice | undefined> {
  const own = billing?.value.drafts.find((each) => each.kind === kind && isSame(each, range));
  return own && findInvoice(core, orgId, own.invoice_id);
}

function isSame({ start_ms, end_ms }: DraftPeriod, range: Interval): boolean {
  return start_ms === range.startMs && end_ms === range.endMs;
}

function draftExists(id: string): Refusal {
  const text = `there is a DRAFT of this kind and period, ${id}: force computes it anew`;
  return new Refusal('ALREADY_EXISTS', 'INVOICE_EXISTS', text, { metadata: { invoice_id: id } });
}

async function refuseUnknownSubscription(core: Core, orgId: string, id: string): Promise<void> {
  if (id === '' || (await core.ledger.get('subscription', orgId, id)) !== undefined) return;
  throw subscriptionNotFound();
}

/** An invoice has one currency. */
function refuseCurrencies(core: Core, account: AccountState, range: Interval): void {
  const currencies = new Set<string>();
  for (let atMs = range.startMs; atMs < range.endMs; ) {
    currencies.add(planOf(core, account, atMs).currency);
    atMs = tenureAt(account.terms, atMs).endMs;
  }
  if (currencies.size < 2) return;
  const text = `the plans of this range are in ${[...currencies].join(' and ')}`;
  throw refusal('CURRENCY_DIFFERS', `${text}: ask for each part of it`);
}

/** What is on an invoice already, or on another draft, cannot be on this one. */
async function refuseOverlap(
  core: Core,
  account: AccountState,
  kind: InvoiceKind,
  range: Interval,
): Promise<void> {
  const draft = account.billing?.value.drafts.find((d) => overlap(toInterval(d), range));
  if (draft !== undefined) throw overlaps(draft.invoice_id);
  for (const { period, stored } of await periodsOf(core, account, range)) {
    if (stored === undefined) continue;
    const whole = isWhole(period, coveredBy(stored.value));
    for (const { invoice_id, ranges } of stored.value.bills) {
      const meets = ranges.some((each) => overlap(toInterval(each), range) !== undefined);
      if (meets && (whole || kind === 'MANUAL')) throw overlaps(invoice_id);
    }
  }
}

function overlaps(invoiceId: string): Refusal {
  const text = `part of the period is on invoice ${invoiceId}: void or delete that one`;
  return refusal('PERIOD_OVERLAPS', text, { invoice_id: invoiceId });
}

function billingOf(kind: InvoiceKind, range: Interval, draft: StoredInvoice | undefined): Billing {
  const adjustments = (draft?.value.lines ?? []).filter((line) => line.kind === 'ADJUSTMENT');
  const isManual = kind === 'MANUAL';
  return {
    kind,
    range,
    baseMs: isManual ? undefined : range.endMs,
    late: { kind: isManual ? 'none' : 'own currency' },
    again: !isManual,
    adjustments,
  };
}

/** The periods before it may be open still: then it is closed with them. */
function closedBy(core: Core, account: AccountState, { kind, range }: Billed): number | undefined {
  if (kind === 'MANUAL' || range.startMs === range.endMs) return undefined;
  const next = usagePeriodAt(account.terms, billedFrom(core, account));
  return next.startMs === range.startMs ? range.endMs : undefined;
}

async function close(
  core: Core,
  account: AccountState,
  billed: Billed,
  draft: StoredInvoice | undefined,
  atMs: number,
): Promise<Planned> {
  const closing = await closingOf(core, billed, {
    invoiceId: draft?.id ?? `inv_${core.ids.uuid(atMs)}`,
    atMs,
    draft,
    closedToMs: closedBy(core, account, billed),
    dueMs: core.settings.invoiceDueMs,
  });
  core.dues.touch(account.orgId);
  const { series, changes } = closing;
  return series === undefined ? { changes } : { changes, series };
}

function keepDraft(
  core: Core,
  { orgId, billing }: AccountState,
  billed: Billed,
  draft: StoredInvoice | undefined,
  atMs: number,
): Planned {
  const invoiceId = draft?.id ?? `inv_${core.ids.uuid(atMs)}`;
  const computed = documentOf(core, billed, invoiceId, draft?.value.created_ms ?? atMs);
  const revision = (draft?.value.revision ?? 0) + 1;
  const invoice = { ...computed, revision, updated_ms: atMs };
  if (draft !== undefined)
    return { changes: () => [put('invoice', orgId, draft.id, draft, invoice)] };
  const before = billing?.value ?? NOT_BILLED;
  const { startMs: start_ms, endMs: end_ms } = billed.range;
  const own: DraftPeriod = { invoice_id: invoiceId, kind: billed.kind, start_ms, end_ms };
  const value: BillingRecord = {
    ...before,
    reopened_from_ms: null,
    drafts: [...before.drafts, own],
  };
  const changes: readonly Change[] = [
    create('invoice', orgId, invoiceId, invoice),
    locator(orgId, invoiceId),
    put('billing', orgId, '', billing, value),
  ];
  return { changes: () => changes };
}
