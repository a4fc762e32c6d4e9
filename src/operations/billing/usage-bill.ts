// The usage part of an invoice: every usage period that its range meets, each billed as what it
// comes to now less what was billed of it before; and closed periods that changed since.

import type { EpochMs, Sequence } from '../../base/units.js';
import {
  type Bill,
  nextBill,
  type RangeDocument,
  type UsagePeriodRecord,
} from '../../domain/invoicing/billing.js';
import { differenceTo } from '../../domain/invoicing/difference.js';
import type { LineDocument } from '../../domain/invoicing/document.js';
import { isNothing, lateLines } from '../../domain/invoicing/late-lines.js';
import {
  isWhole,
  joinRanges,
  overlap,
  type Ranges,
  without,
} from '../../domain/invoicing/ranges.js';
import type { SpendDocument } from '../../domain/invoicing/spend.js';
import type { Interval } from '../../domain/metering/calendar.js';
import type { Catalogue, Plan } from '../../domain/plans/catalogue.js';
import { tenureAt, type UsagePeriod, usagePeriodAt } from '../../domain/subscriptions/terms.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { create, put } from '../change.js';
import { type Core, catalogueOf } from '../core.js';
import { type AccountState, firstUsedMs } from './account-state.js';
import { beginRating, type Rated, type RatingBegun } from './rate-period.js';
import {
  beginSpend,
  closeSpend,
  type SpendBegun,
  type SpendClosed,
  spendCorrection,
} from './spend-closing.js';

const KIND = 'usage_period';

export interface UsageBill {
  readonly lines: readonly LineDocument[];
  /** All usage up to here. */
  readonly through: Sequence;
  /** Whether no usage of the organisation came or was taken back since it was read. */
  readonly isCurrent: () => boolean;
  /** Of the range's start. */
  readonly plan: Plan;
  readonly subscriptionId: string;
  /** What budgets had counted of it. */
  readonly spend: SpendDocument | undefined;
  readonly changes: (invoiceId: string) => readonly Change[];
  /** Whether any usage was rated, also at nothing. */
  readonly isEmpty: boolean;
}

/** One period, and what this bill covers of it. */
interface Part {
  readonly period: UsagePeriod;
  readonly stored: Stored<typeof KIND> | undefined;
  readonly added: Ranges;
  readonly plan: Plan;
  readonly rating: RatingBegun;
  /** Undefined where no budget counts. */
  readonly spend: SpendBegun | undefined;
}

/** Which closed periods that changed are on it; an invoice has one currency. */
export type Late =
  | { readonly kind: 'none' }
  /** Those in the currency of the range. */
  | { readonly kind: 'own currency' }
  | { readonly kind: 'currency'; readonly currency: string };

/** Nothing is awaited between reading the totals of all periods. */
export async function billUsage(
  core: Core,
  account: AccountState,
  range: Interval,
  late: Late,
): Promise<UsageBill> {
  const isCurrent = watchUsage(core, account.orgId);
  const through = core.journal.lastSequence();
  const periods = await periodsOf(core, account, range);
  const own = planOf(core, account, range.startMs).currency;
  const currency = late.kind === 'currency' ? late.currency : own;
  const all = late.kind === 'none' ? [] : await changedPeriods(core, account, periods);
  const changed = all.filter((known) => currencyOf(core, account, known) === currency);
  const parts = periods.map((each) => beginPart(core, account, each, range));
  const lateParts = changed.map((each) => beginLate(core, account, each));
  const lines: LineDocument[] = [];
  const changes: ((invoiceId: string) => Change)[] = [];
  const closings: Closing[] = [];
  let isEmpty = true;
  for (const part of parts) {
    const rating = await part.rating.finish();
    const spend = await spendOf(part, rating);
    const { lines: own, billed } = differenceTo(billsOf(part), rating, part.period);
    lines.push(...own);
    if (!isNothing(billed)) isEmpty = false;
    closings.push({ part, spend });
    changes.push((id) => periodChange(account, part, billOf(id, part, billed), spend));
  }
  for (const part of lateParts) {
    const bills = billsOf(part);
    const rating = await part.rating.finish();
    const difference = differenceTo(bills, rating, part.period);
    if (isNothing(difference.billed)) continue;
    isEmpty = false;
    lines.push(...lateLines(difference, bills[0]?.invoice_id ?? ''));
    const spend = await spendOf(part, rating);
    closings.push({ part, spend });
    const billed = difference.billed;
    changes.push((id) => periodChange(account, part, billOf(id, part, billed), spend));
  }
  const first = parts[0];
  return {
    lines,
    through,
    isCurrent,
    plan: first?.plan ?? lateParts[0]?.plan ?? planOf(core, account, range.startMs),
    subscriptionId: tenureAt(account.terms, range.startMs).document.subscription_id,
    spend: shownSpend(closings),
    changes: (invoiceId) => [
      ...changes.map((make) => make(invoiceId)),
      ...budgetChange(core, account, closings, invoiceId),
    ],
    isEmpty,
  };
}

/** Sees what is applied to the organisation's totals from now on. */
function watchUsage(core: Core, orgId: string): () => boolean {
  const account = core.fold.account(orgId);
  const meters = [...(account?.meters ?? [])].map(([key, at]) => ({ key, at, was: at.changes }));
  return () => {
    const now = core.fold.account(orgId);
    // What is remembered of an organisation may be dropped: then nobody knows.
    if (now !== account || now?.meters.size !== account?.meters.size) return false;
    return meters.every(({ key, at, was }) => now?.meters.get(key) === at && at.changes === was);
  };
}

export function planOf(core: Core, { terms }: AccountState, atMs: EpochMs): Plan {
  const catalogue = catalogueOf(core);
  const { tenure } = usagePeriodAt(terms, atMs);
  return catalogue.plan(tenure.plan, tenure.plan_version) ?? catalogue.defaultPlan;
}

function currencyOf(core: Core, account: AccountState, { period, stored }: Known): string {
  return stored?.value.currency ?? planOf(core, account, period.startMs).currency;
}

/** Currencies of closed periods that changed, without that of a range. */
export async function otherCurrencies(
  core: Core,
  account: AccountState,
  range: Interval,
): Promise<readonly string[]> {
  const changed = await changedPeriods(core, account, await periodsOf(core, account, range));
  const all = new Set(changed.map((known) => currencyOf(core, account, known)));
  all.delete(planOf(core, account, range.startMs).currency);
  return [...all];
}

interface Known {
  readonly period: UsagePeriod;
  readonly stored: Stored<typeof KIND> | undefined;
}

export async function periodsOf(
  core: Core,
  { orgId, terms }: AccountState,
  range: Interval,
): Promise<readonly Known[]> {
  const known: Known[] = [];
  for (let atMs = range.startMs; atMs < range.endMs; ) {
    const period = usagePeriodAt(terms, atMs);
    known.push({ period, stored: await core.ledger.get(KIND, orgId, `${period.startMs}`) });
    atMs = period.endMs;
  }
  return known;
}

/** Closed periods that usage came for, or was corrected in, since they were rated. */
async function changedPeriods(
  core: Core,
  account: AccountState,
  own: readonly Known[],
): Promise<readonly Known[]> {
  const organisation = core.fold.account(account.orgId)?.organisation;
  if (organisation === undefined) return [];
  const { changedFromMs, closedToMs: endMs } = organisation;
  if (changedFromMs >= endMs) return [];
  const startMs = Math.max(changedFromMs, firstUsedMs(core, account.orgId));
  const billed = new Set(own.map(({ period }) => period.startMs));
  const changed = await periodsOf(core, account, { startMs, endMs });
  return changed.filter(({ period }) => !billed.has(period.startMs));
}

/** What the range has of a period and no invoice had. */
function beginPart(core: Core, account: AccountState, known: Known, range: Interval): Part {
  const own = overlap(known.period, range);
  const added = own === undefined ? [] : without(own, coveredBy(known.stored?.value));
  return begin(core, account, known, added);
}

/** All of a closed period that no voided invoice had: what was billed, and what had no usage. */
function beginLate(core: Core, account: AccountState, known: Known): Part {
  const { period, stored } = known;
  const voided = (stored?.value.voided ?? []).map(toInterval);
  const added = without(period, [...coveredBy(stored?.value), ...voided]);
  return begin(core, account, known, added);
}

function begin(core: Core, account: AccountState, known: Known, added: Ranges): Part {
  const { stored } = known;
  const fixed =
    stored !== undefined && isFixedBy(stored.value, known.period) ? stored.value : undefined;
  const catalogue =
    fixed === undefined ? catalogueOf(core) : core.fold.catalogueAsOf(fixed.catalogue_sequence);
  const period = fixed === undefined ? known.period : { ...known.period, tenure: fixed.tenure };
  const plan =
    fixed === undefined ? planOf(core, account, period.startMs) : planIn(catalogue, fixed);
  const ranges = joinRanges([...coveredBy(stored?.value), ...added]);
  const rating = beginRating(core, ratedOf(account, period, ranges, catalogue, plan));
  const spend = beginSpend(core, account.orgId, ranges);
  return { period, stored, added, plan, rating, spend };
}

/** Whether all of it was billed: what it was rated by then rates it for ever. */
function isFixedBy(value: UsagePeriodRecord, period: Interval): boolean {
  const voided = value.voided.map(toInterval);
  return isWhole(period, [...coveredBy(value), ...voided]);
}

function ratedOf(
  { orgId }: AccountState,
  period: UsagePeriod,
  ranges: Ranges,
  catalogue: Catalogue,
  plan: Plan,
): Rated {
  const { trial, zone } = period.tenure;
  const isAll = isWhole(period, ranges);
  return { orgId, period, whole: period.whole, ranges, isAll, trial, zone, catalogue, plan };
}

function planIn(catalogue: Catalogue, { plan, plan_version }: UsagePeriodRecord): Plan {
  return catalogue.plan(plan, plan_version) ?? catalogue.defaultPlan;
}

export function coveredBy(value: UsagePeriodRecord | undefined): Ranges {
  return joinRanges((value?.bills ?? []).flatMap(({ ranges }) => ranges.map(toInterval)));
}

export function toInterval({ start_ms, end_ms }: RangeDocument): Interval {
  return { startMs: start_ms, endMs: end_ms };
}

export function toRange({ startMs, endMs }: Interval): RangeDocument {
  return { start_ms: startMs, end_ms: endMs };
}

function billsOf({ stored }: Part): readonly Bill[] {
  return stored?.value.bills ?? [];
}

function billOf(invoiceId: string, part: Part, lines: Bill['lines']): Bill {
  const { stored, added, rating, plan, period } = part;
  return {
    number: nextBill(stored?.value),
    invoice_id: invoiceId,
    end_ms: period.endMs,
    ranges: added.map(toRange),
    through_sequence: rating.through,
    plan_version: plan.version,
    catalogue_sequence: ratedBy(part),
    lines,
  };
}

function ratedBy({ stored, rating, period }: Part): Sequence {
  const isFixed = stored !== undefined && isFixedBy(stored.value, period);
  return isFixed ? stored.value.catalogue_sequence : rating.through;
}

interface Closing {
  readonly part: Part;
  readonly spend: SpendClosed | undefined;
}

async function spendOf(
  { spend, rating, plan, stored }: Part,
  lines: readonly LineDocument[],
): Promise<SpendClosed | undefined> {
  if (spend === undefined) return undefined;
  return closeSpend(await spend.finish(rating.through), lines, plan.currency, stored?.value);
}

function shownSpend(closings: readonly Closing[]): SpendDocument | undefined {
  const all = closings.flatMap(({ spend }) => (spend === undefined ? [] : [spend.document]));
  if (all.length === 0) return undefined;
  const sum = (of: (each: SpendDocument) => string) =>
    `${all.reduce((total, each) => total + BigInt(of(each)), 0n)}`;
  return { counted: sum(({ counted }) => counted), difference: sum((each) => each.difference) };
}

function budgetChange(
  core: Core,
  { orgId }: AccountState,
  closings: readonly Closing[],
  invoiceId: string,
): readonly Change[] {
  const counters = closings.flatMap(({ part, spend }) => {
    return spend === undefined ? [] : spendCorrection(core, orgId, part.period, spend.difference);
  });
  return counters.length === 0 ? [] : [create('spend_correction', orgId, invoiceId, { counters })];
}

function periodChange(
  { orgId }: AccountState,
  part: Part,
  bill: Bill,
  spend: SpendClosed | undefined,
): Change {
  const { period, stored, plan, added } = part;
  const before = stored?.value;
  const left = (before?.voided ?? []).flatMap((range) => without(toInterval(range), added));
  const value: UsagePeriodRecord = {
    start_ms: period.startMs,
    end_ms: period.endMs,
    whole_start_ms: period.whole.startMs,
    whole_end_ms: period.whole.endMs,
    tenure: period.tenure,
    plan: plan.id,
    plan_version: plan.version,
    currency: plan.currency,
    catalogue_sequence: ratedBy(part),
    bills: [...(before?.bills ?? []), bill],
    voided_bills: before?.voided_bills ?? [],
    voided: left.map(toRange),
    ...(spend === undefined ? {} : { spend_corrected: spend.corrected }),
  };
  return put(KIND, orgId, `${period.startMs}`, stored, value);
}
