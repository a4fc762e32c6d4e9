// Recording one event that was found recordable: the entry with all its results, journaled and
// applied in one step.

import type { EpochMs, Quanta, Sequence } from '../base/units.js';
import type { RuleState } from '../domain/quota/decide.js';
import { thresholdsAt } from '../domain/quota/decide.js';
import type { CounterChange, RecordEntry, ThresholdCrossing } from '../journal/entry.js';
import { commit } from '../state/commit.js';
import { noteShadow, type Recordable } from './check-event.js';
import type { Checked } from './check-rules.js';
import { type Core, catalogueOf } from './core.js';
import { keepEstimate } from './estimate-amount.js';
import { counterChange, inEventWindow, raisedIn } from './evaluate.js';

export interface Recorded {
  readonly entry: RecordEntry;
  readonly sequence: Sequence;
  /** The rules after the event. */
  readonly states: readonly RuleState[];
}

export function recordEvent(
  core: Core,
  checked: Recordable,
  reservationId: string,
  settled: 'late' | 'in time' = 'in time',
): Recorded {
  const { event, nowMs, eventTimeMs } = checked;
  if (checked.account === undefined) ensureOrganisation(core, event.orgId, nowMs);
  const { usage, spend } = checked;
  const { counters, thresholds } = changesOf(core, usage);
  const entry: RecordEntry = {
    kind: 'record',
    atMs: nowMs,
    orgId: event.orgId,
    eventId: checked.eventId,
    meter: checked.meter.key,
    aggregation: checked.meter.aggregation,
    scale: checked.meter.scale,
    quanta: checked.quanta,
    amountText: event.amountText,
    eventTimeMs,
    late: settled === 'late',
    timeDefaulted: event.eventTimeMs === undefined,
    unknownTier: checked.unknownTier !== undefined,
    catalogueVersion: catalogueOf(core).version,
    fingerprint: event.fingerprint,
    labels: [...event.dimensions],
    rollup: checked.rollup,
    subject: checked.request.subject,
    counters,
    thresholds,
    reservationId,
    spend: spend && { quanta: spend.quanta, ...changesOf(core, spend) },
  };
  const states = spend === undefined ? usage.states : [...usage.states, ...spend.states];
  noteShadow(core, event.orgId, states, nowMs);
  const { sequence } = commit(core, entry, checked);
  if (thresholds.length > 0 || (entry.spend?.thresholds.length ?? 0) > 0) {
    core.notices.note(sequence);
  }
  if (core.watchers.count > 0) core.watchers.note(entry, sequence);
  count(core, checked, entry);
  for (const state of usage.states) settleState(state, counters);
  if (spend !== undefined) {
    for (const state of spend.states) settleState(state, entry.spend?.counters ?? []);
    keepEstimate(spend.estimate, usage.request);
  }
  return { entry, sequence, states };
}

export function ensureOrganisation(core: Core, orgId: string, nowMs: EpochMs): void {
  if (core.fold.account(orgId) !== undefined) return;
  const number = core.fold.organisations() + 1;
  core.dues.touch(orgId);
  commit(core, { kind: 'organisation', atMs: nowMs, orgId, number });
}

type Changes = Pick<RecordEntry, 'counters' | 'thresholds'>;

function changesOf(core: Core, checked: Checked): Changes {
  const counters: CounterChange[] = [];
  const levels = checked.request.meter.aggregation === 'LAST';
  for (const standing of checked.standings) {
    if (levels || standing === undefined) continue;
    const own = inEventWindow(core, checked.request, standing);
    if (own !== undefined) counters.push(counterChange(checked.request, own));
  }
  const thresholds: ThresholdCrossing[] = [];
  for (const state of checked.states) addCrossings(core, checked, state, counters, thresholds);
  return { counters, thresholds };
}

/** Thresholds that this event reaches and that were not raised in its window yet. */
function addCrossings(
  core: Core,
  checked: Checked,
  state: RuleState,
  counters: CounterChange[],
  thresholds: ThresholdCrossing[],
): void {
  const { rule } = state;
  if (rule.limit === undefined || rule.thresholds.length === 0) return;
  const level = state.aggregation === 'LAST';
  let index = level ? -1 : indexOf(counters, state);
  if (index < 0 && !level) return;
  const change = counters[index];
  const used = level ? state.used + state.requested : usedAfter(core, checked, state, change);
  const reached = thresholdsAt(rule, used);
  if (reached.length === 0) return;
  if (level) {
    const standing = checked.standings.find(
      (each) => each?.counted.combination === rule.combination,
    );
    if (standing === undefined) return;
    index = counters.push(counterChange(checked.request, standing)) - 1;
  }
  const { account, meter } = checked.request;
  const target = counters[index] as CounterChange;
  const window = account && raisedIn(core, account, meter.key, target);
  const before = window?.raisedLimit === rule.limit ? window.raised : [];
  // Where its window is opened anew, what that does not start with is raised anew.
  const { base } = target;
  const kept = base === undefined ? before : thresholdsAt(rule, base);
  const raised = before.filter((percent) => kept.includes(percent));
  for (const percent of reached) {
    if (raised.includes(percent)) continue;
    thresholds.push({ ruleKey: rule.key, percent, counter: index, limit: rule.limit });
  }
  if (level && thresholds.at(-1)?.counter !== index) counters.pop();
}

function usedAfter(
  core: Core,
  checked: Checked,
  state: RuleState,
  change: CounterChange | undefined,
): Quanta {
  if (change === undefined) return state.used;
  if (change.base !== undefined) return change.base + change.delta;
  if (change.windowStartMs === state.windowStartMs) return state.used + change.delta;
  const { account, meter } = checked.request;
  const window = account && raisedIn(core, account, meter.key, change);
  return (window?.used ?? 0n) + change.delta;
}

function indexOf(counters: readonly CounterChange[], state: RuleState): number {
  return counters.findIndex(
    (change) =>
      change.combination === state.rule.combination && change.scopeValues === state.scopeValues,
  );
}

/** The state of a rule once the event is recorded: it is in `used`, nothing is requested. */
function settleState(state: RuleState, counters: readonly CounterChange[]): void {
  if (state.aggregation === 'LAST') state.used += state.requested;
  else {
    const change = counters[indexOf(counters, state)];
    if (change?.windowStartMs === state.windowStartMs) {
      state.used += change.delta;
      state.opened = true;
    }
  }
}

function count(core: Core, checked: Recordable, entry: RecordEntry): void {
  const { metrics } = core;
  metrics.events.recorded.add();
  if (entry.eventTimeMs < core.monthAt(entry.atMs).startMs) metrics.lateEvents.add();
  if (entry.timeDefaulted) metrics.defaultedTimes.add();
  if (checked.overflowed) metrics.labelOverflow.add();
  const raised = entry.thresholds.length + (entry.spend?.thresholds.length ?? 0);
  if (raised > 0) metrics.thresholds.add(raised);
  if (checked.unknownTier !== undefined) {
    metrics.unknownTiers.add();
    core.onUnknownTier(checked.unknownTier);
  }
}
