// `/usage/report`, `/billing/usage` and `/billing/invoice`: usage of services by type, reported one
// by one, summed up and priced. All of it is the meter `service_usage`.

import type { Invoice, InvoiceLine } from '../../../generated/ts/tollgate/v1/invoice.js';
import { InvoiceKind, InvoiceLineKind } from '../../../generated/ts/tollgate/v1/invoice.js';
import { PreviewInvoiceRequest } from '../../../generated/ts/tollgate/v1/invoice_service.js';
import {
  GetInvoiceRequest,
  GetUsageRequest,
  RecordRequest,
} from '../../../generated/ts/tollgate/v1/metering_service.js';
import { UsageEvent } from '../../../generated/ts/tollgate/v1/usage_event.js';
import { present } from '../../base/assert.js';
import { DAY_MS, type EpochMs, MINUTE_MS, SECOND_MS } from '../../base/units.js';
import { toTimestamp } from '../../operations/parse.js';
import { invalidField } from '../../operations/refusal.js';
import type { Rpcs } from '../../rpc/rpcs.js';
import { type Alias, type AliasCall, type AliasReply, ok } from './alias.js';
import {
  decimalIn,
  type Fields,
  fieldsOf,
  oneOf,
  requiredText,
  textIn,
  wholeOf,
} from './fields.js';
import { rateOf, sumOf, toNumber } from './figures.js';
import { message } from './message.js';
import { secondsOf } from './times.js';

const METER = 'service_usage';
const SERVICE = 'service';
const USAGE_TYPE = 'usage_type';
export const DAYS_DEFAULT = 30;
export const DAYS_MAX = 36_600;
/** The totals are cut there: a range on this grid needs no single events. */
const GRID_MS = 15 * MINUTE_MS;

export function usageReports(rpcs: Rpcs): readonly Alias[] {
  return [
    {
      verb: 'POST',
      template: '/usage/report',
      access: 'report',
      run: (call) => report(rpcs, call),
    },
    {
      verb: 'GET',
      template: '/billing/usage/{tenant}',
      access: 'credential',
      run: (call) => summary(rpcs, call),
    },
    {
      verb: 'GET',
      template: '/billing/invoice/{tenant}',
      access: 'credential',
      run: (call) => invoice(rpcs, call),
    },
  ];
}

async function report({ MeteringService: { record } }: Rpcs, call: AliasCall): Promise<AliasReply> {
  const fields = fieldsOf(call.body);
  const orgId = call.org(textIn(fields, 'tenant_id'));
  const quantity = decimalIn(fields, 'quantity');
  if (quantity === undefined) throw invalidField('quantity', 'is required');
  const event = message(UsageEvent, {
    orgId,
    // Without one a repeated report counts again: the older body has no id.
    eventId: call.header('idempotency-key'),
    meter: METER,
    amount: { $case: 'quantity', value: quantity },
    eventTime: timeIn(fields),
    dimensions: new Map([
      [SERVICE, requiredText(fields, SERVICE)],
      [USAGE_TYPE, requiredText(fields, USAGE_TYPE)],
    ]),
  });
  const reply = await call.perform(record, message(RecordRequest, { event }));
  return ok({
    id: reply.eventId,
    status: 'recorded',
    tenant_id: orgId,
    quantity: toNumber(reply.quantity),
    message: 'Usage recorded successfully',
  });
}

/** Unix seconds; absent is now, and 0 is 1970. */
function timeIn(fields: Fields) {
  const seconds = fields['timestamp'] ?? undefined;
  if (seconds === undefined) return undefined;
  if (typeof seconds !== 'number' || !Number.isSafeInteger(Math.floor(seconds * SECOND_MS))) {
    throw invalidField('timestamp', 'must be Unix seconds, a number');
  }
  return toTimestamp(Math.floor(seconds * SECOND_MS));
}

async function summary(
  { MeteringService: { getUsage } }: Rpcs,
  call: AliasCall,
): Promise<AliasReply> {
  const [orgId = ''] = call.values;
  const days = wholeOf(call.query, 'days') ?? DAYS_DEFAULT;
  if (days < 1 || days > DAYS_MAX) throw invalidField('days', `must be 1 to ${DAYS_MAX}`);
  const { rows } = await call.perform(
    getUsage,
    message(GetUsageRequest, {
      orgId,
      meters: [METER],
      ...timesOf(lastDays(call.nowMs, days)),
      groupBy: [SERVICE, USAGE_TYPE],
    }),
  );
  const usage_summary = rows
    .map(({ dimensions, quantity, eventCount }) => ({
      service: dimensions.get(SERVICE) ?? '',
      usage_type: dimensions.get(USAGE_TYPE) ?? '',
      total_quantity: toNumber(quantity),
      record_count: Number(eventCount),
    }))
    .sort(byService);
  const total_services = new Set(usage_summary.map(({ service }) => service)).size;
  return ok({ tenant_id: orgId, period_days: days, usage_summary, total_services });
}

interface Named {
  readonly service: string;
  readonly usage_type: string;
}

function byService(a: Named, b: Named): number {
  if (a.service !== b.service) return a.service < b.service ? -1 : 1;
  if (a.usage_type === b.usage_type) return 0;
  return a.usage_type < b.usage_type ? -1 : 1;
}

/** What is used now lies in it: it ends with the present quarter of an hour. */
function lastDays(nowMs: EpochMs, days: number) {
  const endMs = (Math.floor(nowMs / GRID_MS) + 1) * GRID_MS;
  return { startMs: endMs - days * DAY_MS, endMs };
}

function timesOf({ startMs, endMs }: { readonly startMs: EpochMs; readonly endMs: EpochMs }) {
  return { startTime: toTimestamp(startMs), endTime: toTimestamp(endMs) };
}

async function invoice(rpcs: Rpcs, call: AliasCall): Promise<AliasReply> {
  const [orgId = ''] = call.values;
  const period = oneOf(call.query, 'period') ?? 'current';
  const found = await (period === 'current'
    ? running(rpcs, call, orgId)
    : latest(rpcs, call, orgId));
  const start = secondsOf(found.periodStart);
  const lines = found.lines.filter(isItem);
  return ok({
    id: `inv_${orgId}_${start}`,
    tenant_id: orgId,
    period_start: start,
    period_end: secondsOf(found.periodEnd),
    items: lines.map(toItem),
    total_amount: sumOf(lines.map(({ amount }) => amount)),
    currency: found.currency,
    status: 'generated',
  });
}

async function running(
  { MeteringService: { getInvoice } }: Rpcs,
  call: AliasCall,
  orgId: string,
): Promise<Invoice> {
  const reply = await call.perform(getInvoice, message(GetInvoiceRequest, { orgId }));
  return present(reply.invoice, 'the invoice of the running period');
}

async function latest(
  { InvoiceService: { previewInvoice } }: Rpcs,
  call: AliasCall,
  orgId: string,
): Promise<Invoice> {
  const { startTime, endTime } = timesOf(lastDays(call.nowMs, DAYS_DEFAULT));
  const reply = await call.perform(
    previewInvoice,
    message(PreviewInvoiceRequest, {
      orgId,
      kind: InvoiceKind.INVOICE_KIND_MANUAL,
      periodStart: startTime,
      periodEnd: endTime,
    }),
  );
  return present(reply.invoice, 'the previewed invoice');
}

/** Everything that costs, so that the items add up to what is owed; and all usage of services. */
function isItem({ kind, meter, amount }: InvoiceLine): boolean {
  if (Number(amount) !== 0) return true;
  return kind === InvoiceLineKind.INVOICE_LINE_KIND_USAGE && meter === METER;
}

/** Of another meter, or of no meter at all: what stands for its service is the line's own name. */
function toItem({ meter, dimensions, description, quantity, unitPrice, per, amount }: InvoiceLine) {
  return {
    service: dimensions.get(SERVICE) ?? (meter === METER || meter === '' ? description : meter),
    usage_type: dimensions.get(USAGE_TYPE) ?? '',
    quantity: quantity === '' ? 1 : toNumber(quantity),
    rate: rateOf(unitPrice, per),
    amount: toNumber(amount),
  };
}
