// `/api/billing`: usage events, and their sums by day.

import {
  GetUsageRequest,
  RecordRequest,
} from '../../../generated/ts/tollgate/v1/metering_service.js';
import { Outcome, UsageEvent } from '../../../generated/ts/tollgate/v1/usage_event.js';
import { DAY_MS } from '../../base/units.js';
import { toTimestamp } from '../../operations/parse.js';
import { invalidField } from '../../operations/refusal.js';
import type { Rpcs } from '../../rpc/rpcs.js';
import { type Alias, type AliasCall, type AliasReply, conflict, created, ok } from './alias.js';
import { type Fields, fieldsOf, oneOf, quantityIn, requiredText, textIn } from './fields.js';
import { toNumber } from './figures.js';
import { message } from './message.js';
import { dayOf, isoOf, parseDay, parseWhen } from './times.js';

export function billingUsage({ MeteringService: metering }: Rpcs): readonly Alias[] {
  return [
    {
      verb: 'POST',
      template: '/api/billing/usage:ingest',
      access: 'report',
      run: (call) => ingest(metering, call),
    },
    {
      verb: 'GET',
      template: '/api/billing/tenants/{tenant_id}/usage/summary',
      access: 'credential',
      run: (call) => summary(metering, call),
    },
  ];
}

async function ingest({ record }: Rpcs['MeteringService'], call: AliasCall): Promise<AliasReply> {
  const fields = fieldsOf(call.body);
  const orgId = call.org(textIn(fields, 'tenant_id'));
  const meter = requiredText(fields, 'meter_key');
  const occurred = textIn(fields, 'occurred_at');
  const eventTime =
    occurred === undefined ? undefined : toTimestamp(parseWhen(occurred, 'occurred_at', 'start'));
  const event = message(UsageEvent, {
    orgId,
    eventId: textIn(fields, 'source_event_id') ?? call.header('idempotency-key'),
    meter,
    amount: { $case: 'quantity', value: quantityIn(fields, 'quantity') },
    eventTime,
    dimensions: labelsIn(fields),
  });
  const reply = await call.perform(record, message(RecordRequest, { event }));
  return created({
    event: {
      id: reply.eventId,
      tenant_id: orgId,
      meter_key: meter,
      quantity: toNumber(reply.quantity),
      // Of a repeat without a time this is when the first one was received.
      occurred_at: isoOf(eventTime ?? reply.recordedTime),
      source_event_id: reply.eventId,
      detail: Object.fromEntries(event.dimensions),
    },
    deduplicated: reply.outcome === Outcome.OUTCOME_DUPLICATE,
  });
}

/** What `detail` holds becomes labels: texts as they are, anything else as JSON. */
function labelsIn(fields: Fields): Map<string, string> {
  const detail = fields['detail'] ?? undefined;
  if (detail === undefined) return new Map();
  const entries = Object.entries(fieldsOf(detail, 'detail'));
  return new Map(
    entries
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

async function summary(
  { getUsage }: Rpcs['MeteringService'],
  call: AliasCall,
): Promise<AliasReply> {
  const meter = oneOf(call.query, 'meter_key');
  const today = dayOf(call.nowMs);
  const from = oneOf(call.query, 'from_date') ?? `${today.slice(0, 8)}01`;
  const to = oneOf(call.query, 'to_date') ?? today;
  const startMs = parseDay(from, 'from_date');
  const lastMs = parseDay(to, 'to_date');
  if (lastMs < startMs) return conflict('to_date is before from_date');
  if (meter === '') throw invalidField('meter_key', 'must not be empty');
  const { totals } = await call.perform(
    getUsage,
    message(GetUsageRequest, {
      orgId: call.values[0] ?? '',
      meters: meter === undefined ? [] : [meter],
      startTime: toTimestamp(startMs),
      endTime: toTimestamp(lastMs + DAY_MS),
    }),
  );
  return ok(
    totals.map((row) => ({
      meter_key: row.meter,
      total_quantity: toNumber(row.quantity),
      from_date: from,
      to_date: to,
    })),
  );
}
