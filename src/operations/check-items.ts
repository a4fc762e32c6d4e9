// All items of a command against all rules, each item seeing what those before it ask for.

import { matches } from '../domain/metering/dimensions.js';
import { type Decision, decide, type RuleState } from '../domain/quota/decide.js';
import type { Quanta } from '../base/units.js';
import { type Core, catalogueOf } from './core.js';
import { pendingKey, type Request, ruleState } from './evaluate.js';
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
    const common = { orgId, account, meter, dimensions, nowMs };
    const request: Request = { ...common, quanta, isDelta, subject, pending };
    const own: RuleState[] = [];
    for (const effective of terms.meter(meter.key).effective) {
      if (!matches(effective.rule.match, dimensions)) continue;
      own.push(ruleState(core, request, effective, nowMs));
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
  return { decision: { ...decision, allowed: false, reason: 'SUSPENDED' }, suspended, states, terms };
}
