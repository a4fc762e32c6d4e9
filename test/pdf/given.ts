// What the tests of the PDF begin with; every field can be given otherwise.

import type { Timestamp } from '../../generated/ts/google/protobuf/timestamp.js';
import {
  Invoice,
  InvoiceKind,
  InvoiceLine,
  InvoiceLineKind,
  InvoiceState,
} from '../../generated/ts/tollgate/v1/invoice.js';
import { PriceKind } from '../../generated/ts/tollgate/v1/price.js';

const EMPTY = new Uint8Array();

export function at(text: string): Timestamp {
  const ms = Date.parse(text.length === 10 ? `${text}T00:00:00Z` : text);
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: 0 };
}

export function givenLine(given: Partial<InvoiceLine> = {}): InvoiceLine {
  return {
    ...InvoiceLine.decode(EMPTY),
    kind: InvoiceLineKind.INVOICE_LINE_KIND_USAGE,
    description: 'tokens: model gpt-large, 2026-07',
    meter: 'tokens',
    unit: 'token',
    quantity: '1234567',
    priceKind: PriceKind.PRICE_KIND_PER_UNIT,
    unitPrice: '2.50',
    per: '1000000',
    dimensions: new Map([['model', 'gpt-large']]),
    amount: '3.09',
    serviceStart: at('2026-07-01'),
    serviceEnd: at('2026-08-01'),
    firstSequence: 1001n,
    lastSequence: 92331n,
    eventCount: 1204n,
    eventsHash: '9f86d081884c7d65',
    ...given,
  };
}

export function givenInvoice(given: Partial<Invoice> = {}): Invoice {
  return {
    ...Invoice.decode(EMPTY),
    invoiceId: 'inv-1',
    number: 'INV-2026-000123',
    kind: InvoiceKind.INVOICE_KIND_RECURRING,
    state: InvoiceState.INVOICE_STATE_OPEN,
    orgId: 'org_acme',
    plan: 'scale',
    subscriptionId: 'sub_01J9ZQ4',
    seller: {
      legalName: 'Lumen Inference GmbH',
      address: 'Torstraße 49\n10119 Berlin\nGermany',
      taxId: 'DE 314 159 265',
      email: 'billing@lumen.example',
    },
    customer: {
      legalName: 'Acme Agents, Inc.',
      address: '548 Market Street, Suite 1200\nSan Francisco, CA 94104\nUnited States',
      taxId: 'US 12-3456789',
      email: 'accounts.payable@acme.example',
    },
    periodStart: at('2026-07-01'),
    periodEnd: at('2026-08-01'),
    issueTime: at('2026-08-01T06:00:00Z'),
    dueTime: at('2026-08-15T06:00:00Z'),
    currency: 'USD',
    lines: [givenLine()],
    subtotal: '3.09',
    taxes: [{ name: 'VAT', percent: '19', base: '3.09', amount: '0.59' }],
    tax: '0.59',
    total: '3.68',
    creditApplied: '0.00',
    amountPaid: '0.00',
    amountDue: '3.68',
    ...given,
  };
}

export const TIERED: Partial<InvoiceLine> = {
  priceKind: PriceKind.PRICE_KIND_GRADUATED,
  unitPrice: '',
  per: '1000',
  tiers: [
    { upTo: '1000000', unitPrice: '0.0025', flatFee: '', percent: '', blockSize: '' },
    { upTo: '10000000', unitPrice: '0.002', flatFee: '', percent: '', blockSize: '' },
    { upTo: undefined, unitPrice: '0.00125', flatFee: '25.00', percent: '', blockSize: '' },
  ],
};

const DESCRIPTIONS = [
  'Input tokens, large model',
  'Output tokens, large model, batch interface with a delay of up to twenty-four hours',
  'Tool calls',
  'Storage of vector indexes, average gigabytes',
];
const LABELS: readonly [string, string][] = [
  ['region', 'eu-central-1'],
  ['model', 'large-2026-05'],
  ['tier', 'priority'],
];

/** Lines that differ in length, price and labels, the same for the same count. */
export function givenLines(count: number): InvoiceLine[] {
  return Array.from({ length: count }, (_, i) =>
    givenLine({
      description: `${DESCRIPTIONS[i % DESCRIPTIONS.length]} #${i + 1}`,
      quantity: String((i + 1) * 1_048_573),
      amount: `${(i * 7919) % 100_000}.${String((i * 31) % 100).padStart(2, '0')}`,
      dimensions: new Map(LABELS.slice(0, i % 4)),
      firstSequence: BigInt(i * 50_000 + 1),
      lastSequence: BigInt(i * 50_000 + 49_999),
      eventCount: BigInt(i * 13 + 1),
      eventsHash: ((i + 1) * 2_654_435_761).toString(16).padStart(16, '0'),
      ...(i % 5 === 3 ? TIERED : {}),
    }),
  );
}
