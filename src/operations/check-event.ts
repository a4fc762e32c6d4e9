// May this event be recorded? The checks in the contract's order: dedupe → time → meter and its
// scale → suspension → quota. Reads only.

import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import type { EpochMs, Quanta, Sequence } from '../base/units.js';
import { DAY_MS } from '../base/units.js';
import { matches, valuesOf } from '../domain/metering/dimensions.js';
import { type Meter, otherLabels } from '../domain/metering/meter.js';
import { SPEND_METER } from '../domain/metering/spend.js';
import type { Counted } from '../domain/quota/counted.js';
import { type Decision, decide, fits, type RuleState } from '../domain/quota/decide.js';
import type { Labels, RecordEntry } from '../journal/entry.js';
import { decodeEntry } from '../journal/entry-codec.js';
import { limits } from '../limits.js';
import type { Account } from '../state/account.js';
import { eventIdKey } from '../state/id-key.js';
import { labelText } from '../state/label-text.js';
import { LABEL_SETS_PER_PAGE } from '../state/tables.js';
import type { LabelSet } from '../state/values.js';
import { has } from './caller.js';
import { type Checked, checkRules } from './check-rules.js';
import { checkSpend, type Spend } from './check-spend.js';
import { type Core, catalogueOf, isUnknownOrganisation } from './core.js';
import { notePending, type Request, ruleState, standingAt } from './evaluate.js';
import type { ParsedEvent } from './event.js';
import { policyFault } from './meter-policies.js';
import { createFaults } from './parse.js';
import { type Pending, pendingKey } from './pending.js';
import { measure } from './quantity.js';
import {
  conflict,
  exhausted,
  invalidEvent,
  keptByTollgate,
  type Rejection,
  refusedByPolicy,
  rejected,
  tooOldToEnforce,
  unknownMeter,
  unknownOrganisation,
} from './rejection.js';
import type { Terms } from './rules.js';

export interface Duplicate {
  readonly kind: 'duplicate';
  readonly first: RecordEntry;
  readonly sequence: Sequence;
}

export interface Denied {
  readonly kind: 'denied';
  readonly decision: Decision;
  readonly suspended: boolean;
  readonly request: Request;
  readonly terms: Terms;
}

/** Everything that recording needs, and nothing is recorded yet. */
export interface Recordable {
  readonly kind: 'recordable';
  readonly event: ParsedEvent;
  readonly eventId: string;
  readonly idKey: Uint32Array;
  readonly account: Account | undefined;
  readonly meter: Meter;
  readonly quanta: Quanta;
  readonly eventTimeMs: EpochMs;
  readonly nowMs: EpochMs;
  readonly unknownTier: string | undefined;
  readonly rollup: Labels;
  readonly labelSet: LabelSet | undefined;
  readonly overflowed: boolean;
  readonly request: Request;
  readonly terms: Terms;
  readonly usage: Checked;
  /** Undefined where no rule counts money. */
  readonly spend: Spend | undefined;
}

export type Verdict = Rejection | Duplicate | Denied | Recordable;

export interface CheckOptions {
  readonly enforce: boolean;
  /** Work that was done under a reservation: a fact, whatever the meter's policies say. */
  readonly isSettled?: boolean;
  readonly nowMs: EpochMs;
  /** An event in the place of one that was accepted: at least as old as that one. */
  readonly noOlderThanMs?: EpochMs;
  /** What earlier events of the same command will change; this one is added. */
  readonly pending?: Pending;
}

export function checkEvent(core: Core, event: ParsedEvent, options: CheckOptions): Verdict {
  const { nowMs } = options;
  const eventId = event.eventId === '' ? core.ids.uuid(nowMs) : event.eventId;
  const idKey = eventIdKey(event.orgId, eventId);
  const found = core.indexes.findId(idKey);
  if (found !== undefined) {
    if (found.fingerprint !== event.fingerprint) return conflict(eventId);
    return { kind: 'duplicate', ...readFirst(core, found.sequence) };
  }
  const eventTimeMs = event.eventTimeMs ?? nowMs;
  const timeFault = checkTime(core, event.orgId, eventTimeMs, nowMs, options.noOlderThanMs);
  if (timeFault !== undefined) return timeFault;
  return checkAgainstCatalogue(core, event, options, { eventId, idKey, eventTimeMs });
}

interface Identified {
  readonly eventId: string;
  readonly idKey: Uint32Array;
  readonly eventTimeMs: EpochMs;
}

function checkAgainstCatalogue(
  core: Core,
  event: ParsedEvent,
  options: CheckOptions,
  identified: Identified,
): Verdict {
  const { nowMs } = options;
  const { eventTimeMs } = identified;
  const catalogue = catalogueOf(core);
  const meter = catalogue.meters.get(event.meter);
  if (meter === undefined) return unknownMeter(event.meter);
  if (meter === SPEND_METER) return keptByTollgate(event.field);
  const faults = createFaults();
  const { dimensions, field } = event;
  const measured = measure(event.amount, meter, dimensions, catalogue.runUnits, field, faults);
  if (measured === undefined) return invalidEvent(faults.list);
  const account = core.fold.account(event.orgId);
  if (account === undefined && isUnknownOrganisation(core, event.orgId)) {
    return unknownOrganisation(event.orgId);
  }
  const terms = core.terms.of(event.orgId, nowMs);
  if (options.isSettled !== true) {
    const fault = policyFault(meter, account, terms.terms.plan, dimensions, eventTimeMs);
    if (fault !== undefined) return refusedByPolicy(meter, fault);
  }
  const request: Request = {
    orgId: event.orgId,
    account,
    meter,
    dimensions,
    nowMs,
    quanta: measured.quanta,
    isDelta: false,
    eventTimeMs,
    subject: subjectOf(meter, event),
    pending: options.pending,
  };
  const usage = checkRules(core, request, terms.meter(meter.key));
  const spend = checkSpend(core, terms, request);
  if (options.enforce) {
    const refused = enforce(core, terms, usage, spend, eventTimeMs);
    if (refused !== undefined) return refused;
  }
  const rollup = rollupOf(core, request, event, eventTimeMs);
  if ('kind' in rollup) return rollup;
  if (options.pending !== undefined) {
    notePending(core, options.pending, request, usage.standings);
    if (spend !== undefined) {
      notePending(core, options.pending, spend.request, spend.standings);
    }
  }
  return {
    kind: 'recordable',
    event,
    eventId: identified.eventId,
    idKey: identified.idKey,
    eventTimeMs,
    account,
    meter,
    quanta: measured.quanta,
    nowMs,
    unknownTier: measured.unknownTier,
    rollup: rollup.rollup,
    labelSet: rollup.labelSet,
    overflowed: rollup.overflowed,
    request,
    terms,
    usage,
    spend,
  };
}

/**
 * The current window must have room, and so must the event's own where it is another one:
 * backdating evades nothing. Only the window right before the current one is still kept exactly.
 */
function enforce(
  core: Core,
  terms: Terms,
  usage: Checked,
  spend: Spend | undefined,
  eventTimeMs: EpochMs,
): Denied | Rejection | undefined {
  const { request } = usage;
  const states = spend === undefined ? usage.states : [...usage.states, ...spend.states];
  if (terms.terms.suspended) {
    const decision = { ...decide(states), allowed: false, reason: 'SUSPENDED' as const };
    return { kind: 'denied', decision, suspended: true, request, terms };
  }
  const all = [...states];
  for (const checked of spend === undefined ? [usage] : [usage, spend]) {
    const fault = addOwnWindows(core, checked, eventTimeMs, all);
    if (fault !== undefined) return fault;
  }
  const decision = decide(all);
  if (decision.allowed) return undefined;
  return { kind: 'denied', decision, suspended: false, request, terms };
}

/** Adds the rules in the event's own windows, where those are not the current ones. */
function addOwnWindows(
  core: Core,
  { request, rules }: Checked,
  eventTimeMs: EpochMs,
  all: RuleState[],
): Rejection | undefined {
  for (const { rule, place } of rules.effective) {
    const counted = rules.counted[place] as Counted;
    if (!matches(rule.match, request.dimensions)) continue;
    if (rule.window === 'FIXED_FROM_FIRST_USE' || request.meter.aggregation === 'LAST') continue;
    const nowStartMs = counted.windowAt(request.nowMs).startMs;
    const own = counted.windowAt(eventTimeMs);
    if (own.startMs === nowStartMs) continue;
    if (own.startMs < nowStartMs && own.endMs !== nowStartMs) {
      if (has(core, 'usage.backfill')) continue;
      return tooOldToEnforce(rule.key);
    }
    all.push(ruleState(request, rule, standingAt(core, request, counted, eventTimeMs)));
  }
  return undefined;
}

/** Counts what SHADOW rules would have refused. */
export function noteShadow(
  core: Core,
  orgId: string,
  states: readonly RuleState[],
  nowMs: EpochMs,
): void {
  for (const state of states) {
    if (state.rule.mode !== 'SHADOW' || fits(state)) continue;
    core.denials.note(orgId, state.rule.key, 'SHADOW', nowMs);
    core.metrics.shadowDenials.add();
  }
}

export function readFirst(core: Core, sequence: Sequence): Omit<Duplicate, 'kind'> {
  const entry = decodeEntry(core.journal.read(sequence).body);
  if (entry.kind !== 'record') throw new Error(`sequence ${sequence} is no event`);
  return { first: entry, sequence };
}

function subjectOf(meter: Meter, event: ParsedEvent): string {
  if (meter.aggregation === 'UNIQUE') return event.dimensions.get(meter.dimension) ?? '';
  if (meter.aggregation === 'LAST') return valuesOf(meter.sourceKeys, event.dimensions);
  return '';
}

function checkTime(
  core: Core,
  orgId: string,
  eventTimeMs: EpochMs,
  nowMs: EpochMs,
  noOlderThanMs = Number.POSITIVE_INFINITY,
): Rejection | undefined {
  const { eventPastMs, eventFutureMs } = core.settings;
  if (eventTimeMs < Math.min(nowMs - eventPastMs, noOlderThanMs)) {
    if (has(core, 'usage.backfill')) return checkBackfill(core, orgId, eventTimeMs, nowMs);
    const text = `event_time is more than ${eventPastMs / DAY_MS} days old`;
    return rejected(Outcome.OUTCOME_TOO_OLD, 'OUT_OF_RANGE', 'EVENT_TOO_OLD', text);
  }
  if (eventTimeMs > nowMs + eventFutureMs) {
    const text = `event_time is more than ${eventFutureMs / 1000} s in the future`;
    return rejected(Outcome.OUTCOME_IN_FUTURE, 'OUT_OF_RANGE', 'EVENT_IN_FUTURE', text);
  }
  return undefined;
}

/** What is invoiced is closed, and what is older than ids are kept could count twice. */
function checkBackfill(
  core: Core,
  orgId: string,
  eventTimeMs: EpochMs,
  nowMs: EpochMs,
): Rejection | undefined {
  const { idRetentionMs } = core.settings;
  const closedMs = core.fold.account(orgId)?.organisation.closedToMs ?? 0;
  if (eventTimeMs >= Math.max(closedMs, nowMs - idRetentionMs)) return undefined;
  const text =
    `event_time is more than ${idRetentionMs / DAY_MS} days old, ` +
    'or lies in a period that was invoiced';
  return rejected(Outcome.OUTCOME_TOO_OLD, 'OUT_OF_RANGE', 'EVENT_TOO_OLD', text);
}

interface Rollup {
  readonly rollup: Labels;
  /** The label set as it stands; undefined where it is new. */
  readonly labelSet: LabelSet | undefined;
  readonly overflowed: boolean;
}

/** The label set of the totals, `other` beyond the cap, or a refusal where a price needs it. */
function rollupOf(
  core: Core,
  { account, meter, subject, pending }: Request,
  event: ParsedEvent,
  eventTimeMs: EpochMs,
): Rollup | Rejection {
  const rollup = meter.rollupKeys.map((key): readonly [string, string] => [
    key,
    event.dimensions.get(key) ?? '',
  ]);
  const text = labelText(rollup);
  const known = account && core.fold.labelSet(account, meter.key, text);
  const series = account && core.fold.meterAccount(account, meter.key).series;
  const monthMs = core.monthAt(eventTimeMs).startMs;
  const inMonth = series !== undefined && monthMs <= series.monthMs ? series.labelSetsInMonth : 0;
  const isNew = known === undefined || known.monthMs < Math.max(monthMs, series?.monthMs ?? 0);
  const added = isNew ? noteLabelSet(pending, event.orgId, meter, text) : 0;
  if (isNew && inMonth + added >= meter.labelSetsMax) {
    const priced = catalogueOf(core).pricedKeys.get(meter.key);
    if (meter.rollupKeys.some((key) => priced?.has(key))) {
      return exhausted(`meter ${meter.key} has ${meter.labelSetsMax} label sets this month`);
    }
    return { rollup: otherLabels(meter), labelSet: undefined, overflowed: true };
  }
  if (account === undefined) return { rollup, labelSet: undefined, overflowed: false };
  const fault = subjectFault(core, account, meter, eventTimeMs, subject, known?.id);
  return fault ?? { rollup, labelSet: known, overflowed: false };
}

/** How many other label sets the command adds; notes this one. */
function noteLabelSet(
  pending: Pending | undefined,
  orgId: string,
  meter: Meter,
  text: string,
): number {
  if (pending === undefined) return 0;
  const place = pendingKey(orgId, meter.key);
  const own = pending.labelSets.get(place) ?? new Set();
  pending.labelSets.set(place, own);
  const others = own.has(text) ? 0 : own.size;
  own.add(text);
  return others;
}

/** UNIQUE and LAST keep their subjects one by one, so those have a bound too. */
function subjectFault(
  core: Core,
  account: Account,
  meter: Meter,
  eventTimeMs: EpochMs,
  subject: string,
  labelSet: number | undefined,
): Rejection | undefined {
  if (meter.aggregation === 'LAST') {
    const sources = core.fold.levels(account, meter.key)?.sources;
    if (sources === undefined || sources.has(subject)) return undefined;
    if (sources.size < limits.lastSources) return undefined;
    return exhausted(`meter ${meter.key} has ${limits.lastSources} sources`);
  }
  if (meter.aggregation !== 'UNIQUE' || labelSet === undefined) return undefined;
  const dayMs = Math.floor(eventTimeMs / DAY_MS) * DAY_MS;
  const number = Math.floor(labelSet / LABEL_SETS_PER_PAGE);
  const page = core.fold.page(account.organisation.number, meter.key, 'day', dayMs, number);
  const values = page?.cells.get(labelSet)?.values;
  if (values === undefined || values.has(subject)) return undefined;
  if (values.size < limits.uniqueValuesPerDay) return undefined;
  return exhausted(`meter ${meter.key} has ${limits.uniqueValuesPerDay} values this day`);
}
