// GetRevenue: money by month and currency, from every invoice and credit note, in slices; recurring
// revenue from the subscriptions as they were. Sums are exact, and currencies never meet.

import type {
  GetRevenueRequest,
  GetRevenueResponse,
} from '../../../generated/ts/tollgate/v1/admin_service.js';
import type { RevenueRow } from '../../../generated/ts/tollgate/v1/overview.js';
import { addFractions, type Fraction, NOTHING } from '../../base/fraction.js';
import type { EpochMs } from '../../base/units.js';
import { amountDue } from '../../domain/invoicing/amounts.js';
import type { InvoiceDocument } from '../../domain/invoicing/document.js';
import { type Interval, UTC } from '../../domain/metering/calendar.js';
import { formatMinor, isCurrency, toMinor } from '../../domain/pricing/money.js';
import type { Answer, Core } from '../core.js';
import { createFaults, refuseFaults, toTimestamp } from '../parse.js';
import { invalidField } from '../refusal.js';
import { intervalsOf, latest, parseRange } from './ranges.js';
import { addRecurring } from './recurring-revenue.js';
import { scanRecords } from './scan-records.js';
import { openSteps, type Steps } from './steps.js';

const MONTHS_DEFAULT = 12;
const MONTHS_MAX = 120;

export async function getRevenue(
  core: Core,
  request: GetRevenueRequest,
): Promise<Answer<GetRevenueResponse>> {
  const faults = createFaults();
  const { currency } = request;
  if (currency !== '' && !isCurrency(currency)) {
    faults.add('currency', 'must be an ISO 4217 code such as USD');
  }
  const given = parseRange(request, faults);
  refuseFaults(faults);
  const steps = openSteps(core);
  const nowMs = core.clock.wallMs();
  const range = given ?? latest('MONTH', MONTHS_DEFAULT, nowMs);
  const months = await intervalsOf(steps, 'MONTH', range, UTC, MONTHS_MAX);
  if (months === undefined) throw invalidField('end_time', `is more than ${MONTHS_MAX} months off`);
  const table = createTable(months);
  if (currency !== '') table.include(currency);
  await addMoney(core, steps, table, currency);
  await addRecurring(core, steps, months, nowMs, (each, month, amount) => {
    if (currency !== '' && each !== currency) return;
    const row = table.at(month, each);
    row.mrr = addFractions(row.mrr, amount);
  });
  return { reply: { rows: table.rows() }, after: core.journal.lastSequence() };
}

interface Money {
  billed: bigint;
  paid: bigint;
  outstanding: bigint;
  credited: bigint;
  /** Rounded once, in the end. */
  mrr: Fraction;
  invoices: number;
}

interface Table {
  /** A currency that is on the report though it may have no money. */
  readonly include: (currency: string) => void;
  readonly at: (month: number, currency: string) => Money;
  /** Place of the month that holds a time; undefined outside of the range. */
  readonly monthOf: (atMs: EpochMs) => number | undefined;
  readonly rows: () => RevenueRow[];
}

function createTable(months: readonly Interval[]): Table {
  const byCurrency = new Map<string, readonly Money[]>();

  function include(currency: string): readonly Money[] {
    const known = byCurrency.get(currency);
    if (known !== undefined) return known;
    const rows = months.map(noMoney);
    byCurrency.set(currency, rows);
    return rows;
  }

  return {
    include,
    at: (month, currency) => include(currency)[month] as Money,
    monthOf(atMs) {
      const found = months.findIndex(({ startMs, endMs }) => atMs >= startMs && atMs < endMs);
      return found < 0 ? undefined : found;
    },
    rows() {
      const currencies = [...byCurrency.keys()].sort();
      return months.flatMap((month, i) =>
        currencies.map((each) => toRow(month, each, byCurrency.get(each)?.[i] ?? noMoney())),
      );
    },
  };
}

function noMoney(): Money {
  return { billed: 0n, paid: 0n, outstanding: 0n, credited: 0n, mrr: NOTHING, invoices: 0 };
}

async function addMoney(core: Core, steps: Steps, table: Table, only: string): Promise<void> {
  for await (const { value } of scanRecords(core, steps, 'invoice')) {
    if (only === '' || value.currency === only) addInvoice(table, value);
  }
  for await (const { value } of scanRecords(core, steps, 'credit_note')) {
    if (only !== '' && value.currency !== only) continue;
    const month = table.monthOf(value.issue_ms);
    if (month !== undefined) table.at(month, value.currency).credited += BigInt(value.amount);
  }
}

function addInvoice(table: Table, invoice: InvoiceDocument): void {
  const { currency, issue_ms: issueMs, state } = invoice;
  const month = issueMs === null || state === 'VOID' ? undefined : table.monthOf(issueMs);
  if (month !== undefined) {
    const row = table.at(month, currency);
    row.billed += BigInt(invoice.total);
    row.outstanding += amountDue(invoice);
    row.invoices++;
  }
  for (const { paid_ms: paidMs, amount } of invoice.payments) {
    const received = table.monthOf(paidMs);
    if (received !== undefined) table.at(received, currency).paid += BigInt(amount);
  }
}

function toRow({ startMs, endMs }: Interval, currency: string, money: Money): RevenueRow {
  const text = (minor: bigint) => formatMinor(minor, currency);
  return {
    monthStart: toTimestamp(startMs),
    monthEnd: toTimestamp(endMs),
    currency,
    billed: text(money.billed),
    paid: text(money.paid),
    outstanding: text(money.outstanding),
    credited: text(money.credited),
    mrr: text(toMinor(money.mrr, currency)),
    invoiceCount: BigInt(money.invoices),
  };
}
