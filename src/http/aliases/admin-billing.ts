// `/admin/billing`: run units of the caller's own organisation. What was used in a month, the
// single records, and where the quota stands.

import {
  CheckQuotaRequest,
  GetUsageRequest,
  ListUsageEventsRequest,
} from '../../../generated/ts/tollgate/v1/metering_service.js';
import { QuotaItem } from '../../../generated/ts/tollgate/v1/quota.js';
import type { RecordedEvent } from '../../../generated/ts/tollgate/v1/usage_event.js';
import { monthName } from '../../domain/metering/calendar.js';
import { limits } from '../../limits.js';
import { toTimestamp } from '../../operations/parse.js';
import { invalidField } from '../../operations/refusal.js';
import type { Rpcs } from '../../rpc/rpcs.js';
import { type Alias, type AliasCall, type AliasReply, ok } from './alias.js';
import { oneOf, wholeOf } from './fields.js';
import { sumsBy, toNumber, toNumberOrNull, UNLIMITED } from './figures.js';
import { collect, message } from './message.js';
import { isoOf, msOf, parseWhen } from './times.js';

type Metering = Rpcs['MeteringService'];

const METER = 'run_units';
const NO_TOOL = 'default';
const NO_TIER = 'standard';

export function adminBilling({ MeteringService: metering }: Rpcs): readonly Alias[] {
  const [verb, access] = ['GET', 'credential'] as const;
  const at = '/admin/billing';
  return [
    { verb, access, template: `${at}/usage`, run: (call) => usage(metering, call) },
    { verb, access, template: `${at}/usage/history`, run: (call) => history(metering, call) },
    { verb, access, template: `${at}/quota`, run: (call) => quota(metering, call) },
  ];
}

async function usage({ getUsage }: Metering, call: AliasCall): Promise<AliasReply> {
  const period = oneOf(call.query, 'period') ?? monthName(call.nowMs);
  if (period === '') throw invalidField('period', 'must be a calendar month like "2026-11"');
  const { rows, totals } = await call.perform(
    getUsage,
    message(GetUsageRequest, {
      orgId: call.org(),
      meters: [METER],
      period,
      groupBy: ['tool', 'tier'],
    }),
  );
  const quantity = ({ quantity: text }: { quantity: string }) => text;
  const total = totals[0];
  return ok({
    total_run_units: toNumber(total?.quantity ?? '0'),
    record_count: Number(total?.eventCount ?? 0),
    by_tool: sumsBy(rows, ({ dimensions }) => dimensions.get('tool') || NO_TOOL, quantity),
    by_tier: sumsBy(rows, ({ dimensions }) => dimensions.get('tier') || NO_TIER, quantity),
    period,
  });
}

async function history({ listUsageEvents }: Metering, call: AliasCall): Promise<AliasReply> {
  const from = oneOf(call.query, 'start_date');
  const until = oneOf(call.query, 'end_date');
  const asked = wholeOf(call.query, 'limit') ?? limits.pageDefault;
  const max = Math.min(Math.max(asked, 1), limits.pageMax);
  const request = message(ListUsageEventsRequest, {
    orgId: call.org(),
    meter: METER,
    startTime: from === undefined ? undefined : toTimestamp(parseWhen(from, 'start_date', 'start')),
    endTime: until === undefined ? undefined : toTimestamp(parseWhen(until, 'end_date', 'end')),
    pageSize: max,
  });
  const events = await collect(
    async (pageToken) => {
      const page = await call.perform(listUsageEvents, { ...request, pageToken });
      return { items: page.events, next: page.nextPageToken };
    },
    // What was taken back is in no total either.
    { max, wanted: ({ voided }) => !voided },
  );
  return ok({ records: events.map(toRecord), count: events.length });
}

function toRecord({ orgId, eventId, quantity, run, eventTime, dimensions }: RecordedEvent) {
  return {
    id: eventId,
    org_id: orgId,
    user_id: dimensions.get('user') ?? null,
    thread_id: dimensions.get('thread') ?? null,
    tool_name: dimensions.get('tool') || NO_TOOL,
    run_units: toNumber(quantity),
    tier: dimensions.get('tier') || NO_TIER,
    cpu_seconds: run?.cpuSeconds ?? null,
    gpu_seconds: run?.gpuSeconds ?? null,
    latency_ms: run?.latencyMs ?? null,
    created_at: isoOf(eventTime),
    period: eventTime === undefined ? null : monthName(msOf(eventTime)),
  };
}

async function quota({ checkQuota }: Metering, call: AliasCall): Promise<AliasReply> {
  const orgId = call.org();
  const items = [message(QuotaItem, { meter: METER })];
  const reply = await call.perform(checkQuota, message(CheckQuotaRequest, { orgId, items }));
  const deciding = reply.quotas[0];
  return ok({
    allowed: reply.allowed === true,
    current_usage: toNumber(deciding?.used ?? '0'),
    limit: toNumberOrNull(deciding?.limit) ?? UNLIMITED,
    remaining: toNumberOrNull(deciding?.remaining) ?? UNLIMITED,
    period: monthName(call.nowMs),
    org_id: orgId,
    plan: reply.plan,
  });
}
