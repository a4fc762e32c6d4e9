// GetOrganizationRollup: what an organisation had, used and cost in a period, in one row.

import type {
  GetOrganizationRollupRequest,
  GetOrganizationRollupResponse,
} from '../../../generated/ts/tollgate/v1/admin_service.js';
import { formatUnits } from '../../base/decimal.js';
import { DAY_MS } from '../../base/units.js';
import type { InvoiceDocument } from '../../domain/invoicing/document.js';
import { type Interval, monthInterval } from '../../domain/metering/calendar.js';
import { formatMinor } from '../../domain/pricing/money.js';
import { usagePeriodAt } from '../../domain/subscriptions/terms.js';
import { type AccountState, readAccount } from '../billing/account-state.js';
import { type Billing, compose, documentOf } from '../billing/bill.js';
import { type Answer, type Core, catalogueOf } from '../core.js';
import { checkOrgId, createFaults, type Faults, refuseFaults, toTimestamp } from '../parse.js';
import { readUsage } from '../read-usage.js';
import { parseRange } from './ranges.js';
import { scanRecords } from './scan-records.js';
import { openSteps } from './steps.js';

/** A preview rates every usage period in it. */
const DAYS_MAX = 366;

export async function getOrganizationRollup(
  core: Core,
  request: GetOrganizationRollupRequest,
): Promise<Answer<GetOrganizationRollupResponse>> {
  const faults = createFaults();
  const { orgId } = request;
  checkOrgId(orgId, 'org_id', faults);
  refuseFaults(faults);
  const account = await readAccount(core, orgId);
  const period = periodOf(core, account, request, faults);
  refuseFaults(faults);
  const of = (meter: string) => quantityOf(core, orgId, meter, period);
  const rollup = {
    orgId,
    periodStart: toTimestamp(period.startMs),
    periodEnd: toTimestamp(period.endMs),
    users: await of('users'),
    agents: await of('agents'),
    executions: await of('executions'),
    storageGb: await of('storage_gb'),
    gateways: await of('gateways'),
    ...(await costOf(core, account, period)),
  };
  return { reply: { rollup }, after: core.journal.lastSequence() };
}

function periodOf(
  core: Core,
  { stored, terms }: AccountState,
  { period, periodStart, periodEnd }: GetOrganizationRollupRequest,
  faults: Faults,
): Interval {
  const times = { startTime: periodStart, endTime: periodEnd };
  const given = parseRange(times, faults, ['period_start', 'period_end']);
  const running = usagePeriodAt(terms, core.clock.wallMs());
  if (period !== '') {
    if (periodStart !== undefined || periodEnd !== undefined) {
      faults.add('period', 'cannot stand together with period_start and period_end');
    }
    const month = monthInterval(period, stored.organisation?.value.time_zone ?? 'UTC');
    if (month === undefined) faults.add('period', 'must be a calendar month like "2026-11"');
    return month ?? running;
  }
  if (given !== undefined && given.endMs - given.startMs > DAYS_MAX * DAY_MS) {
    faults.add('period_end', `must be at most ${DAYS_MAX} days after period_start`);
  }
  return given ?? { startMs: running.startMs, endMs: running.endMs };
}

/** By the meter's aggregation: of LAST the level at the end, or now. */
async function quantityOf(
  core: Core,
  orgId: string,
  key: string,
  period: Interval,
): Promise<string> {
  const meter = catalogueOf(core).everyMeter.get(key);
  const account = core.fold.account(orgId);
  if (meter === undefined || account === undefined) return '0';
  if (core.fold.series(account, key) === undefined) return '0';
  const [total] = await readUsage(core, account, meter, period, []);
  return formatUnits(total?.value ?? 0n, meter.scale);
}

interface Cost {
  readonly cost: string;
  readonly currency: string;
}

/** Of its invoices that begin in the period; what one says beats what would be computed now. */
async function costOf(core: Core, account: AccountState, period: Interval): Promise<Cost> {
  const invoices = await invoicesOf(core, account.orgId, period);
  const currency = invoices[0]?.currency;
  if (currency === undefined) return previewOf(core, account, period);
  const own = invoices.filter((each) => each.currency === currency);
  const sum = own.reduce((total, invoice) => total + BigInt(invoice.total), 0n);
  return { cost: formatMinor(sum, currency), currency };
}

type Priced = Pick<InvoiceDocument, 'total' | 'currency'>;

/** Newest first. */
async function invoicesOf(
  core: Core,
  orgId: string,
  { startMs, endMs }: Interval,
): Promise<readonly Priced[]> {
  const found: Priced[] = [];
  const scope = { orgId, order: 'newest' } as const;
  for await (const { value } of scanRecords(core, openSteps(core), 'invoice', scope)) {
    const { period_start_ms: atMs, state } = value;
    if (atMs >= startMs && atMs < endMs && state !== 'VOID') found.push(value);
  }
  return found;
}

/** Of a usage period the invoice that would be made of it; of another range what was used in it. */
async function previewOf(core: Core, account: AccountState, range: Interval): Promise<Cost> {
  const period = usagePeriodAt(account.terms, range.startMs);
  const isPeriod = period.startMs === range.startMs && period.endMs === range.endMs;
  const of: Billing = {
    kind: 'RECURRING',
    range,
    baseMs: isPeriod ? range.endMs : undefined,
    late: isPeriod ? { kind: 'own currency' } : { kind: 'none' },
    again: false,
    adjustments: [],
  };
  const { total, currency } = documentOf(core, await compose(core, account, of), '', null);
  return { cost: formatMinor(BigInt(total), currency), currency };
}
