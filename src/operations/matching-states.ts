// The rules of an organisation and meter that a set of labels meets, as they stand, nothing
// requested.

import type { Dimensions } from '../domain/metering/dimensions.js';
import { matches } from '../domain/metering/dimensions.js';
import type { Meter } from '../domain/metering/meter.js';
import type { Counted } from '../domain/quota/counted.js';
import type { RuleState } from '../domain/quota/decide.js';
import type { Core } from './core.js';
import { type Request, ruleState, standingAt } from './evaluate.js';
import type { EffectiveRule } from './rules.js';

export function matchingStates(
  core: Core,
  orgId: string,
  meter: Meter,
  dimensions: Dimensions,
): RuleState[] {
  const terms = core.terms.of(orgId, core.clock.wallMs());
  const { effective } = terms.meter(meter.key);
  return effective
    .filter(({ rule }) => matches(rule.match, dimensions))
    .map((each) => stateNow(core, orgId, meter, each, dimensions));
}

/** One rule that holds, as it stands for these labels. */
export function stateNow(
  core: Core,
  orgId: string,
  meter: Meter,
  { rule, place }: EffectiveRule,
  dimensions: Dimensions,
): RuleState {
  const nowMs = core.clock.wallMs();
  const request: Request = {
    orgId,
    account: core.fold.account(orgId),
    meter,
    dimensions,
    nowMs,
    quanta: 0n,
    isDelta: true,
    eventTimeMs: undefined,
    subject: '',
    pending: undefined,
  };
  const { counted } = core.terms.of(orgId, nowMs).meter(meter.key);
  const standing = standingAt(core, request, counted[place] as Counted, nowMs);
  return { ...ruleState(request, rule, standing), requested: 0n };
}
