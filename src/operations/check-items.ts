// All items of a command against all rules, each item seeing what those before it ask for.

import { SPEND_METER } from '../domain/metering/spend.js';
import { type Decision, decide, type RuleState } from '../domain/quota/decide.js';
import { type Checked, checkRules } from './check-rules.js';
import { checkSpend, type Spend } from './check-spend.js';
import type { Core } from './core.js';
import { notePending, type Request, type Standing } from './evaluate.js';
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

/** What an item spends, as an item of its own. */
function spendItem(of: MeasuredItem, { quanta, request }: Spend): MeasuredItem {
  const { meter, dimensions } = request;
  const item = { ...of.item, meter: meter.key, dimensions };
  return { item, meter, quanta, isDelta: false, subject: '', spentBy: of };
}

/** `money`: whether rules on money spent see what the items cost. */
export function checkItems(
  core: Core,
  orgId: string,
  items: readonly MeasuredItem[],
  nowMs: number,
  money: 'with what they cost' | 'as asked',
): ItemsDecision {
  const terms = core.terms.of(orgId, nowMs);
  const account = core.fold.account(orgId);
  const pending = items.length > 1 ? createPending() : undefined;
  const states: ItemState[] = [];
  const standings: ItemStanding[] = [];

  function take(item: MeasuredItem, checked: Checked): void {
    for (const standing of checked.standings) {
      if (standing !== undefined) standings.push({ item, standing });
    }
    for (const state of checked.states) states.push({ item, state });
    if (pending !== undefined) notePending(core, pending, checked.request, checked.standings);
  }

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
    const isPriced = money === 'with what they cost' && meter !== SPEND_METER;
    const spend = isPriced ? checkSpend(core, terms, request) : undefined;
    take(item, checkRules(core, request, terms.meter(meter.key)));
    if (spend !== undefined) take(spendItem(item, spend), spend);
  }
  const decision = decide(states.map(({ state }) => state));
  const { suspended } = terms.terms;
  if (!suspended) return { orgId, decision, suspended, states, standings, terms };
  const refused = { ...decision, allowed: false, reason: 'SUSPENDED' as const };
  return { orgId, decision: refused, suspended, states, standings, terms };
}
