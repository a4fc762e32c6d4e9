// Closes what has ended for one organisation: each usage period, with the base price of what
// follows, becomes one invoice, in order, each in one transaction. After a downtime it catches up;
// a crash at any point leaves periods closed whole or not at all.

import type { EpochMs } from '../../base/units.js';
import type { DraftPeriod } from '../../domain/invoicing/billing.js';
import type { InvoiceKind } from '../../domain/invoicing/document.js';
import type { Interval } from '../../domain/metering/calendar.js';
import { tenureAt, type UsagePeriod, usagePeriodAt } from '../../domain/subscriptions/terms.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import type { Core } from '../core.js';
import { type AccountState, billedFrom, readAccount } from './account-state.js';
import { nextBaseMs } from './base-bill.js';
import { type Billing, billingChange, closingOf, compose, isEmpty } from './bill.js';

const ACTOR = 'billing';
const ATTEMPTS = 5;

/** Resolves with when there is something to close next; Infinity where nothing will be. */
export async function closeAccount(core: Core, orgId: string): Promise<EpochMs> {
  for (let stale = 0; stale < ATTEMPTS; ) {
    const account = await readAccount(core, orgId);
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
  const draft = await draftOf(core, account, step);
  const adjustments = (draft?.value.lines ?? []).filter(({ kind }) => kind === 'ADJUSTMENT');
  const of: Billing = {
    kind: step.kind,
    range: step.range,
    baseMs: step.atMs,
    late: step.period === undefined ? 'range only' : 'with late usage',
    again: false,
    adjustments,
  };
  const billed = await compose(core, account, of);
  const atMs = core.clock.wallMs();
  const invoiceId = draft?.id ?? `inv_${core.ids.uuid(atMs)}`;
  const closedToMs = step.period?.endMs;
  const common = { atMs, actor: ACTOR, orgId, reason: '' };
  if (draft === undefined && isEmpty(billed)) {
    const changes: readonly Change[] = [
      billingChange(account, billed.usage, { closedToMs, invoiceId }),
      ...billed.base.changes,
    ];
    const outcome = await core.ledger.commit({
      ...common,
      action: 'periods.close',
      changes: () => changes,
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

async function draftOf(
  core: Core,
  { orgId, billing }: AccountState,
  { kind, range }: Step,
): Promise<Stored<'invoice'> | undefined> {
  const isSame = (each: DraftPeriod) =>
    each.kind === kind && each.start_ms === range.startMs && each.end_ms === range.endMs;
  const draft = billing?.value.drafts.find(isSame);
  return draft && core.ledger.get('invoice', orgId, draft.invoice_id);
}
