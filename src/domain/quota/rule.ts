// A quota rule bounds the value of one meter in a window, for an organisation or a scope within it.

import { present } from '../../base/assert.js';
import type { EpochMs, Quanta } from '../../base/units.js';
import { intervalAt } from '../metering/calendar.js';
import { type Match, matchOfText, matchText } from '../metering/dimensions.js';

export const WINDOW_KINDS = [
  'CALENDAR_HOUR',
  'CALENDAR_DAY',
  'CALENDAR_MONTH',
  'CALENDAR_YEAR',
  'SUBSCRIPTION_PERIOD',
  'FIXED_FROM_FIRST_USE',
  'LIFETIME',
] as const;
export type WindowKind = (typeof WINDOW_KINDS)[number];

export const MODES = ['HARD', 'SOFT', 'SHADOW'] as const;
export type Mode = (typeof MODES)[number];

export type RuleSource = 'OVERRIDE' | 'PLAN' | 'DEFAULT' | 'NONE';

export interface Rule {
  readonly key: string;
  readonly meter: string;
  readonly match: Match;
  /** Undefined: unlimited. 0 allows nothing. */
  readonly limit: Quanta | undefined;
  readonly window: WindowKind;
  /** FIXED_FROM_FIRST_USE only, else 0. */
  readonly windowLengthMs: number;
  readonly mode: Mode;
  /** Dimension keys: each set of their values has a counter of its own. Empty: the organisation. */
  readonly scope: readonly string[];
  /** Percentages of the limit, ascending. */
  readonly thresholds: readonly number[];
  readonly source: RuleSource;
  /**
   * What the rule counts, without organisation and scope values: rules of equal combination share a
   * counter, so a plan change keeps what was used.
   */
  readonly combination: string;
}

export interface Window {
  readonly startMs: EpochMs;
  /** Undefined: never ends. */
  readonly endMs: EpochMs | undefined;
}

const WINDOW_CODE: Record<WindowKind, string> = {
  CALENDAR_HOUR: 'H',
  CALENDAR_DAY: 'D',
  CALENDAR_MONTH: 'M',
  CALENDAR_YEAR: 'Y',
  SUBSCRIPTION_PERIOD: 'S',
  FIXED_FROM_FIRST_USE: 'F',
  LIFETIME: 'L',
};

export function combinationOf(rule: Omit<Rule, 'combination' | 'source'>): string {
  const code = WINDOW_CODE[rule.window];
  const window = rule.windowLengthMs > 0 ? `${code}${rule.windowLengthMs}` : code;
  if (rule.scope.length === 0 && rule.match.length === 0) return window;
  return `${window}\u0003${rule.scope.join('\u0001')}\u0003${matchText(rule.match)}`;
}

/** What a combination counts by. */
export type CombinationParts = Pick<Rule, 'window' | 'windowLengthMs' | 'scope' | 'match'>;

export function partsOfCombination(combination: string): CombinationParts {
  const [head = '', scope = '', match = ''] = combination.split('\u0003');
  const window = WINDOW_KINDS.find((kind) => WINDOW_CODE[kind] === head.charAt(0));
  return {
    window: present(window, 'the window of a combination'),
    windowLengthMs: Number(head.slice(1)),
    scope: scope === '' ? [] : scope.split('\u0001'),
    match: matchOfText(match),
  };
}

/**
 * The window of `kind` that holds `atMs`, on the calendar of `zone`. FIXED_FROM_FIRST_USE has none:
 * its start is a fact of the counter. SUBSCRIPTION_PERIOD is the organisation's to say.
 */
export function windowAt(kind: WindowKind, atMs: EpochMs, zone: string): Window {
  switch (kind) {
    case 'CALENDAR_HOUR':
      return intervalAt('HOUR', atMs, zone);
    case 'CALENDAR_DAY':
      return intervalAt('DAY', atMs, zone);
    case 'CALENDAR_MONTH':
    case 'SUBSCRIPTION_PERIOD':
      return intervalAt('MONTH', atMs, zone);
    case 'CALENDAR_YEAR':
      return intervalAt('YEAR', atMs, zone);
    case 'LIFETIME':
    case 'FIXED_FROM_FIRST_USE':
      return { startMs: 0, endMs: undefined };
  }
}

/** One rule per combination: an override beats the plan, the plan beats the default. */
export function effectiveRules(
  layers: readonly (readonly Rule[])[],
  replaced: ReadonlySet<string>,
): readonly Rule[] {
  const byCombination = new Map<string, Rule>();
  for (const layer of layers) {
    for (const rule of layer) {
      if (rule.source !== 'OVERRIDE' && replaced.has(rule.key)) continue;
      const place = `${rule.meter}\u0004${rule.combination}`;
      if (!byCombination.has(place)) byCombination.set(place, rule);
    }
  }
  return [...byCombination.values()];
}
