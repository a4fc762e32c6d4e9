// `/api/billing`: invoices. Amounts are whole minor units of the currency, called cents there.

import {
  type Invoice,
  InvoiceKind,
  type InvoiceLine,
  InvoiceLineKind,
  InvoiceState,
} from '../../../generated/ts/tollgate/v1/invoice.js';
import {
  AddInvoiceAdjustmentRequest,
  FinalizeInvoiceRequest,
  GenerateInvoiceRequest,
  ListInvoicesRequest,
  VoidInvoiceRequest,
} from '../../../generated/ts/tollgate/v1/invoice_service.js';
import { GetInvoiceRequest } from '../../../generated/ts/tollgate/v1/metering_service.js';
import { present } from '../../base/assert.js';
import { formatMinor } from '../../domain/pricing/money.js';
import { limits } from '../../limits.js';
import { toTimestamp } from '../../operations/parse.js';
import { Refusal } from '../../operations/refusal.js';
import type { Rpcs } from '../../rpc/rpcs.js';
import { type Alias, type AliasCall, type AliasReply, conflict, created, ok } from './alias.js';
import { type Fields, fieldsOf, flagIn, requiredText, textIn, wholeIn } from './fields.js';
import { rateOf, toCents, toNumberOrNull } from './figures.js';
import { collect, enumName, message } from './message.js';
import { isoOf, parseWhen } from './times.js';

type Invoices = Rpcs['InvoiceService'];

const ONE = '/api/billing/invoices/{invoice_id}';

export function billingInvoices(rpcs: Rpcs): readonly Alias[] {
  const { InvoiceService: invoices } = rpcs;
  const access = 'credential';
  return [
    {
      verb: 'POST',
      template: '/api/billing/invoices:generate',
      access,
      run: (call) => generate(invoices, call),
    },
    {
      verb: 'GET',
      template: '/api/billing/tenants/{tenant_id}/invoices',
      access,
      run: (call) => list(invoices, call),
    },
    {
      verb: 'GET',
      template: ONE,
      access,
      run: async (call) => ok(toInvoice(await readInvoice(rpcs, call))),
    },
    { verb: 'POST', template: `${ONE}:close`, access, run: (call) => close(invoices, call) },
    { verb: 'POST', template: `${ONE}:void`, access, run: (call) => voidDraft(rpcs, call) },
  ];
}

/**
 * The adjustments are brought to the sum that is asked for, in a second step: where a request was
 * cut off between the two, the same with `force_recompute` mends it.
 */
async function generate(invoices: Invoices, call: AliasCall): Promise<AliasReply> {
  const fields = fieldsOf(call.body);
  const orgId = call.org(textIn(fields, 'tenant_id'));
  const wanted = wholeIn(fields, 'adjustments_cents') ?? 0;
  const time = (name: string) => {
    return toTimestamp(parseWhen(requiredText(fields, name), name, 'start'));
  };
  const invoice = await generateOver(invoices, call, {
    orgId,
    periodStart: time('period_start'),
    periodEnd: time('period_end'),
    force: flagIn(fields, 'force_recompute'),
  });
  const missing = wanted - adjustmentsOf(invoice);
  if (missing === 0) return created(toInvoice(invoice));
  const adjusted = await call.perform(
    invoices.addInvoiceAdjustment,
    message(AddInvoiceAdjustmentRequest, {
      orgId,
      invoiceId: invoice.invoiceId,
      amount: formatMinor(BigInt(missing), invoice.currency),
      description: 'Adjustment',
      reason: reasonIn(fields) ?? 'adjustments_cents of the request',
    }),
  );
  return created(toInvoice(present(adjusted.invoice, 'the adjusted invoice')));
}

/** The regular invoice where the range is a billing period, else one over the range. */
async function generateOver(
  { generateInvoice }: Invoices,
  call: AliasCall,
  fields: Partial<GenerateInvoiceRequest>,
): Promise<Invoice> {
  const ask = async (kind: InvoiceKind) => {
    const request = message(GenerateInvoiceRequest, { ...fields, kind });
    return present((await call.perform(generateInvoice, request)).invoice, 'the new invoice');
  };
  try {
    return await ask(InvoiceKind.INVOICE_KIND_RECURRING);
  } catch (error) {
    const isOther = error instanceof Refusal && error.status === 'INVALID_ARGUMENT';
    if (!isOther) throw error;
    return ask(InvoiceKind.INVOICE_KIND_MANUAL);
  }
}

/** Why, where `detail` says it: as a text, or as `reason` in it. */
function reasonIn(fields: Fields): string | undefined {
  const { detail } = fields;
  if (typeof detail === 'string' && detail !== '') return detail;
  if (typeof detail !== 'object' || detail === null) return undefined;
  return textIn(fieldsOf(detail, 'detail'), 'reason') || undefined;
}

async function list({ listInvoices }: Invoices, call: AliasCall): Promise<AliasReply> {
  const orgId = call.values[0] ?? '';
  const request = message(ListInvoicesRequest, { orgId, pageSize: limits.pageMax });
  const found = await collect(
    async (pageToken) => {
      const page = await call.perform(listInvoices, { ...request, pageToken });
      return { items: page.invoices, next: page.nextPageToken };
    },
    { max: limits.pageMax },
  );
  return ok(found.map(toHead));
}

async function readInvoice(
  { MeteringService: { getInvoice } }: Rpcs,
  call: AliasCall,
): Promise<Invoice> {
  const [invoiceId = ''] = call.values;
  const request = message(GetInvoiceRequest, { orgId: call.org(), invoiceId });
  const { invoice } = await call.perform(getInvoice, request);
  return present(invoice, 'the invoice that was found');
}

async function close({ finalizeInvoice }: Invoices, call: AliasCall): Promise<AliasReply> {
  const [invoiceId = ''] = call.values;
  const request = message(FinalizeInvoiceRequest, { orgId: call.org(), invoiceId });
  const { invoice } = await call.perform(finalizeInvoice, request);
  return ok(toInvoice(present(invoice, 'the closed invoice')));
}

/**
 * There only a draft can be voided. One that is closed already is refused by the first step; where
 * a request was cut off between the two, its repeat finds the first one done by its id, and goes
 * on.
 */
async function voidDraft(rpcs: Rpcs, call: AliasCall): Promise<AliasReply> {
  const { finalizeInvoice, voidInvoice } = rpcs.InvoiceService;
  const [invoiceId = ''] = call.values;
  const orgId = call.org();
  const fields = call.body === undefined ? {} : fieldsOf(call.body);
  const reason = textIn(fields, 'reason') || reasonIn(fields) || 'voided as a draft';
  if (isDraftOfNothing(await readInvoice(rpcs, call))) return conflict(NOTHING_DUE);
  const requestId = `void.${invoiceId}`;
  await call.perform(
    finalizeInvoice,
    message(FinalizeInvoiceRequest, { orgId, invoiceId, requestId }),
  );
  const { invoice } = await call.perform(
    voidInvoice,
    message(VoidInvoiceRequest, { orgId, invoiceId, reason }),
  );
  return ok(toInvoice(present(invoice, 'the voided invoice')));
}

const NOTHING_DUE = 'nothing is due on this draft: closed, it is PAID or SKIPPED, never VOID';

function isDraftOfNothing({ state, amountDue }: Invoice): boolean {
  return state === InvoiceState.INVOICE_STATE_DRAFT && Number(amountDue) === 0;
}

const STATE_PREFIX = 'INVOICE_STATE_';
const KIND_PREFIX = 'INVOICE_KIND_';
const LINE_PREFIX = 'INVOICE_LINE_KIND_';

/** As in lists, which have no lines. */
function toHead(invoice: Invoice) {
  const { invoiceId, number, orgId, state, kind, currency } = invoice;
  const cents = (text: string) => toCents(text, currency);
  return {
    invoice_id: invoiceId,
    invoice_number: number === '' ? null : number,
    tenant_id: orgId,
    status: enumName(InvoiceState, state, STATE_PREFIX),
    kind: enumName(InvoiceKind, kind, KIND_PREFIX),
    period_start: isoOf(invoice.periodStart),
    period_end: isoOf(invoice.periodEnd),
    currency,
    subtotal_cents: cents(invoice.subtotal),
    tax_cents: cents(invoice.tax),
    total_cents: cents(invoice.total),
    amount_due_cents: cents(invoice.amountDue),
    created_at: isoOf(invoice.createTime),
    closed_at: isoOf(invoice.issueTime),
    voided_at: isoOf(invoice.voidTime),
  };
}

function toInvoice(invoice: Invoice) {
  return {
    ...toHead(invoice),
    adjustments_cents: adjustmentsOf(invoice),
    lines: invoice.lines.map((line) => toLine(line, invoice.currency)),
  };
}

function adjustmentsOf({ lines, currency }: Invoice): number {
  return lines
    .filter(({ kind }) => kind === InvoiceLineKind.INVOICE_LINE_KIND_ADJUSTMENT)
    .reduce((sum, { amount }) => sum + toCents(amount, currency), 0);
}

function toLine(line: InvoiceLine, currency: string) {
  return {
    kind: enumName(InvoiceLineKind, line.kind, LINE_PREFIX),
    description: line.description,
    meter_key: line.meter === '' ? null : line.meter,
    quantity: toNumberOrNull(line.quantity),
    unit_price: rateOf(line.unitPrice, line.per),
    amount_cents: toCents(line.amount, currency),
  };
}
