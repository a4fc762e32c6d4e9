// The decision: does a request fit every rule that applies to it? Pure; the caller reads the
// counters and applies the outcome in the same synchronous step, so nothing comes between (I5).
//
//   allow     ⇔ limit unset  OR  used + reserved + max(requested, 1 quantum) ≤ limit
//   remaining = max(0, limit − used − reserved)
//
// Where a command has several parts, those before it count as reserved to each of them.
//
// MAX and LAST compare the level that the request would lead to; UNIQUE and money have no floor of
// 1 quantum.

import type { EpochMs, Quanta } from '../../base/units.js';
import { maxQuanta } from '../../base/units.js';
import type { Aggregation } from '../metering/meter.js';
import { SPEND } from '../metering/spend.js';
import type { Rule } from './rule.js';

/** What one rule knows at the moment of the decision. */
export interface RuleState {
  readonly rule: Rule;
  readonly aggregation: Aggregation;
  /** Of its meter. */
  readonly scale: number;
  readonly scopeValues: string;
  used: Quanta;
  reserved: Quanta;
  /** What earlier parts of the same command ask of the same counter. */
  readonly ahead: Quanta;
  /** SUM, COUNT, UNIQUE: what is added. LAST: change of the level. MAX: the level itself. */
  requested: Quanta;
  readonly windowStartMs: EpochMs;
  readonly windowEndMs: EpochMs | undefined;
  /** False for a FIXED_FROM_FIRST_USE window that no use has opened: waiting does not help. */
  opened: boolean;
  /** Set where the counter began after its window did and could not be filled from the totals. */
  readonly countingSinceMs: EpochMs | undefined;
}

export type Reason =
  | 'WITHIN_LIMIT'
  | 'HARD_LIMIT_EXCEEDED'
  | 'SOFT_LIMIT_EXCEEDED'
  | 'UNLIMITED'
  | 'QUOTA_NOT_CONFIGURED'
  | 'SUSPENDED';

export interface Decision {
  readonly allowed: boolean;
  readonly reason: Reason;
  /** All applicable rules, the deciding one first. */
  readonly states: readonly RuleState[];
}

/** May the request go ahead? */
export function decide(states: readonly RuleState[]): Decision {
  return judge(states, fits);
}

/** Whether what a request asked for is in `used` or `reserved` already. */
export type Asked = 'recorded' | 'requested';

/**
 * Where the rules stand after the fact: what was used is exceeded only when it is over the limit.
 */
export function standing(states: readonly RuleState[], asked: Asked): Decision {
  return judge(states, asked === 'recorded' ? holdsAsRecorded : holdsAsRequested);
}

type Test = (state: RuleState) => boolean;

function judge(states: readonly RuleState[], passes: Test): Decision {
  if (states.length === 0) return { allowed: true, reason: 'QUOTA_NOT_CONFIGURED', states };
  const deciding = decidingState(states, passes);
  if (deciding === undefined) return { allowed: true, reason: 'UNLIMITED', states };
  const reason = reasonOf(deciding, passes);
  return {
    allowed: reason !== 'HARD_LIMIT_EXCEEDED',
    reason,
    states: states[0] === deciding ? states : [deciding, ...states.filter((s) => s !== deciding)],
  };
}

export function fits(state: RuleState): boolean {
  const { limit, meter } = state.rule;
  if (limit === undefined) return true;
  // What costs nothing fits every budget.
  if (meter === SPEND && state.requested <= 0n) return true;
  return projectedWithFloor(state) <= limit;
}

/** When the window ends; undefined where it never does, or has not begun. */
export function resetMs(state: RuleState): EpochMs | undefined {
  return state.opened ? state.windowEndMs : undefined;
}

function holdsAsRequested(state: RuleState): boolean {
  const { limit } = state.rule;
  return limit === undefined || projected(state, 'requested') <= limit;
}

function holdsAsRecorded(state: RuleState): boolean {
  const { limit } = state.rule;
  return limit === undefined || projected(state, 'recorded') <= limit;
}

/** used + reserved + requested, or the level where the aggregation is MAX. */
export function projected(state: RuleState, asked: Asked): Quanta {
  const requested = asked === 'recorded' ? 0n : state.requested;
  if (state.aggregation === 'MAX') return maxQuanta(state.used, requested);
  return state.used + state.reserved + state.ahead + requested;
}

export function remaining(state: RuleState): Quanta | undefined {
  const { limit } = state.rule;
  if (limit === undefined) return undefined;
  const held = state.aggregation === 'MAX' ? 0n : state.reserved + state.ahead;
  const left = limit - state.used - held;
  return left < 0n ? 0n : left;
}

/** Reached thresholds, in per cent of the limit, by `used`; none where there is no limit. */
export function thresholdsAt(rule: Rule, used: Quanta): readonly number[] {
  const { limit, thresholds } = rule;
  if (limit === undefined || thresholds.length === 0 || used <= 0n) return NONE;
  const scaled = used * 100n;
  if (scaled < limit * BigInt(thresholds[0] as number)) return NONE;
  return thresholds.filter((percent) => scaled >= limit * BigInt(percent));
}

const NONE: readonly number[] = [];

function projectedWithFloor(state: RuleState): Quanta {
  const before = state.used + state.reserved + state.ahead;
  switch (state.aggregation) {
    case 'SUM':
    case 'COUNT':
      if (state.rule.meter === SPEND) return before + state.requested;
      return before + maxQuanta(state.requested, 1n);
    case 'UNIQUE':
    case 'LAST':
      return before + state.requested;
    case 'MAX':
      return state.requested;
  }
}

function reasonOf(state: RuleState, passes: Test): Reason {
  if (state.rule.limit === undefined) return 'UNLIMITED';
  if (passes(state)) return 'WITHIN_LIMIT';
  return state.rule.mode === 'HARD' ? 'HARD_LIMIT_EXCEEDED' : 'SOFT_LIMIT_EXCEEDED';
}

/**
 * The failing HARD rule with the latest reset; else a failing SOFT rule; else the rule with the
 * least remaining. SHADOW rules never decide; with nothing but those, the answer is UNLIMITED.
 */
function decidingState(states: readonly RuleState[], passes: Test): RuleState | undefined {
  let best: RuleState | undefined;
  for (const state of states) {
    if (state.rule.mode === 'SHADOW') continue;
    if (best === undefined || precedes(state, best, passes)) best = state;
  }
  return best;
}

function precedes(a: RuleState, b: RuleState, passes: Test): boolean {
  const rankA = rank(a, passes);
  const rankB = rank(b, passes);
  if (rankA !== rankB) return rankA < rankB;
  if (rankA === 0) return (resetMs(a) ?? Infinity) > (resetMs(b) ?? Infinity);
  const leftA = remaining(a);
  const leftB = remaining(b);
  if (leftA === undefined) return false;
  return leftB === undefined || leftA < leftB;
}

function rank(state: RuleState, passes: Test): 0 | 1 | 2 {
  if (passes(state)) return 2;
  return state.rule.mode === 'HARD' ? 0 : 1;
}
