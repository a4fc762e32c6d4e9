// `/api/v1/billing/tenants/{tenant_id}/usage-totals`: what a tenant used, by feature. A feature is
// a meter.

import {
  GetUsageRequest,
  type GetUsageResponse,
} from '../../../generated/ts/tollgate/v1/metering_service.js';
import type { UsageRow } from '../../../generated/ts/tollgate/v1/usage.js';
import { toTimestamp } from '../../operations/parse.js';
import { invalidField, Refusal } from '../../operations/refusal.js';
import type { Rpcs } from '../../rpc/rpcs.js';
import { type Alias, type AliasCall, type AliasReply, ok } from './alias.js';
import { manyOf, oneOf } from './fields.js';
import { toNumber } from './figures.js';
import { message } from './message.js';
import { isoOf, parseWhen } from './times.js';

type GetUsage = Rpcs['MeteringService']['getUsage'];

/** One look-up each. */
export const FEATURES_MAX = 100;

export function usageTotals({ MeteringService: { getUsage } }: Rpcs): readonly Alias[] {
  return [
    {
      verb: 'GET',
      template: '/api/v1/billing/tenants/{tenant_id}/usage-totals',
      access: 'credential',
      run: (call) => totals(getUsage, call),
    },
  ];
}

async function totals(getUsage: GetUsage, call: AliasCall): Promise<AliasReply> {
  const [orgId = ''] = call.values;
  const features = manyOf(call.query, 'feature_keys');
  if (features.length > FEATURES_MAX) {
    throw invalidField('feature_keys', `must be at most ${FEATURES_MAX}`);
  }
  const request = message(GetUsageRequest, { orgId, ...rangeOf(call) });
  const found: UsageRow[] = [];
  if (features.length === 0) found.push(...(await call.perform(getUsage, request)).totals);
  for (const feature of features) {
    const reply = await knownOf(call.perform(getUsage, { ...request, meters: [feature] }));
    found.push(...(reply?.totals ?? []));
  }
  return ok(
    found.filter(wasUsed).map((row) => ({
      feature_key: row.meter,
      unit: row.unit,
      quantity: toNumber(row.quantity),
      window_start: isoOf(row.windowStart),
      window_end: isoOf(row.windowEnd),
    })),
  );
}

/** Both, or neither: then the current month. */
function rangeOf({ query }: AliasCall): Partial<GetUsageRequest> {
  const start = oneOf(query, 'period_start');
  const end = oneOf(query, 'period_end');
  if (start === undefined && end === undefined) return {};
  if (start === undefined) throw invalidField('period_start', 'is required with period_end');
  if (end === undefined) throw invalidField('period_end', 'is required with period_start');
  return {
    startTime: toTimestamp(parseWhen(start, 'period_start', 'start')),
    // A bound like the other one, so that the end of one period is the start of the next.
    endTime: toTimestamp(parseWhen(end, 'period_end', 'start')),
  };
}

/** A feature that is no meter is one without usage. */
async function knownOf(reply: Promise<GetUsageResponse>): Promise<GetUsageResponse | undefined> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof Refusal && error.reason === 'METER_UNKNOWN') return undefined;
    throw error;
  }
}

/** A level that carries over from before has no event of its own. */
function wasUsed({ eventCount, quantity }: UsageRow): boolean {
  return eventCount > 0n || quantity !== '0';
}
