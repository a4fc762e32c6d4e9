// All items of a command against all rules, each item seeing what those before it ask for.

import type { Quanta } from '../base/units.js';
import { matches } from '../domain/metering/dimensions.js';
import type { Counted } from '../domain/quota/counted.js';
import { type Decision, decide, type RuleState } from '../domain/quota/decide.js';
import { type Core, catalogueOf } from './core.js';
import { pendingKey, type Request, ruleState, standingAt } from './evaluate.js';
import type { MeasuredItem } from './item.js';
import type { Terms } from './rules.js';

export interface ItemState {
  readonly item: MeasuredItem;
  readonly state: RuleState;
}

export interface ItemsDecision {
  readonly decision: Decision;
  readonly suspended: boolean;
  readonly states: readonly ItemState[];
  readonly terms: Terms;
}

export function checkItems(
  core: Core,
  orgId: string,
  items: readonly MeasuredItem[],
  nowMs: number,
): ItemsDecision {
  const terms = core.terms.of(catalogueOf(core), orgId, nowMs);
  const account = core.fold.account(orgId);
  const pending = new Map<string, Quanta>();
  const states: ItemState[] = [];
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
      pending: items.length === 1 ? undefined : pending,
    };
    const own: RuleState[] = [];
    const { effective, counted } = terms.meter(meter.key);
    for (const { rule, place } of effective) {
      if (!matches(rule.match, dimensions)) continue;
      const standing = standingAt(core, request, counted[place] as Counted, nowMs);
      own.push(ruleState(request, rule, standing));
    }
    for (const state of own) {
      states.push({ item, state });
      if (items.length === 1 || state.aggregation === 'MAX') continue;
      const key = pendingKey(orgId, meter, state.rule, state.scopeValues);
      pending.set(key, (pending.get(key) ?? 0n) + state.requested);
    }
  }
  const decision = decide(states.map(({ state }) => state));
  const { suspended } = terms.terms;
  if (!suspended) return { decision, suspended, states, terms };
  return {
    decision: { ...decision, allowed: false, reason: 'SUSPENDED' },
    suspended,
    states,
    terms,
  };
}
