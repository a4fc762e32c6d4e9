// What a request spends, against the rules on money. Its price is marginal: what the usage period
// costs with it less what it costs without, after all that was recorded or asked for before it.

import type { Fraction } from '../base/fraction.js';
import type { Quanta } from '../base/units.js';
import { SPEND_METER, spendLabels, spendQuanta } from '../domain/metering/spend.js';
import { type Checked, checkRules } from './check-rules.js';
import type { Core } from './core.js';
import { beginEstimate, type Estimate, intendedBy, marginalAmount } from './estimate-amount.js';
import type { Request } from './evaluate.js';
import type { Pending } from './pending.js';
import type { Terms } from './rules.js';

export interface Spend extends Checked {
  readonly quanta: Quanta;
  /** Unrounded. */
  readonly amount: Fraction;
  readonly estimate: Estimate;
}

/** Undefined where no rule counts money. */
export function checkSpend(core: Core, terms: Terms, request: Request): Spend | undefined {
  if (terms.spend === undefined) return undefined;
  const { account, dimensions, nowMs, pending } = request;
  const estimate = estimateFor(core, terms, request, pending);
  const amount = marginalAmount(estimate, intendedBy(request));
  const quanta = spendQuanta(amount);
  const own: Request = {
    orgId: request.orgId,
    account,
    meter: SPEND_METER,
    dimensions: spendLabels(request.meter.key, dimensions),
    nowMs,
    quanta,
    isDelta: false,
    eventTimeMs: request.eventTimeMs,
    subject: '',
    pending,
  };
  return { ...checkRules(core, own, terms.spend), quanta, amount, estimate };
}

/** The parts of one command use up what is included together. */
function estimateFor(
  core: Core,
  terms: Terms,
  { orgId, account, nowMs }: Request,
  pending: Pending | undefined,
): Estimate {
  const known = pending?.estimates.get(orgId);
  if (known !== undefined) return known;
  const made = beginEstimate(core, account, terms, nowMs);
  pending?.estimates.set(orgId, made);
  return made;
}
