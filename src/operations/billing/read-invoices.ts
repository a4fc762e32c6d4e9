// ListInvoices.

import { InvoiceKind, InvoiceState } from '../../../generated/ts/tollgate/v1/invoice.js';
import type {
  ListInvoicesRequest,
  ListInvoicesResponse,
} from '../../../generated/ts/tollgate/v1/invoice_service.js';
import { INVOICE_KINDS, INVOICE_STATES } from '../../domain/invoicing/document.js';
import { etagOf } from '../change.js';
import type { Answer, Core } from '../core.js';
import { nextToken, pagingOf } from '../paging.js';
import { checkId, checkOrgId, createFaults, parseTime, refuseFaults } from '../parse.js';
import { KIND, STATE, withoutLines } from './to-invoice.js';

/** Newest first, without their lines. */
export async function listInvoices(
  core: Core,
  request: ListInvoicesRequest,
): Promise<Answer<ListInvoicesResponse>> {
  const { orgId, state, kind, subscriptionId } = request;
  const faults = createFaults();
  if (orgId !== '') checkOrgId(orgId, 'org_id', faults);
  if (subscriptionId !== '') checkId(subscriptionId, 'subscription_id', faults);
  const states = INVOICE_STATES.filter((each) => STATE[each] === state);
  const kinds = INVOICE_KINDS.filter((each) => KIND[each] === kind);
  if (states.length === 0 && state !== InvoiceState.INVOICE_STATE_UNSPECIFIED) {
    faults.add('state', 'is not a known state');
  }
  if (kinds.length === 0 && kind !== InvoiceKind.INVOICE_KIND_UNSPECIFIED) {
    faults.add('kind', 'is not a known kind');
  }
  const fromMs = parseTime(request.periodStartFrom, 'period_start_from', faults);
  const untilMs = parseTime(request.periodStartUntil, 'period_start_until', faults);
  const list = `invoices/${orgId}/${state}/${kind}/${fromMs}/${untilMs}/${subscriptionId}`;
  const paging = pagingOf(request, list, faults);
  refuseFaults(faults);
  const page = await core.ledger.list({
    kind: 'invoice',
    order: 'newest',
    ...paging,
    ...(orgId === '' ? {} : { orgId }),
    where: {
      ...(states.length === 0 ? {} : { state: states }),
      ...(kinds.length === 0 ? {} : { kind: kinds }),
      ...(subscriptionId === '' ? {} : { subscription_id: [subscriptionId] }),
    },
  });
  const within = page.records.filter(({ value: { period_start_ms: startMs } }) => {
    return startMs >= (fromMs ?? Number.NEGATIVE_INFINITY) && startMs < (untilMs ?? Infinity);
  });
  const invoices = within.map((each) => withoutLines(each.value, etagOf(each)));
  const reply = { invoices, nextPageToken: nextToken(list, page) };
  return { reply, after: core.journal.lastSequence() };
}
