// GetInvoice: the preview of a calendar month, priced from the catalogue as it is now. A DRAFT:
// computed at each call, stored nowhere.

import type {
  GetInvoiceRequest,
  GetInvoiceResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import type { Sequence } from '../base/units.js';
import { sumsOf } from '../domain/invoicing/amounts.js';
import type { InvoiceDocument } from '../domain/invoicing/document.js';
import { proofOf } from '../domain/invoicing/proof.js';
import { usageLineDocument } from '../domain/invoicing/usage-line-document.js';
import {
  changesWithin,
  type Segment,
  type UsageLine,
  usageLines,
} from '../domain/invoicing/usage-lines.js';
import { intervalAt, monthInterval, UTC } from '../domain/metering/calendar.js';
import type { Meter } from '../domain/metering/meter.js';
import type { Plan } from '../domain/plans/catalogue.js';
import type { Price } from '../domain/pricing/price.js';
import type { Account } from '../state/account.js';
import { toInvoice } from './billing/to-invoice.js';
import { type Answer, type Core, catalogueOf } from './core.js';
import {
  checkId,
  checkOrgId,
  createFaults,
  type Faults,
  parseTime,
  refuseFaults,
} from './parse.js';
import { type Range, readUsage } from './read-usage.js';
import { Refusal } from './refusal.js';

const NO_PRICES: readonly Price[] = [];

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
  const { plan } = core.terms.of(orgId, core.clock.wallMs()).terms;
  const lines = account === undefined ? [] : await linesOf(core, account, plan, period);
  const after = core.journal.lastSequence();
  const invoice = toInvoice(draftOf(orgId, plan, period, lines, lastOf(lines)), '');
  return { reply: { invoice }, after };
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
      proof: proofOf(cell),
    }));
    segments.push({ ...range, parts });
  }
  return segments;
}

function lastOf(lines: readonly UsageLine[]): Sequence {
  return Math.max(0, ...lines.map(({ proof }) => proof.lastSequence));
}

function draftOf(
  orgId: string,
  plan: Plan,
  period: Range,
  lines: readonly UsageLine[],
  through: Sequence,
): InvoiceDocument {
  const documents = lines.map((line) => usageLineDocument(line, UTC));
  return {
    invoice_id: '',
    number: '',
    kind: 'RECURRING',
    state: 'DRAFT',
    org_id: orgId,
    customer: null,
    seller: null,
    subscription_id: '',
    plan: plan.id,
    plan_version: 0,
    period_start_ms: period.startMs,
    period_end_ms: period.endMs,
    currency: plan.currency,
    lines: documents,
    ...sumsOf(documents, []),
    credit_applied: '0',
    amount_paid: '0',
    amount_credited: '0',
    payments: [],
    issue_ms: null,
    due_ms: null,
    paid_ms: null,
    void_ms: null,
    uncollectible_ms: null,
    created_ms: null,
    updated_ms: null,
    state_reason: '',
    credit_note_ids: [],
    revision: 0,
    provider_id: '',
    through_sequence: through,
  };
}
