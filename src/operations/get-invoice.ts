// GetInvoice: a stored invoice, or what the invoice of a period would be now. The running period is
// a preview: a DRAFT computed at each call, stored nowhere.

import type {
  GetInvoiceRequest,
  GetInvoiceResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import type { InvoiceDocument } from '../domain/invoicing/document.js';
import type { Interval } from '../domain/metering/calendar.js';
import { monthInterval } from '../domain/metering/calendar.js';
import { usagePeriodAt } from '../domain/subscriptions/terms.js';
import type { Stored } from '../ledger/ledger.js';
import { type AccountState, readAccount } from './billing/account-state.js';
import { compose, documentOf } from './billing/bill.js';
import { linePages, toInvoice } from './billing/to-invoice.js';
import { etagOf } from './change.js';
import type { Answer, Core } from './core.js';
import { decodePageToken } from './page.js';
import {
  checkId,
  checkOrgId,
  createFaults,
  type Faults,
  parseTime,
  refuseFaults,
} from './parse.js';
import { Refusal } from './refusal.js';

const LINE_PAGE = 'line_page_token';

export async function getInvoice(
  core: Core,
  request: GetInvoiceRequest,
): Promise<Answer<GetInvoiceResponse>> {
  const { orgId, invoiceId, linePageToken } = request;
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  const given = [invoiceId !== '', request.period !== '', request.periodStart !== undefined];
  if (given.filter(Boolean).length > 1) {
    faults.add('invoice_id', 'only one of invoice_id, period and period_start can be given');
  }
  if (invoiceId !== '') checkId(invoiceId, 'invoice_id', faults);
  else if (linePageToken !== '') faults.add(LINE_PAGE, 'needs invoice_id');
  refuseFaults(faults);
  const account = await readAccount(core, orgId);
  const range = invoiceId === '' ? periodOf(core, account, request, faults) : undefined;
  refuseFaults(faults);
  const stored =
    range === undefined
      ? await core.ledger.get('invoice', orgId, invoiceId)
      : await storedOf(core, account, range);
  if (stored !== undefined) {
    const from = firstLine(stored.value, linePageToken, faults);
    refuseFaults(faults);
    return answer(core, toInvoice(stored.value, etagOf(stored), from));
  }
  if (range === undefined) throw invoiceNotFound(invoiceId);
  const billed = await compose(core, account, {
    kind: 'RECURRING',
    range,
    baseMs: range.endMs,
    late: { kind: 'own currency' },
    again: false,
    adjustments: [],
  });
  return answer(core, toInvoice(documentOf(core, billed, '', null), ''));
}

function firstLine(invoice: InvoiceDocument, token: string, faults: Faults): number {
  const [from = 0] = decodePageToken(token, linePages(invoice), faults, LINE_PAGE) ?? [];
  if (typeof from === 'number' && invoice.lines.at(from) !== undefined && from >= 0) return from;
  if (token !== '') faults.add(LINE_PAGE, 'is beyond the last line');
  return 0;
}

function answer(core: Core, invoice: GetInvoiceResponse['invoice']): Answer<GetInvoiceResponse> {
  return { reply: { invoice }, after: core.journal.lastSequence() };
}

export function invoiceNotFound(invoiceId: string): Refusal {
  const text = `invoice ${JSON.stringify(invoiceId)} is not known to this organisation`;
  return new Refusal('NOT_FOUND', 'INVOICE_NOT_FOUND', text);
}

/** The usage period that is asked for; the running one where none is. */
function periodOf(
  core: Core,
  { terms }: AccountState,
  { period, periodStart }: GetInvoiceRequest,
  faults: Faults,
): Interval {
  const running = usagePeriodAt(terms, core.clock.wallMs());
  let found: Interval = running;
  if (period !== '') {
    const month = monthInterval(period, running.tenure.zone);
    if (month === undefined) faults.add('period', 'must be a calendar month like "2026-11"');
    else {
      found = usagePeriodAt(terms, month.startMs);
      if (found.startMs !== month.startMs && found.endMs !== month.endMs) {
        faults.add('period', 'is no billing period of this organisation: use period_start');
      }
    }
  }
  if (periodStart !== undefined) {
    const startMs = parseTime(periodStart, 'period_start', faults) ?? running.startMs;
    found = usagePeriodAt(terms, startMs);
    if (found.startMs !== startMs) {
      const start = new Date(found.startMs).toISOString();
      faults.add('period_start', `must start a billing period: the one that holds it has ${start}`);
    }
  }
  if (found.startMs > running.startMs) {
    faults.add(period === '' ? 'period_start' : 'period', 'lies in the future');
  }
  return { startMs: found.startMs, endMs: found.endMs };
}

/** The draft of the period, or the invoice that closed it. */
async function storedOf(
  core: Core,
  { orgId, billing }: AccountState,
  range: Interval,
): Promise<Stored<'invoice'> | undefined> {
  const draft = billing?.value.drafts.find(
    ({ start_ms, end_ms }) => start_ms === range.startMs && end_ms === range.endMs,
  );
  if (draft !== undefined) return core.ledger.get('invoice', orgId, draft.invoice_id);
  const period = await core.ledger.get('usage_period', orgId, `${range.startMs}`);
  const bill = period?.value.bills.findLast(({ ranges }) => ranges.length > 0);
  if (bill === undefined || (billing?.value.closed_to_ms ?? 0) < range.endMs) return undefined;
  return core.ledger.get('invoice', orgId, bill.invoice_id);
}
