// What the rules of a meter say about one request, and which counters an event changes. Reads the
// state and changes nothing; the caller commits in the same synchronous step.

import type { EpochMs, Quanta } from '../base/units.js';
import { cellValue, emptyCell, mergeCell } from '../domain/metering/cell.js';
import { type Dimensions, matches, valuesOf } from '../domain/metering/dimensions.js';
import type { Meter } from '../domain/metering/meter.js';
import type { Counted } from '../domain/quota/counted.js';
import type { RuleState } from '../domain/quota/decide.js';
import type { Rule, Window } from '../domain/quota/rule.js';
import type { CounterChange } from '../journal/entry.js';
import type { Account } from '../state/account.js';
import { takesWindow, windowOf } from '../state/counter.js';
import { labelsOf, onGrid, readCells } from '../state/totals.js';
import { keys } from '../state/tables.js';
import type { Counter, CounterWindow } from '../state/values.js';
import type { Core } from './core.js';
import type { EffectiveRule } from './rules.js';

/** One request against one meter. */
export interface Request {
  readonly orgId: string;
  readonly account: Account | undefined;
  readonly meter: Meter;
  readonly dimensions: Dimensions;
  readonly nowMs: EpochMs;
  /** SUM, COUNT, UNIQUE: what is added. MAX, LAST: the level, unless `isDelta`. */
  readonly quanta: Quanta;
  /** LAST: `quanta` is a change of the level. */
  readonly isDelta: boolean;
  /** LAST: an event older than its source's level changes nothing. Undefined: now. */
  readonly eventTimeMs?: EpochMs;
  /** UNIQUE: the value. LAST: the source. Else ''. */
  readonly subject: string;
  /** What other parts of the same command add to a counter before it: by counter key. */
  readonly pending?: ReadonlyMap<string, Quanta>;
}

/** A counter as one window of it stands. */
interface Standing {
  readonly counter: Counter | undefined;
  readonly window: CounterWindow | undefined;
  readonly scopeValues: string;
  readonly span: Window;
  readonly used: Quanta;
  /** Given where the window starts with this request. */
  readonly base: Quanta | undefined;
  readonly sinceMs: EpochMs | undefined;
}

/** The state of a rule for the window that holds `atMs`. */
export function ruleState(
  core: Core,
  request: Request,
  effective: EffectiveRule,
  atMs: EpochMs,
): RuleState {
  const { rule, counted } = effective;
  const standing = standingOf(core, request, counted, atMs);
  const { aggregation } = request.meter;
  const place = pendingKey(request.orgId, request.meter, rule, standing.scopeValues);
  const pending = request.pending?.get(place) ?? 0n;
  return {
    rule,
    aggregation,
    scopeValues: standing.scopeValues,
    used: standing.used + pending,
    reserved: standing.counter?.reserved ?? 0n,
    requested: requestedOf(core, request, counted, standing),
    windowStartMs: standing.span.startMs,
    resetMs: standing.span.endMs,
    countingSinceMs: standing.sinceMs,
  };
}

export function pendingKey(
  orgId: string,
  meter: Meter,
  rule: Rule,
  scopeValues: string,
): string {
  return [orgId, meter.key, rule.combination, scopeValues].join('\u0004');
}

/** How an event changes a counter; undefined where its window is not kept any more. */
export function counterChange(
  core: Core,
  request: Request,
  counted: Counted,
  eventTimeMs: EpochMs,
): CounterChange | undefined {
  const standing = standingOf(core, request, counted, eventTimeMs);
  const { startMs } = standing.span;
  const { counter } = standing;
  if (counter !== undefined && !takesWindow(counter, startMs)) return undefined;
  const level = request.meter.aggregation === 'LAST';
  return {
    combination: counted.combination,
    scopeValues: standing.scopeValues,
    windowStartMs: startMs,
    base: standing.base,
    sinceMs: standing.window === undefined ? standing.sinceMs : undefined,
    delta: level ? 0n : deltaOf(core, request, counted, standing),
  };
}

/** What the counter would gain: MAX gains what lies above the greatest level so far. */
function deltaOf(
  core: Core,
  request: Request,
  counted: Counted,
  standing: Standing,
): Quanta {
  const requested = requestedOf(core, request, counted, standing);
  if (request.meter.aggregation !== 'MAX') return requested;
  return requested > standing.used ? requested - standing.used : 0n;
}

function requestedOf(
  core: Core,
  request: Request,
  counted: Counted,
  standing: Standing,
): Quanta {
  const { account, meter, quanta, subject } = request;
  switch (meter.aggregation) {
    case 'SUM':
    case 'COUNT':
    case 'MAX':
      return quanta;
    case 'UNIQUE':
      if (account === undefined || standing.window === undefined) return 1n;
      return hasSeen(core, account, request, counted, standing) ? 0n : 1n;
    case 'LAST': {
      if (request.isDelta) return quanta;
      const source = account && core.fold.levels(account, meter.key)?.sources.get(subject);
      if (source === undefined) return quanta;
      if ((request.eventTimeMs ?? request.nowMs) < source.timeMs) return 0n;
      const labels = new Map(source.labels);
      const same =
        matches(counted.rule.match, labels) &&
        valuesOf(counted.rule.scope, labels) === standing.scopeValues;
      return same ? quanta - source.quanta : quanta;
    }
  }
}

function hasSeen(
  core: Core,
  account: Account,
  request: Request,
  counted: Counted,
  standing: Standing,
): boolean {
  const { number } = account.organisation;
  const { combination } = counted;
  const key = keys.seen(
    number,
    request.meter.key,
    combination,
    standing.scopeValues,
    request.subject,
  );
  return core.fold.tables.seen.get(key)?.starts.includes(standing.span.startMs) ?? false;
}

function standingOf(core: Core, request: Request, counted: Counted, atMs: EpochMs): Standing {
  const { account, meter, dimensions, nowMs } = request;
  const { rule, combination } = counted;
  const scopeValues = valuesOf(rule.scope, dimensions);
  const counter =
    account && core.fold.counter(account, meter.key, combination, scopeValues);
  const span =
    rule.window === 'FIXED_FROM_FIRST_USE'
      ? fixedWindow(rule, counter, nowMs)
      : counted.windowAt(atMs);
  const window = counter && windowOf(counter, span.startMs);
  const common = { counter, window, scopeValues, span };
  if (meter.aggregation === 'LAST') {
    const used = account === undefined ? 0n : levelOf(core, account, meter, rule, scopeValues);
    return { ...common, used, base: window === undefined ? 0n : undefined, sinceMs: undefined };
  }
  if (window !== undefined) {
    const idle =
      rule.scope.length > 0 && nowMs - (counter?.touchedMs ?? 0) > core.settings.scopeIdleMs;
    if (idle) return { ...common, used: 0n, base: 0n, sinceMs: undefined };
    return { ...common, used: window.used, base: undefined, sinceMs: window.sinceMs };
  }
  const opening = account === undefined ? NEW : openingOf(core, account, meter, counted, span);
  return { ...common, used: opening.base, ...opening };
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
 * What a window that starts now has missed. Nothing, where its combination was counted all along;
 * else the totals tell, where they can: no scope, and a match on rollup keys only.
 */
function openingOf(
  core: Core,
  account: Account,
  meter: Meter,
  counted: Counted,
  span: Window,
): { readonly base: Quanta; readonly sinceMs: EpochMs | undefined } {
  const { rule, combination } = counted;
  const sinceMs = core.fold.countedSinceMs(meter.key, combination);
  if (sinceMs <= span.startMs || rule.window === 'FIXED_FROM_FIRST_USE') return NEW;
  const answerable =
    rule.scope.length === 0 &&
    meter.aggregation !== 'UNIQUE' &&
    onGrid(span.startMs) &&
    rule.match.every(([key]) => meter.rollupKeys.includes(key));
  if (!answerable) return { base: 0n, sinceMs };
  const endMs = span.endMs ?? Number.MAX_SAFE_INTEGER - (Number.MAX_SAFE_INTEGER % 900_000);
  const { key, aggregation } = meter;
  const sum = emptyCell();
  for (const [id, cell] of readCells(core.fold, account, key, aggregation, span.startMs, endMs)) {
    const labels = new Map(labelsOf(core.fold, account, key, id));
    if (matches(rule.match, labels)) mergeCell(sum, cell, aggregation);
  }
  return { base: cellValue(sum, aggregation), sinceMs: undefined };
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

