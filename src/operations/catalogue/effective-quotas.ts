// GetEffectiveQuotas: the rules that hold for an organisation now, as the hot path has them.

import type { EffectiveQuota } from '../../../generated/ts/tollgate/v1/quota_rule.js';
import type {
  GetEffectiveQuotasRequest,
  GetEffectiveQuotasResponse,
} from '../../../generated/ts/tollgate/v1/subscription_service.js';
import { present } from '../../base/assert.js';
import type { OverrideDocument, QuotaDocument } from '../../domain/plans/document.js';
import type { Rule } from '../../domain/quota/rule.js';
import { tenureAt } from '../../domain/subscriptions/terms.js';
import { type Answer, type Core, catalogueOf, refuseUnknownOrganisation } from '../core.js';
import { checkOrgId, createFaults, refuseFaults, toTimestamp } from '../parse.js';
import { SOURCE } from '../quota-status.js';
import type { Terms } from '../rules.js';
import { toQuotaRule } from './to-price.js';

export async function getEffectiveQuotas(
  core: Core,
  { orgId }: GetEffectiveQuotasRequest,
): Promise<Answer<GetEffectiveQuotasResponse>> {
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  refuseFaults(faults);
  refuseUnknownOrganisation(core, orgId);
  const nowMs = core.clock.wallMs();
  const terms = core.terms.of(orgId, nowMs);
  const { plan } = terms.terms;
  const rules = terms.meters().flatMap((meter) => terms.meter(meter).effective);
  const quotas = rules
    .map(({ rule }) => toEffective(core, terms, rule))
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const reply = {
    quotas,
    plan: plan.id,
    planVersion: plan.version,
    subscriptionId: tenureAt(terms.document, nowMs).document.subscription_id,
    computeTime: toTimestamp(nowMs),
  };
  return { reply, after: core.journal.lastSequence() };
}

function toEffective(core: Core, { terms, document }: Terms, rule: Rule): EffectiveQuota {
  const source = SOURCE[rule.source];
  if (rule.source === 'OVERRIDE') {
    const override = named(document.overrides, rule);
    const { expires, reason, replaces } = override;
    const expireTime = expires === null ? undefined : toTimestamp(Date.parse(expires));
    return { rule: toQuotaRule(override), source, expireTime, reason, replaces };
  }
  const defaults = catalogueOf(core).settings.default_quotas;
  const quota = named(rule.source === 'PLAN' ? terms.plan.document.quotas : defaults, rule);
  return { rule: toQuotaRule(quota), source, expireTime: undefined, reason: '', replaces: '' };
}

/** Keys are distinct within a source. */
function named<T extends QuotaDocument | OverrideDocument>(all: readonly T[], { key }: Rule): T {
  const found = all.find((each) => each.key === key);
  return present(found, 'the document of a rule that holds');
}

function keyOf({ rule, source }: EffectiveQuota): string {
  return `${rule?.key}\u0001${source}`;
}
