// What the rules of a meter say about one request, and which counters an event changes. Reads the
// state and changes nothing; the caller commits in the same synchronous step.

import type { EpochMs, Quanta } from '../base/units.js';
import { cellValue, emptyCell, mergeCell } from '../domain/metering/cell.js';
import { type Dimensions, matches, valuesOf } from '../domain/metering/dimensions.js';
import { type Meter, otherLabels } from '../domain/metering/meter.js';
import { SPEND } from '../domain/metering/spend.js';
import type { Counted } from '../domain/quota/counted.js';
import type { RuleState } from '../domain/quota/decide.js';
import type { Rule, Window } from '../domain/quota/rule.js';
import type { CounterChange } from '../journal/entry.js';
import type { Account } from '../state/account.js';
import { mayHaveDropped, seenMark, takesWindow, windowOf } from '../state/counter.js';
import { labelText } from '../state/label-text.js';
import { keys } from '../state/tables.js';
import { labelsOf, onGrid, readCells } from '../state/totals.js';
import type { Counter, CounterWindow } from '../state/values.js';
import { type Core, catalogueOf } from './core.js';
import { type Pending, pendingKey } from './pending.js';

/** One request against one meter. */
export interface Request {
  readonly orgId: string;
  readonly account: Account | undefined;
  readonly meter: Meter;
  readonly dimensions: Dimensions;
  readonly nowMs: EpochMs;
  /** SUM, COUNT, UNIQUE: what is added. MAX, LAST: the level, unless `isDelta`. */
  readonly quanta: Quanta;
  /** LAST: `quanta` is a change of the level. MAX: the present value is asked about. */
  readonly isDelta: boolean;
  /** LAST: an event older than its source's level changes nothing. Undefined: now. */
  readonly eventTimeMs: EpochMs | undefined;
  /** UNIQUE: the value. LAST: the source. Else ''. */
  readonly subject: string;
  /** What other parts of the same command add to a counter before it: by counter key. */
  readonly pending: Pending | undefined;
}

/** A counter as one window of it stands, for one request. */
export interface Standing {
  readonly counted: Counted;
  readonly counter: Counter | undefined;
  readonly scopeValues: string;
  readonly startMs: EpochMs;
  readonly endMs: EpochMs | undefined;
  readonly used: Quanta;
  /** SUM, COUNT, UNIQUE: what is added. LAST: change of the level. MAX: the level itself. */
  readonly requested: Quanta;
  /** Given where the window starts with this request: what it starts from. */
  readonly base: Quanta | undefined;
  readonly sinceMs: EpochMs | undefined;
}

/** The state of a rule whose counter stands so. */
export function ruleState(request: Request, rule: Rule, standing: Standing): RuleState {
  const { scopeValues, counter, used } = standing;
  const { pending } = request;
  return {
    rule,
    aggregation: request.meter.aggregation,
    scale: request.meter.scale,
    scopeValues,
    used,
    reserved: counter === undefined ? 0n : counter.reserved,
    ahead: pending?.added.get(counterPlace(request, standing)) ?? 0n,
    requested: standing.requested,
    windowStartMs: standing.startMs,
    windowEndMs: standing.endMs,
    opened: rule.window !== 'FIXED_FROM_FIRST_USE' || standing.base === undefined,
    countingSinceMs: standing.sinceMs,
  };
}

/** Names a counter and window among what is pending. */
function counterPlace(request: Request, standing: Standing): string {
  const { combination } = standing.counted;
  const { orgId, meter } = request;
  return pendingKey(orgId, meter.key, combination, standing.scopeValues, standing.startMs);
}

/**
 * The standing is of now; usage counts in the window of its event time. Undefined where that window
 * is not kept any more: then only the totals count it.
 */
export function inEventWindow(
  core: Core,
  request: Request,
  standing: Standing,
): Standing | undefined {
  const { counted, counter, startMs, endMs } = standing;
  const eventTimeMs = request.eventTimeMs ?? request.nowMs;
  if (counted.rule.window === 'FIXED_FROM_FIRST_USE') return standing;
  if (eventTimeMs >= startMs && (endMs === undefined || eventTimeMs < endMs)) return standing;
  const own = counted.windowAt(eventTimeMs);
  if (counter !== undefined && !takesWindow(counter, own, startMs)) return undefined;
  return standingAt(core, request, counted, eventTimeMs);
}

/** Notes what this request will change, for the parts of its command that come after it. */
export function notePending(
  core: Core,
  pending: Pending,
  request: Request,
  standings: readonly (Standing | undefined)[],
): void {
  const { orgId, meter, subject, quanta, dimensions } = request;
  for (const standing of standings) {
    if (standing === undefined || meter.aggregation === 'MAX') continue;
    const own = inEventWindow(core, request, standing);
    if (own === undefined) continue;
    const place = counterPlace(request, own);
    pending.added.set(place, (pending.added.get(place) ?? 0n) + own.requested);
    if (meter.aggregation === 'UNIQUE') pending.values.add(pendingKey(place, subject));
  }
  if (meter.aggregation !== 'LAST' || request.isDelta) return;
  const timeMs = request.eventTimeMs ?? request.nowMs;
  const place = pendingKey(orgId, meter.key, subject);
  const before = pending.levels.get(place);
  if (before !== undefined && before.timeMs > timeMs) return;
  pending.levels.set(place, { quanta, timeMs, labels: [...dimensions] });
}

/** How an event changes a counter. */
export function counterChange(request: Request, standing: Standing): CounterChange {
  const { startMs, used, requested } = standing;
  let delta = requested;
  if (request.meter.aggregation === 'LAST') delta = 0n;
  else if (request.meter.aggregation === 'MAX') delta = requested > used ? requested - used : 0n;
  return {
    combination: standing.counted.combination,
    scopeValues: standing.scopeValues,
    windowStartMs: startMs,
    base: standing.base,
    sinceMs: standing.base === undefined ? undefined : standing.sinceMs,
    delta,
  };
}

/** The counter of a combination in the window that holds `atMs`. */
export function standingAt(
  core: Core,
  request: Request,
  counted: Counted,
  atMs: EpochMs,
): Standing {
  const { account, meter, nowMs } = request;
  const { rule } = counted;
  const scopeValues = valuesOf(rule.scope, request.dimensions);
  const counter =
    account && core.fold.counter(account, meter.key, counted.combination, scopeValues);
  const span =
    rule.window === 'FIXED_FROM_FIRST_USE'
      ? fixedWindow(rule, counter, nowMs)
      : counted.windowAt(atMs);
  const { startMs } = span;
  const window = counter && windowOf(counter, startMs);
  let used = 0n;
  let base: Quanta | undefined;
  let sinceMs: EpochMs | undefined;
  if (meter.aggregation === 'LAST') {
    used = account === undefined ? 0n : levelOf(core, account, meter, rule, scopeValues);
    base = window === undefined ? 0n : undefined;
  } else if (window === undefined || hasMissed(core, request, counted, window)) {
    const dropped = counter !== undefined && mayHaveDropped(counter, startMs);
    const opening = openingOf(core, request, counted, span, window, dropped);
    used = opening.base;
    base = opening.base;
    sinceMs = opening.sinceMs;
  } else if (rule.scope.length > 0 && isIdle(core, counter, nowMs)) {
    base = 0n;
  } else {
    used = window.used;
    sinceMs = window.sinceMs;
  }
  const isNew = base !== undefined;
  const mark = isNew || window === undefined ? '' : seenMark(window);
  const requested =
    meter.aggregation === 'MAX' && request.isDelta
      ? used
      : requestedOf(core, request, counted, scopeValues, startMs, mark);
  const { endMs } = span;
  return { counted, counter, scopeValues, startMs, endMs, used, requested, base, sinceMs };
}

/** The combination was not counted for a while: its window stood still meanwhile. */
function hasMissed(
  core: Core,
  { orgId, meter }: Request,
  counted: Counted,
  window: CounterWindow,
): boolean {
  // Hot path: changed under this very catalogue, so counted all along.
  if (window.version === catalogueOf(core).version) return false;
  // The values of a window that is opened anew would count again, and no totals could tell.
  const fixed = counted.rule.window === 'FIXED_FROM_FIRST_USE';
  if (fixed && meter.aggregation === 'UNIQUE') return false;
  const since = core.fold.countedSince(orgId, meter.key, counted.combination);
  return window.version < since.version && !isBefore(core, since.atMs, window.startMs);
}

function isIdle(core: Core, counter: Counter | undefined, nowMs: EpochMs): boolean {
  return counter !== undefined && nowMs - counter.touchedMs > core.settings.scopeIdleMs;
}

function requestedOf(
  core: Core,
  request: Request,
  counted: Counted,
  scopeValues: string,
  startMs: EpochMs,
  mark: string,
): Quanta {
  const { account, meter, quanta, subject } = request;
  switch (meter.aggregation) {
    case 'SUM':
    case 'COUNT':
    case 'MAX':
      return quanta;
    case 'UNIQUE':
      if (isPendingValue(request, counted, scopeValues, startMs)) return 0n;
      if (account === undefined || mark === '') return 1n;
      return hasSeen(core, account, request, counted, scopeValues, mark) ? 0n : 1n;
    case 'LAST': {
      if (request.isDelta) return quanta;
      const source =
        request.pending?.levels.get(pendingKey(request.orgId, meter.key, subject)) ??
        (account && core.fold.levels(account, meter.key)?.sources.get(subject));
      if (source === undefined) return quanta;
      if ((request.eventTimeMs ?? request.nowMs) < source.timeMs) return 0n;
      const labels = new Map(source.labels);
      const same =
        matches(counted.rule.match, labels) && valuesOf(counted.rule.scope, labels) === scopeValues;
      return same ? quanta - source.quanta : quanta;
    }
  }
}

function isPendingValue(
  { pending, orgId, meter, subject }: Request,
  counted: Counted,
  scopeValues: string,
  startMs: EpochMs,
): boolean {
  if (pending === undefined) return false;
  const place = pendingKey(orgId, meter.key, counted.combination, scopeValues, startMs);
  return pending.values.has(pendingKey(place, subject));
}

function hasSeen(
  core: Core,
  account: Account,
  request: Request,
  counted: Counted,
  scopeValues: string,
  mark: string,
): boolean {
  const { number } = account.organisation;
  const { meter, subject } = request;
  const key = keys.seen(number, meter.key, counted.combination, scopeValues, subject);
  return core.fold.tables.seen.get(key)?.marks.includes(mark) ?? false;
}

const NEW = { base: 0n, sinceMs: undefined } as const;

/** The running window, or one that would open now: first use is by recorded time. */
function fixedWindow(rule: Rule, counter: Counter | undefined, nowMs: EpochMs): Window {
  const running = counter?.windows.find(
    ({ startMs }) => nowMs >= startMs && nowMs < startMs + rule.windowLengthMs,
  );
  const startMs = running?.startMs ?? nowMs;
  return { startMs, endMs: startMs + rule.windowLengthMs };
}

/**
 * What a window that begins to be counted now has missed: nothing, where its combination was
 * counted all along and it is new. Else the totals tell, where they can: no scope, and a match on
 * rollup keys of which none was put under `other`.
 */
function openingOf(
  core: Core,
  { orgId, account, meter, nowMs }: Request,
  counted: Counted,
  span: Window,
  window: CounterWindow | undefined,
  dropped: boolean,
): { readonly base: Quanta; readonly sinceMs: EpochMs | undefined } {
  const { rule, combination } = counted;
  if (account === undefined) return NEW;
  const { atMs: sinceMs } = core.fold.countedSince(orgId, meter.key, combination);
  if (rule.window === 'FIXED_FROM_FIRST_USE') {
    return window === undefined ? NEW : { base: window.used, sinceMs };
  }
  if (!dropped && isBefore(core, sinceMs, span.startMs)) return NEW;
  if (!canAnswer(core, account, meter, rule, span)) {
    return { base: 0n, sinceMs: dropped ? nowMs : sinceMs };
  }
  const endMs = span.endMs ?? Number.MAX_SAFE_INTEGER - (Number.MAX_SAFE_INTEGER % 900_000);
  const { key, aggregation } = meter;
  const sum = emptyCell();
  for (const [id, cell] of readCells(core.fold, account, key, aggregation, span.startMs, endMs)) {
    const labels = new Map(labelsOf(core.fold, account, key, id));
    if (matches(rule.match, labels)) mergeCell(sum, cell, aggregation);
  }
  return { base: cellValue(sum, aggregation), sinceMs: undefined };
}

/**
 * Whether what is counted since then has all of a window: an event may be ahead of its time and so
 * lie in a window that began later.
 */
function isBefore(core: Core, sinceMs: EpochMs, startMs: EpochMs): boolean {
  return sinceMs === 0 || sinceMs + core.settings.eventFutureMs <= startMs;
}

/** Whether the totals know what a rule would have counted in a window. */
function canAnswer(
  core: Core,
  account: Account,
  meter: Meter,
  rule: Rule,
  { startMs }: Window,
): boolean {
  // Money is in the totals only since a rule counts it.
  if (meter.key === SPEND) return false;
  if (rule.scope.length > 0 || meter.aggregation === 'UNIQUE' || !onGrid(startMs)) return false;
  if (rule.match.length === 0) return true;
  const other = labelText(otherLabels(meter));
  const overflowed = core.fold.labelSet(account, meter.key, other) !== undefined;
  if (overflowed) return false;
  const kept = core.fold.meterKind(meter.key)?.rollupSince ?? {};
  return rule.match.every(([key]) => {
    const sinceMs = kept[key];
    return sinceMs !== undefined && isBefore(core, sinceMs, startMs);
  });
}

/** LAST: the sum of the sources that a rule covers. Levels are always known whole. */
function levelOf(
  core: Core,
  account: Account,
  meter: Meter,
  rule: Rule,
  scopeValues: string,
): Quanta {
  const levels = core.fold.levels(account, meter.key);
  if (levels === undefined) return 0n;
  if (rule.match.length === 0 && rule.scope.length === 0) return levels.total;
  let sum = 0n;
  for (const { labels, quanta } of levels.sources.values()) {
    const own = new Map(labels);
    if (matches(rule.match, own) && valuesOf(rule.scope, own) === scopeValues) sum += quanta;
  }
  return sum;
}

/** The value of a rule's scope keys in a request. */
export function scopeOf(rule: Rule, dimensions: Dimensions): Map<string, string> {
  return new Map(rule.scope.map((key) => [key, dimensions.get(key) ?? '']));
}

export function raisedIn(
  core: Core,
  account: Account,
  meter: string,
  change: CounterChange,
): CounterWindow | undefined {
  const counter = core.fold.counter(account, meter, change.combination, change.scopeValues);
  return counter && windowOf(counter, change.windowStartMs);
}
