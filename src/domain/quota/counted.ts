// What is counted for a meter: every combination of match, scope and window that any plan, default
// or override names, whichever plan an organisation is on, so that a plan change keeps what was
// used. Rules are read off these counters.

import type { EpochMs } from '../../base/units.js';
import { type Rule, type Window, type WindowKind, windowAt } from './rule.js';

export interface Counted {
  readonly combination: string;
  /** A rule with this combination: match, scope and window are the same in all of them. */
  readonly rule: Rule;
  /** The window that holds `atMs`; the last answer is remembered. */
  readonly windowAt: (atMs: EpochMs) => Window;
}

/** The windows of one calendar, shared by all organisations on it. */
export type Windows = (kind: WindowKind) => (atMs: EpochMs) => Window;

export function countedOf(rules: readonly Rule[], windows: Windows): readonly Counted[] {
  const byCombination = new Map<string, Counted>();
  for (const rule of rules) {
    if (byCombination.has(rule.combination)) continue;
    const { combination } = rule;
    byCombination.set(combination, { combination, rule, windowAt: windows(rule.window) });
  }
  return [...byCombination.values()];
}

/** Boundaries are worked out once per zone and window, not per organisation. */
export function windowsOf(zone: string): Windows {
  const known = new Map<WindowKind, (atMs: EpochMs) => Window>();
  return (kind) => {
    let remembered = known.get(kind);
    if (remembered === undefined) {
      remembered = rememberingWindow((atMs) => windowAt(kind, atMs, zone));
      known.set(kind, remembered);
    }
    return remembered;
  };
}

export function rememberingWindow(find: (atMs: EpochMs) => Window): (atMs: EpochMs) => Window {
  let last: Window | undefined;
  return (atMs) => {
    const fits =
      last !== undefined && atMs >= last.startMs && (last.endMs === undefined || atMs < last.endMs);
    if (last === undefined || !fits) last = find(atMs);
    return last;
  };
}
