// GetInvoice: the preview of a calendar month, priced from the catalogue as it is now. A DRAFT:
// computed at each call, stored nowhere.

import {
  type Invoice,
  InvoiceKind,
  type InvoiceLine,
  InvoiceLineKind,
  InvoiceState,
} from '../../generated/ts/tollgate/v1/invoice.js';
import type {
  GetInvoiceRequest,
  GetInvoiceResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { PriceKind } from '../../generated/ts/tollgate/v1/price.js';
import { formatDecimal, formatUnits } from '../base/decimal.js';
import {
  changesWithin,
  type Segment,
  type UsageLine,
  usageLines,
} from '../domain/invoicing/usage-lines.js';
import { intervalAt, monthInterval, monthName, UTC } from '../domain/metering/calendar.js';
import type { Meter } from '../domain/metering/meter.js';
import type { Plan } from '../domain/plans/catalogue.js';
import { formatMinor } from '../domain/pricing/money.js';
import type { Price } from '../domain/pricing/price.js';
import type { Account } from '../state/account.js';
import { type Answer, type Core, catalogueOf } from './core.js';
import {
  checkId,
  checkOrgId,
  createFaults,
  type Faults,
  parseTime,
  refuseFaults,
  toTimestamp,
} from './parse.js';
import { type Range, readUsage } from './read-usage.js';
import { Refusal } from './refusal.js';

const NO_PRICES: readonly Price[] = [];
const ONE = { units: 1n, scale: 0 };

export async function getInvoice(
  core: Core,
  request: GetInvoiceRequest,
): Promise<Answer<GetInvoiceResponse>> {
  const { orgId } = request;
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  const period = periodOf(core, request, faults);
  refuseFaults(faults);
  if (period === undefined) throw invoiceNotFound(request.invoiceId);
  const account = core.fold.account(orgId);
  const { plan } = core.terms.of(catalogueOf(core), orgId, core.clock.wallMs()).terms;
  const lines = account === undefined ? [] : await linesOf(core, account, plan, period);
  const invoice = draftOf(orgId, plan, period, lines);
  return { reply: { invoice }, after: core.journal.lastSequence() };
}

/** Calendar months until there are subscriptions. Undefined: the id of an invoice. */
function periodOf(core: Core, request: GetInvoiceRequest, faults: Faults): Range | undefined {
  const running = intervalAt('MONTH', core.clock.wallMs(), UTC);
  const { invoiceId, period, periodStart } = request;
  const given = [invoiceId !== '', period !== '', periodStart !== undefined].filter(Boolean);
  if (given.length > 1) {
    faults.add('invoice_id', 'only one of invoice_id, period and period_start can be given');
    return undefined;
  }
  let range: Range | undefined = running;
  if (invoiceId !== '') {
    // Previews are stored nowhere and have no id; stored invoices do not exist yet.
    checkId(invoiceId, 'invoice_id', faults);
    range = undefined;
  }
  if (period !== '') {
    range = monthInterval(period, UTC);
    if (range === undefined) faults.add('period', 'must be a calendar month like "2026-11"');
  }
  if (periodStart !== undefined) {
    const startMs = parseTime(periodStart, 'period_start', faults) ?? 0;
    range = intervalAt('MONTH', startMs, UTC);
    if (range.startMs !== startMs) faults.add('period_start', 'must start a UTC calendar month');
  }
  if (range !== undefined && range.startMs > running.startMs) {
    faults.add(period === '' ? 'period_start' : 'period', 'lies in the future');
  }
  return range;
}

function invoiceNotFound(invoiceId: string): Refusal {
  const text = `invoice ${JSON.stringify(invoiceId)} is not known to this organisation`;
  return new Refusal('NOT_FOUND', 'INVOICE_NOT_FOUND', text);
}

async function linesOf(
  core: Core,
  account: Account,
  plan: Plan,
  period: Range,
): Promise<readonly UsageLine[]> {
  const { meters } = catalogueOf(core);
  const lines: UsageLine[] = [];
  for (const key of [...meters.keys()].sort()) {
    const meter = meters.get(key);
    if (meter === undefined) continue;
    if (core.fold.meterAccount(account, key).series.lastMs === 0) continue;
    const prices = plan.prices.get(key) ?? NO_PRICES;
    const segments = await segmentsOf(core, account, meter, prices, period);
    lines.push(...usageLines(meter, prices, segments, plan.currency));
  }
  return lines;
}

async function segmentsOf(
  core: Core,
  account: Account,
  meter: Meter,
  prices: readonly Price[],
  period: Range,
): Promise<readonly Segment[]> {
  const { startMs, endMs } = period;
  const cuts = [startMs, ...changesWithin(prices, meter, startMs, endMs), endMs];
  const segments: Segment[] = [];
  for (let i = 0; i + 1 < cuts.length; i++) {
    const range = { startMs: cuts[i] as number, endMs: cuts[i + 1] as number };
    const groups = await readUsage(core, account, meter, range, meter.rollupKeys);
    const parts = groups.map(({ labels, value, cell }) => ({
      dimensions: new Map(labels.filter(([, label]) => label !== '')),
      quanta: value,
      values: cell.values?.keys(),
      proof: {
        events: cell.count,
        firstSequence: cell.firstSequence,
        lastSequence: cell.lastSequence,
        hashLow: cell.hashLow,
        hashHigh: cell.hashHigh,
      },
    }));
    segments.push({ ...range, parts });
  }
  return segments;
}

function draftOf(orgId: string, plan: Plan, period: Range, lines: readonly UsageLine[]): Invoice {
  const { currency } = plan;
  const subtotal = lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
  const money = (minor: bigint) => formatMinor(minor, currency);
  return {
    invoiceId: '',
    number: '',
    kind: InvoiceKind.INVOICE_KIND_RECURRING,
    state: InvoiceState.INVOICE_STATE_DRAFT,
    orgId,
    customer: undefined,
    seller: undefined,
    subscriptionId: '',
    plan: plan.id,
    periodStart: toTimestamp(period.startMs),
    periodEnd: toTimestamp(period.endMs),
    currency,
    lines: lines.map((line) => toLine(line, currency)),
    subtotal: money(subtotal),
    taxes: [],
    tax: money(0n),
    total: money(subtotal),
    creditApplied: money(0n),
    amountPaid: money(0n),
    amountDue: money(subtotal),
    issueTime: undefined,
    dueTime: undefined,
    paidTime: undefined,
    voidTime: undefined,
    pdfUrl: '',
    providerId: '',
    etag: '',
  };
}

function toLine(line: UsageLine, currency: string): InvoiceLine {
  const { meter, version, proof, defaultPrice } = line;
  const unitPrice = version?.unitPrice ?? defaultPrice;
  const included = line.kind === 'INCLUDED';
  return {
    kind: included
      ? InvoiceLineKind.INVOICE_LINE_KIND_INCLUDED
      : InvoiceLineKind.INVOICE_LINE_KIND_USAGE,
    description: descriptionOf(line),
    meter: meter.key,
    unit: meter.unit,
    quantity: formatUnits(line.quanta, meter.scale),
    priceKind:
      unitPrice === undefined ? PriceKind.PRICE_KIND_UNSPECIFIED : PriceKind.PRICE_KIND_PER_UNIT,
    unitPrice: unitPrice === undefined ? '' : formatDecimal(unitPrice),
    per: unitPrice === undefined ? '' : formatDecimal(version?.per ?? ONE),
    tiers: [],
    blockSize: '',
    dimensions: new Map(line.match),
    amount: formatMinor(line.amountMinor, currency),
    serviceStart: toTimestamp(line.startMs),
    serviceEnd: toTimestamp(line.endMs),
    firstSequence: BigInt(proof.firstSequence),
    lastSequence: BigInt(proof.lastSequence),
    eventCount: BigInt(proof.events),
    eventsHash: hex(proof.hashHigh) + hex(proof.hashLow),
    unpriced: version === undefined,
    priceVersionEffectiveFrom:
      version === undefined ? undefined : toTimestamp(version.effectiveFromMs),
    reason: '',
    originalInvoiceId: '',
  };
}

function descriptionOf({ kind, meter, match, startMs }: UsageLine): string {
  const labels = match.map(([key, value]) => `${key} ${value}`).join(', ');
  const what = labels === '' ? meter.key : `${meter.key}: ${labels}`;
  return `${what}, ${monthName(startMs)}${kind === 'INCLUDED' ? ' (included)' : ''}`;
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
