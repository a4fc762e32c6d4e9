// `/api/billing`: invoices.

import {
  InvoiceKind,
  InvoiceLineKind,
  InvoiceState,
} from '../../../../generated/ts/tollgate/v1/invoice.js';
import { limits } from '../../../limits.js';
import { reference } from '../values.js';
import type { OlderPath, OlderPaths } from './older-path.js';
import {
  among,
  body,
  flag,
  id,
  instant,
  list,
  namesOf,
  number,
  orNull,
  reply,
  text,
  whenText,
  whole,
} from './shapes.js';

const ONE = '/api/billing/invoices/{invoice_id}';
const performs = ['InvoiceService/FinalizeInvoice'];

const paths: readonly OlderPath[] = [
  {
    verb: 'POST',
    template: '/api/billing/invoices:generate',
    id: 'GenerateInvoice',
    summary: 'Makes the invoice of a period, as a draft',
    about: 'The regular one where the range is a billing period, else one over the range.',
    performs: ['InvoiceService/GenerateInvoice', 'InvoiceService/AddInvoiceAdjustment'],
    org: 'header',
    body: {
      required: true,
      schema: reference('OlderNewInvoice'),
      example: { tenant_id: 'acme', period_start: '2026-10-01', period_end: '2026-11-01' },
    },
    status: 201,
    answer: reference('OlderInvoice'),
  },
  {
    verb: 'GET',
    template: '/api/billing/tenants/{tenant_id}/invoices',
    id: 'ListInvoices',
    summary: 'Lists the invoices of a tenant, newest first, without their lines',
    about: `Up to ${limits.pageMax}.`,
    performs: ['InvoiceService/ListInvoices'],
    status: 200,
    answer: list(reference('OlderInvoiceHead')),
  },
  {
    verb: 'GET',
    template: ONE,
    id: 'GetInvoice',
    summary: 'One invoice with its lines',
    performs: ['MeteringService/GetInvoice'],
    org: 'header',
    status: 200,
    answer: reference('OlderInvoice'),
  },
  {
    verb: 'POST',
    template: `${ONE}:close`,
    id: 'CloseInvoice',
    summary: 'Closes a draft: it gets its number and is owed',
    performs,
    org: 'header',
    status: 200,
    answer: reference('OlderInvoice'),
  },
  {
    verb: 'POST',
    template: `${ONE}:void`,
    id: 'VoidInvoice',
    summary: 'Takes back a draft: closes and voids it',
    about: 'One that is closed already, or on which nothing is due, is refused with 409.',
    performs: ['MeteringService/GetInvoice', ...performs, 'InvoiceService/VoidInvoice'],
    org: 'header',
    body: { schema: reference('OlderVoid'), example: { reason: 'made by mistake' } },
    status: 200,
    answer: reference('OlderInvoice'),
  },
];

const reason = { maxLength: limits.reasonChars };
/** A text, or an object of which its `reason` is kept. */
const detail = {
  type: ['string', 'object'],
  description: 'The reason, as a text or as `reason` in it.',
  ...reason,
  properties: { reason: orNull(text(undefined, reason)) },
};

const head = {
  invoice_id: text(),
  invoice_number: orNull(text('Null on a draft.')),
  tenant_id: text(),
  status: among(namesOf(InvoiceState, 'INVOICE_STATE_'), 'OPEN is what was called closed.'),
  kind: among(namesOf(InvoiceKind, 'INVOICE_KIND_')),
  period_start: orNull(instant()),
  period_end: orNull(instant()),
  currency: text('ISO 4217. Cents are its minor units.'),
  subtotal_cents: whole(),
  tax_cents: whole(),
  total_cents: whole(),
  amount_due_cents: whole(),
  created_at: orNull(instant()),
  closed_at: orNull(instant()),
  voided_at: orNull(instant()),
};

const line = {
  kind: among(namesOf(InvoiceLineKind, 'INVOICE_LINE_KIND_')),
  description: text(),
  meter_key: orNull(text()),
  quantity: orNull(number()),
  unit_price: orNull(number('Null where tiers say it.')),
  amount_cents: whole(),
};

export const billingInvoices: OlderPaths = {
  paths,
  schemas: {
    OlderNewInvoice: body(
      {
        period_start: whenText('The period begins then.'),
        period_end: whenText('A bound: the next period begins then.'),
      },
      {
        tenant_id: id('Organisation.'),
        adjustments_cents: whole('What all adjustments add up to.', { default: 0 }),
        force_recompute: flag('A draft that is there is made anew.', { default: false }),
        detail,
      },
    ),
    OlderInvoiceHead: reply(head),
    OlderInvoice: reply({
      ...head,
      adjustments_cents: whole(),
      lines: list(reference('OlderInvoiceLine')),
    }),
    OlderInvoiceLine: reply(line),
    OlderVoid: body({}, { reason: text(undefined, reason), detail }),
  },
};
