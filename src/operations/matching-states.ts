// The rules of an organisation and meter that a set of labels meets, as they stand, nothing
// requested.

import type { Dimensions } from '../domain/metering/dimensions.js';
import { matches } from '../domain/metering/dimensions.js';
import type { Meter } from '../domain/metering/meter.js';
import type { RuleState } from '../domain/quota/decide.js';
import { type Core, catalogueOf } from './core.js';
import { ruleState } from './evaluate.js';

export function matchingStates(
  core: Core,
  orgId: string,
  meter: Meter,
  dimensions: Dimensions,
): RuleState[] {
  const nowMs = core.clock.wallMs();
  const terms = core.terms.of(catalogueOf(core), orgId, nowMs);
  const account = core.fold.account(orgId);
  const request = {
    orgId,
    account,
    meter,
    dimensions,
    nowMs,
    quanta: 0n,
    isDelta: true,
    subject: '',
  };
  return terms
    .meter(meter.key)
    .effective.filter(({ rule }) => matches(rule.match, dimensions))
    .map((effective) => ({
      ...ruleState(core, request, effective, nowMs),
      requested: 0n,
    }));
}
