// All items of a command against all rules, each item seeing what those before it ask for.

import { matches } from '../domain/metering/dimensions.js';
import { type Decision, decide, type RuleState } from '../domain/quota/decide.js';
import type { Core } from './core.js';
import { notePending, type Request, ruleState, type Standing, standingAt } from './evaluate.js';
import type { MeasuredItem } from './item.js';
import { createPending } from './pending.js';
import type { Terms } from './rules.js';

export interface ItemState {
  readonly item: MeasuredItem;
  readonly state: RuleState;
}

/** What an item asks of one counter, whichever rule reads it. */
export interface ItemStanding {
  readonly item: MeasuredItem;
  readonly standing: Standing;
}

export interface ItemsDecision {
  readonly orgId: string;
  readonly decision: Decision;
  readonly suspended: boolean;
  readonly states: readonly ItemState[];
  readonly standings: readonly ItemStanding[];
  readonly terms: Terms;
}

export function checkItems(
  core: Core,
  orgId: string,
  items: readonly MeasuredItem[],
  nowMs: number,
): ItemsDecision {
  const terms = core.terms.of(orgId, nowMs);
  const account = core.fold.account(orgId);
  const pending = items.length > 1 ? createPending() : undefined;
  const states: ItemState[] = [];
  const standings: ItemStanding[] = [];
  for (const item of items) {
    const { meter, quanta, isDelta, subject } = item;
    const { dimensions } = item.item;
    const request: Request = {
      orgId,
      account,
      meter,
      dimensions,
      nowMs,
      quanta,
      isDelta,
      eventTimeMs: undefined,
      subject,
      pending,
    };
    const own: RuleState[] = [];
    const { effective, counted } = terms.meter(meter.key);
    const found = counted.map((each) =>
      matches(each.rule.match, dimensions) ? standingAt(core, request, each, nowMs) : undefined,
    );
    for (const standing of found) if (standing !== undefined) standings.push({ item, standing });
    for (const { rule, place } of effective) {
      const standing = found[place];
      if (standing !== undefined) own.push(ruleState(request, rule, standing));
    }
    for (const state of own) states.push({ item, state });
    if (pending !== undefined) notePending(core, pending, request, found);
  }
  const decision = decide(states.map(({ state }) => state));
  const { suspended } = terms.terms;
  if (!suspended) return { orgId, decision, suspended, states, standings, terms };
  const refused = { ...decision, allowed: false, reason: 'SUSPENDED' as const };
  return { orgId, decision: refused, suspended, states, standings, terms };
}
