// What is counted for a meter: every combination of match, scope and window that any plan, default
// or override names, whichever plan an organisation is on, so that a plan change keeps what was
// used. Rules are read off these counters.

import type { EpochMs } from '../../base/units.js';
import { type Rule, type Window, windowAt } from './rule.js';

export interface Counted {
  readonly combination: string;
  /** A rule with this combination: match, scope and window are the same in all of them. */
  readonly rule: Rule;
  /** The calendar window that holds `atMs`; the last answer is remembered. */
  readonly windowAt: (atMs: EpochMs) => Window;
}

export function countedOf(rules: readonly Rule[], zone: string): readonly Counted[] {
  const byCombination = new Map<string, Counted>();
  for (const rule of rules) {
    if (byCombination.has(rule.combination)) continue;
    const { combination } = rule;
    byCombination.set(combination, { combination, rule, windowAt: rememberingWindow(rule, zone) });
  }
  return [...byCombination.values()];
}

function rememberingWindow(rule: Rule, zone: string): (atMs: EpochMs) => Window {
  let last: Window | undefined;
  return (atMs) => {
    const fits =
      last !== undefined && atMs >= last.startMs && (last.endMs === undefined || atMs < last.endMs);
    if (last === undefined || !fits) last = windowAt(rule.window, atMs, zone);
    return last;
  };
}
