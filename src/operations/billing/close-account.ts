// Closes what has ended for one organisation: each usage period, with the base price of what
// follows, becomes one invoice, in order, each in one transaction. After a downtime it catches up;
// a crash at any point leaves periods closed whole or not at all.

import type { EpochMs, Sequence } from '../../base/units.js';
import type { DraftPeriod } from '../../domain/invoicing/billing.js';
import type { InvoiceKind } from '../../domain/invoicing/document.js';
import { isWhole } from '../../domain/invoicing/ranges.js';
import type { Interval } from '../../domain/metering/calendar.js';
import { tenureAt, type UsagePeriod, usagePeriodAt } from '../../domain/subscriptions/terms.js';
import type { Stored } from '../../ledger/ledger.js';
import type { Core } from '../core.js';
import { type AccountState, billedFrom, readAccount } from './account-state.js';
import { nextBaseMs } from './base-bill.js';
import { type Billed, type Billing, billingChange, closingOf, compose, isEmpty } from './bill.js';
import { keepBoundaries } from './keep-boundaries.js';
import { coveredBy, otherCurrencies } from './usage-bill.js';

const ACTOR = 'billing';
const ATTEMPTS = 5;

/**
 * Resolves with when there is something to close next; Infinity where nothing will be. `known`: the
 * account as it was read just now.
 */
export async function closeAccount(
  core: Core,
  orgId: string,
  known: AccountState | undefined,
): Promise<EpochMs> {
  let account = known;
  for (let stale = 0; stale < ATTEMPTS; account = undefined) {
    account ??= await readAccount(core, orgId);
    if (await keepBoundaries(core, account)) {
      stale++;
      continue;
    }
    const step = nextStep(core, account);
    if (step === undefined) return Number.POSITIVE_INFINITY;
    const dueMs = step.atMs + core.settings.invoiceGraceMs;
    if (dueMs > core.clock.wallMs()) return dueMs;
    if (!(await closeStep(core, account, step))) stale++;
  }
  // Somebody changes it at the same time, again and again: the next turn tries again.
  return core.clock.wallMs();
}

/** What is closed next, and when it ended. */
interface Step {
  readonly atMs: EpochMs;
  readonly kind: InvoiceKind;
  readonly range: Interval;
  /** Undefined: only base price is due. */
  readonly period: UsagePeriod | undefined;
}

function nextStep(core: Core, account: AccountState): Step | undefined {
  const fromMs = billedFrom(core, account);
  if (!Number.isFinite(fromMs)) return undefined;
  const period = usagePeriodAt(account.terms, fromMs);
  const baseMs = nextBaseMs(account.subscription?.value);
  if (baseMs < period.endMs) {
    const range = { startMs: baseMs, endMs: baseMs };
    return { atMs: baseMs, kind: 'RECURRING', range, period: undefined };
  }
  const { startMs, endMs } = period;
  const kind = isFinal(account, period) ? 'FINAL' : 'RECURRING';
  return { atMs: endMs, kind, range: { startMs, endMs }, period };
}

/** The last period of a subscription. */
function isFinal({ terms }: AccountState, { tenure, endMs }: UsagePeriod): boolean {
  if (tenure.subscription_id === '') return false;
  return tenureAt(terms, endMs).document.subscription_id !== tenure.subscription_id;
}

/** False where something else changed in between. */
async function closeStep(core: Core, account: AccountState, step: Step): Promise<boolean> {
  const { orgId } = account;
  if (step.period !== undefined) {
    for (const currency of await otherCurrencies(core, account, step.range)) {
      const late = await closeLate(core, account, step, currency);
      if (late !== 'nothing') return late === 'closed';
    }
  }
  const covered = await coveredThrough(core, account, step);
  const draft = await draftOf(core, account, step);
  const adjustments = (draft?.value.lines ?? []).filter(({ kind }) => kind === 'ADJUSTMENT');
  const { atMs: endMs } = step;
  const of: Billing = {
    kind: step.kind,
    // What is invoiced already is closed without an invoice of its own.
    range: covered === undefined ? step.range : { startMs: endMs, endMs },
    baseMs: endMs,
    late: { kind: step.period === undefined ? 'none' : 'own currency' },
    again: false,
    adjustments,
  };
  const composed = await compose(core, account, of);
  const billed = covered === undefined ? composed : lessCurrent(composed, covered);
  const atMs = core.clock.wallMs();
  const invoiceId = draft?.id ?? `inv_${core.ids.uuid(atMs)}`;
  const closedToMs = step.period?.endMs;
  const common = { atMs, actor: ACTOR, orgId, reason: '' };
  if (draft === undefined && isEmpty(billed)) {
    const outcome = await core.ledger.commit({
      ...common,
      action: 'periods.close',
      changes: () => [
        billingChange(core, account, billed.usage, { closedToMs, invoiceId }),
        ...billed.base.changes,
      ],
    });
    return outcome.kind === 'committed';
  }
  const dueMs = core.settings.invoiceDueMs;
  const closing = await closingOf(core, billed, { invoiceId, atMs, draft, closedToMs, dueMs });
  const series = closing.series === undefined ? {} : { series: closing.series };
  const action = 'invoices.close';
  const { changes } = closing;
  const outcome = await core.ledger.commit({ ...common, action, changes, ...series });
  return outcome.kind === 'committed';
}

/** A period that was invoiced before it is closed has usage up to there only. */
function lessCurrent(billed: Billed, covered: Sequence): Billed {
  const through = Math.min(billed.usage.through, covered);
  return { ...billed, usage: { ...billed.usage, through, isCurrent: () => false } };
}

/** What changed in periods of another currency has an invoice in that one. */
async function closeLate(
  core: Core,
  account: AccountState,
  { atMs: endMs }: Step,
  currency: string,
): Promise<'closed' | 'stale' | 'nothing'> {
  const { orgId } = account;
  const billed = await compose(core, account, {
    kind: 'RECURRING',
    range: { startMs: endMs, endMs },
    baseMs: undefined,
    late: { kind: 'currency', currency },
    again: false,
    adjustments: [],
  });
  if (billed.usage.isEmpty) return 'nothing';
  const atMs = core.clock.wallMs();
  const closing = await closingOf(core, billed, {
    invoiceId: `inv_${core.ids.uuid(atMs)}`,
    atMs,
    draft: undefined,
    closedToMs: undefined,
    dueMs: core.settings.invoiceDueMs,
  });
  const { changes } = closing;
  const series = closing.series === undefined ? {} : { series: closing.series };
  const common = { atMs, actor: ACTOR, action: 'invoices.close', orgId, reason: '' };
  const outcome = await core.ledger.commit({ ...common, changes, ...series });
  return outcome.kind === 'committed' ? 'closed' : 'stale';
}

/** Up to where a period that was invoiced before it was closed has all usage. */
async function coveredThrough(
  core: Core,
  { orgId }: AccountState,
  { period }: Step,
): Promise<Sequence | undefined> {
  if (period === undefined) return undefined;
  const stored = await core.ledger.get('usage_period', orgId, `${period.startMs}`);
  if (stored === undefined || !isWhole(period, coveredBy(stored.value))) return undefined;
  const { bills } = stored.value;
  // Billed when it was to end later, it may lack what is due of a whole, such as a minimum.
  if (bills.at(-1)?.end_ms !== period.endMs) return undefined;
  return Math.min(...bills.map(({ through_sequence }) => through_sequence));
}

async function draftOf(
  core: Core,
  { orgId, billing }: AccountState,
  { range }: Step,
): Promise<Stored<'invoice'> | undefined> {
  // Whatever kind it was asked for as, it is the invoice of that period.
  const isSame = (each: DraftPeriod) =>
    each.kind !== 'MANUAL' && each.start_ms === range.startMs && each.end_ms === range.endMs;
  const draft = billing?.value.drafts.find(isSame);
  return draft && core.ledger.get('invoice', orgId, draft.invoice_id);
}
