// `/api/billing`: quotas of a tenant, what overrides them, and whether so much would fit.

import { CheckQuotaRequest } from '../../../generated/ts/tollgate/v1/metering_service.js';
import {
  QuotaItem,
  QuotaSource,
  type QuotaStatus,
  Reason,
} from '../../../generated/ts/tollgate/v1/quota.js';
import {
  type EffectiveQuota,
  QuotaOverride,
} from '../../../generated/ts/tollgate/v1/quota_rule.js';
import {
  GetEffectiveQuotasRequest,
  type GetEffectiveQuotasResponse,
  ListQuotaOverridesRequest,
  PutQuotaOverrideRequest,
} from '../../../generated/ts/tollgate/v1/subscription_service.js';
import { limits } from '../../limits.js';
import { toTimestamp } from '../../operations/parse.js';
import { invalidField } from '../../operations/refusal.js';
import type { Rpcs } from '../../rpc/rpcs.js';
import { type Alias, type AliasCall, type AliasReply, ok } from './alias.js';
import { fieldsOf, listIn, quantityIn, requiredText, textIn } from './fields.js';
import { toNumber, toNumberOrNull } from './figures.js';
import { collect, message } from './message.js';
import { ruleFrom, toQuota, toSource } from './quota-fields.js';
import { isoOf, msOf, parseWhen } from './times.js';

type Subscriptions = Rpcs['SubscriptionService'];

const TENANT = '/api/billing/tenants/{tenant_id}';
const OVERRIDES = `${TENANT}/quotas/overrides`;

export function billingQuotas(rpcs: Rpcs): readonly Alias[] {
  const { SubscriptionService: subscriptions, MeteringService: metering } = rpcs;
  const access = 'credential';
  return [
    { verb: 'PUT', template: OVERRIDES, access, run: (call) => putOverrides(subscriptions, call) },
    {
      verb: 'GET',
      template: OVERRIDES,
      access,
      run: async (call) => ok(await overridesOf(subscriptions, call)),
    },
    {
      verb: 'GET',
      template: `${TENANT}/quotas`,
      access,
      run: (call) => effectiveQuotas(subscriptions, call),
    },
    {
      verb: 'POST',
      template: `${TENANT}/quotas:check`,
      access,
      run: (call) => checkQuota(metering, call),
    },
  ];
}

/**
 * Merges by key: other overrides stay. Each is put by itself, in order; where one is refused, those
 * before it hold, and the same request can be sent again.
 */
async function putOverrides(subscriptions: Subscriptions, call: AliasCall): Promise<AliasReply> {
  const [orgId = ''] = call.values;
  const given = givenIn(call.body);
  const { quotas } = await effectiveOf(subscriptions, call);
  const overrides = given.map((each: unknown, i) => {
    const fields = fieldsOf(each, `overrides[${i}]`);
    const expires = textIn(fields, 'expires_at');
    const rule = ruleFrom(each, `overrides[${i}]`, (key) => holding(quotas, key)?.rule);
    return message(QuotaOverride, {
      orgId,
      rule,
      replaces: holding(quotas, rule.key)?.replaces ?? '',
      expireTime:
        expires === undefined ? undefined : toTimestamp(parseWhen(expires, 'expires_at', 'end')),
      reason: textIn(fields, 'reason') ?? '',
    });
  });
  for (const quotaOverride of overrides) {
    const request = message(PutQuotaOverrideRequest, { quotaOverride });
    await call.perform(subscriptions.putQuotaOverride, request);
  }
  return ok(await overridesOf(subscriptions, call));
}

/** A list, the same under its name, or one alone. */
function givenIn(body: unknown): readonly unknown[] {
  if (Array.isArray(body)) return body;
  const fields = fieldsOf(body);
  return fields['overrides'] === undefined ? [fields] : listIn(fields, 'overrides');
}

/** The one that decides: an override stands for its meter, window and scope. */
function holding(quotas: readonly EffectiveQuota[], key: string): EffectiveQuota | undefined {
  const named = quotas.filter(({ rule }) => rule?.key === key);
  const own = named.find(({ source }) => source === QuotaSource.QUOTA_SOURCE_OVERRIDE);
  return own ?? named[0];
}

async function overridesOf(
  { listQuotaOverrides }: Subscriptions,
  call: AliasCall,
): Promise<readonly object[]> {
  const request = message(ListQuotaOverridesRequest, {
    orgId: call.values[0] ?? '',
    pageSize: limits.pageMax,
  });
  const overrides = await collect(
    async (pageToken) => {
      const page = await call.perform(listQuotaOverrides, { ...request, pageToken });
      return { items: page.quotaOverrides, next: page.nextPageToken };
    },
    { max: limits.overridesPerOrg },
  );
  return overrides.map(({ rule, expireTime, reason, updateTime }) => ({
    ...toQuota(rule),
    reason,
    expires_at: isoOf(expireTime),
    updated_at: isoOf(updateTime),
  }));
}

async function effectiveQuotas(subscriptions: Subscriptions, call: AliasCall): Promise<AliasReply> {
  const { quotas, plan, subscriptionId, computeTime } = await effectiveOf(subscriptions, call);
  return ok({
    tenant_id: call.values[0],
    subscription_id: subscriptionId === '' ? null : subscriptionId,
    plan_id: plan,
    plan_code: plan,
    computed_at: isoOf(computeTime),
    quotas: quotas.map(({ rule, source }) => ({ ...toQuota(rule), source: toSource(source) })),
  });
}

function effectiveOf(
  { getEffectiveQuotas }: Subscriptions,
  call: AliasCall,
): Promise<GetEffectiveQuotasResponse> {
  const orgId = call.values[0] ?? '';
  return call.perform(getEffectiveQuotas, message(GetEffectiveQuotasRequest, { orgId }));
}

async function checkQuota(
  { checkQuota: check }: Rpcs['MeteringService'],
  call: AliasCall,
): Promise<AliasReply> {
  const fields = fieldsOf(call.body);
  const meter = requiredText(fields, 'meter_key');
  const quantity = quantityIn(fields, 'quantity');
  const asOf = textIn(fields, 'as_of');
  const asOfMs = asOf === undefined ? undefined : parseWhen(asOf, 'as_of', 'start');
  const item = message(QuotaItem, { meter, amount: { $case: 'quantity', value: quantity } });
  const reply = await call.perform(
    check,
    message(CheckQuotaRequest, { orgId: call.values[0] ?? '', items: [item] }),
  );
  const deciding = reply.quotas[0];
  if (asOfMs !== undefined) refuseOtherWindow(deciding, asOfMs);
  const isRuled = deciding !== undefined && deciding.source !== QuotaSource.QUOTA_SOURCE_NONE;
  return ok({
    allowed: reply.allowed === true,
    reason: REASONS[reply.reason] ?? 'within_limit',
    source: isRuled ? toSource(deciding.source) : 'NO_RULE',
    used: toNumber(deciding?.used ?? '0'),
    requested: toNumber(deciding?.requested ?? quantity),
    projected: toNumber(deciding?.projected ?? quantity),
    limit: toNumberOrNull(deciding?.limit),
  });
}

const REASONS: Readonly<Partial<Record<Reason, string>>> = {
  [Reason.REASON_HARD_LIMIT_EXCEEDED]: 'hard_limit_exceeded',
  [Reason.REASON_SOFT_LIMIT_EXCEEDED]: 'soft_limit_exceeded',
  [Reason.REASON_QUOTA_NOT_CONFIGURED]: 'quota_not_configured',
  [Reason.REASON_SUSPENDED]: 'suspended',
  [Reason.REASON_DEGRADED]: 'degraded',
};

/** A quota stands where it stands now: that holds for all of the window, and for no other. */
function refuseOtherWindow(status: QuotaStatus | undefined, asOfMs: number): void {
  const { windowStart, resetTime } = status ?? {};
  const isBefore = windowStart !== undefined && asOfMs < msOf(windowStart);
  const isAfter = resetTime !== undefined && asOfMs >= msOf(resetTime);
  if (!isBefore && !isAfter) return;
  throw invalidField('as_of', "must lie in the quota's present window");
}
