// One request against the rules of its meter.

import { matches } from '../domain/metering/dimensions.js';
import type { RuleState } from '../domain/quota/decide.js';
import type { Core } from './core.js';
import { type Request, ruleState, type Standing, standingAt } from './evaluate.js';
import type { MeterRules } from './rules.js';

export interface Checked {
  readonly request: Request;
  readonly rules: MeterRules;
  /** By counted combination of the meter, in the window of now; undefined: does not match. */
  readonly standings: readonly (Standing | undefined)[];
  readonly states: RuleState[];
}

export function checkRules(core: Core, request: Request, rules: MeterRules): Checked {
  const { dimensions, nowMs } = request;
  const standings = rules.counted.map((counted) =>
    matches(counted.rule.match, dimensions) ? standingAt(core, request, counted, nowMs) : undefined,
  );
  const states: RuleState[] = [];
  for (const { rule, place } of rules.effective) {
    const standing = standings[place];
    if (standing !== undefined) states.push(ruleState(request, rule, standing));
  }
  return { request, rules, standings, states };
}
