// A denial is data in an OK reply. A caller that would rather have a status, by setting or by
// metadata, gets RESOURCE_EXHAUSTED with QuotaFailure; a suspension is FAILED_PRECONDITION.

import type {
  CheckQuotaRequest,
  CheckQuotaResponse,
  RecordRequest,
  RecordResponse,
  ReserveRequest,
  ReserveResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { QuotaMode, type QuotaStatus, Reason } from '../../generated/ts/tollgate/v1/quota.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { compare, parseDecimal } from '../base/decimal.js';
import { limits } from '../limits.js';
import { type Core, retryHintMs } from '../operations/core.js';
import { Refusal } from '../operations/refusal.js';

interface Denial {
  readonly orgId: string;
  readonly reason: Reason;
  readonly quotas: readonly QuotaStatus[];
}

export function recordDenial(
  core: Core,
  request: RecordRequest,
  { outcome, reason, quotas }: RecordResponse,
): Refusal | undefined {
  if (outcome !== Outcome.OUTCOME_DENIED) return undefined;
  return refusalOf(core, { orgId: request.event?.orgId ?? '', reason, quotas });
}

export function reserveDenial(
  core: Core,
  { orgId }: ReserveRequest,
  { granted, reason, quotas }: ReserveResponse,
): Refusal | undefined {
  return granted === false ? refusalOf(core, { orgId, reason, quotas }) : undefined;
}

export function checkDenial(
  core: Core,
  { orgId }: CheckQuotaRequest,
  { allowed, reason, quotas }: CheckQuotaResponse,
): Refusal | undefined {
  return allowed === false ? refusalOf(core, { orgId, reason, quotas }) : undefined;
}

function refusalOf(core: Core, { orgId, reason, quotas }: Denial): Refusal {
  if (reason === Reason.REASON_SUSPENDED) {
    return new Refusal('FAILED_PRECONDITION', 'SUSPENDED', 'the organisation is suspended');
  }
  const [deciding] = quotas;
  const text = deciding === undefined ? 'a quota is used up' : textOf(deciding);
  const reset = deciding?.resetTime;
  const resetMs = reset && Number(reset.seconds) * 1000 + Math.floor(reset.nanos / 1_000_000);
  const retryMs = retryHintMs(resetMs, core.clock.wallMs());
  const failing = quotas.filter(fails);
  return new Refusal('RESOURCE_EXHAUSTED', 'QUOTA_EXCEEDED', text, {
    quotaViolations: failing.map((quota) => ({
      subject: `org:${orgId}`,
      description: textOf(quota),
    })),
    ...(retryMs === undefined ? {} : { retryMs }),
    metadata: { quota_key: deciding?.quotaKey ?? '', meter: deciding?.meter ?? '' },
  });
}

function textOf({ quotaKey, meter, projected, limit }: QuotaStatus): string {
  const bound = limit ?? 'unlimited';
  return `quota "${quotaKey}" of meter "${meter}": projected ${projected} of ${bound}`;
}

/** A HARD rule without room: over its limit, or at it with nothing asked for. */
function fails({ mode, limit, projected, requested, remaining }: QuotaStatus): boolean {
  if (mode !== QuotaMode.QUOTA_MODE_HARD || limit === undefined) return false;
  const bound = parseDecimal(limit, limits.quantityScale);
  const value = parseDecimal(projected, limits.quantityScale);
  if (typeof bound === 'string' || typeof value === 'string') return false;
  return compare(value, bound) > 0 || (requested === '0' && remaining === '0');
}
