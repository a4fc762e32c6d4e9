// Every invoice proved from the journal: what each bill of each usage period rests on is added up
// anew from the events, rated by the catalogue of then, and compared with what was billed. Every
// event is looked for, too: it is on a bill, or its period is not closed yet.
//
// Two passes over the journal: the ledger's records first, then the events.

import type { Sequence } from '../../base/units.js';
import type { Bill, BillingRecord, UsagePeriodRecord } from '../../domain/invoicing/billing.js';
import type { InvoiceDocument, LineDocument } from '../../domain/invoicing/document.js';
import { isWhole, joinRanges } from '../../domain/invoicing/ranges.js';
import type { Interval } from '../../domain/metering/calendar.js';
import type { Catalogue } from '../../domain/plans/catalogue.js';
import type { RecordEntry } from '../../journal/entry.js';
import { beginRatingFrom, type RatingBegun } from '../../operations/billing/rate-period.js';
import { toInterval } from '../../operations/billing/usage-bill.js';
import { compileAsOf } from '../../state/catalogue-state.js';
import { type Records, recordsOf } from '../../state/records.js';
import { checkInvoices } from './check-invoices.js';
import { type EventSource, openEventSource } from './event-source.js';

export interface Proof {
  /** To be called for every event, in order. */
  readonly add: (entry: RecordEntry, sequence: Sequence, crc: number) => void;
  readonly finish: () => Promise<Proved>;
}

export interface Proved {
  readonly invoices: number;
  readonly bills: number;
  readonly eventsInvoiced: number;
  /** Of periods that are not closed. */
  readonly eventsOpen: number;
  /** Of invoices that were voided, with none in their place. */
  readonly eventsVoided: number;
  readonly problems: readonly string[];
}

interface Period {
  readonly orgId: string;
  readonly span: Interval;
  readonly value: UsagePeriodRecord;
  readonly ratings: readonly BillRating[];
}

interface Forgotten {
  readonly orgId: string;
  first: string;
  events: number;
}

interface BillRating {
  readonly bill: Bill;
  /** It, and those that it rested on when it was made. */
  readonly together: readonly Bill[];
  readonly rating: RatingBegun;
}

export function openProof(records: Records): Proof {
  const catalogues = new Map<Sequence, Catalogue>();
  const sources = new Map<string, EventSource>();
  const periods = new Map<string, Period[]>();
  const billings = new Map<string, BillingRecord>();
  /** By organisation and period. */
  const forgotten = new Map<string, Forgotten>();
  const counts = { eventsInvoiced: 0, eventsOpen: 0, eventsVoided: 0 };
  const problems: string[] = [];

  function catalogueOf(sequence: Sequence): Catalogue {
    const catalogue = catalogues.get(sequence) ?? compileAsOf(records, sequence);
    catalogues.set(sequence, catalogue);
    return catalogue;
  }

  function sourceOf(orgId: string): EventSource {
    const source = sources.get(orgId) ?? openEventSource(records, orgId);
    sources.set(orgId, source);
    return source;
  }

  for (const { orgId, value } of recordsOf<UsagePeriodRecord>(records, 'usage_period')) {
    const span = { startMs: value.start_ms, endMs: value.end_ms };
    const ratings = [...value.bills, ...value.voided_bills]
      .sort((a, b) => a.number - b.number)
      .map((bill) => {
        const source = sourceOf(orgId).upTo(bill.through_sequence);
        const catalogue = catalogueOf(bill.catalogue_sequence);
        const together = withItsBase(value, bill);
        return {
          bill,
          together,
          rating: ratingOf(orgId, value, bill, together, catalogue, source),
        };
      });
    const own = periods.get(orgId) ?? [];
    periods.set(orgId, own);
    own.push({ orgId, span, value, ratings });
  }
  for (const own of periods.values()) own.sort((a, b) => a.span.startMs - b.span.startMs);

  function billingOf(orgId: string): BillingRecord | undefined {
    const known = billings.get(orgId);
    if (known !== undefined) return known;
    const value = records.get('billing', orgId, '')?.value;
    if (value === undefined) return undefined;
    const billing = JSON.parse(value) as BillingRecord;
    billings.set(orgId, billing);
    return billing;
  }

  /** Its period was closed with it, and it is on no bill. */
  function isForgotten(
    { orgId, eventTimeMs }: RecordEntry,
    sequence: Sequence,
    period: Period | undefined,
  ): boolean {
    const billing = billingOf(orgId);
    if (billing === undefined || eventTimeMs >= billing.closed_to_ms) return false;
    if (sequence > billing.through_sequence) return false;
    if (records.get('correction', orgId, `${sequence}`) !== undefined) return false;
    // With its last bill voided it waits for the next closing.
    const { bills = [], voided_bills: voided = [] } = period?.value ?? {};
    const last = Math.max(0, ...bills.map(({ number }) => number));
    return !voided.some(({ number }) => number > last);
  }

  function place(entry: RecordEntry, sequence: Sequence): void {
    const period = find(periods.get(entry.orgId) ?? [], entry.eventTimeMs);
    const bills = period?.value.bills ?? [];
    const within = bills.filter(({ ranges }) => ranges.some((r) => holds(r, entry.eventTimeMs)));
    const through = Math.max(0, ...bills.map(({ through_sequence }) => through_sequence));
    const isBilled = within.length > 0 && through >= sequence;
    if (isBilled) {
      counts.eventsInvoiced++;
      // Another may have come in its place that changed nothing, so no bill was made of the two.
      if (wasCorrectedAfter(entry.orgId, sequence, through)) note(period, entry, -1);
    } else if (period?.value.voided.some((r) => holds(r, entry.eventTimeMs))) counts.eventsVoided++;
    else {
      counts.eventsOpen++;
      if (isForgotten(entry, sequence, period)) note(period, entry, 1);
    }
  }

  function wasCorrectedAfter(orgId: string, sequence: Sequence, through: Sequence): boolean {
    return records.sequence('correction', orgId, `${sequence}`) > through;
  }

  function note(period: Period | undefined, { orgId, eventId }: RecordEntry, events: number): void {
    const key = `${orgId}\u0004${period?.span.startMs ?? ''}`;
    const known = forgotten.get(key) ?? { orgId, first: '', events: 0 };
    forgotten.set(key, known);
    known.events += events;
    if (events > 0 && known.first === '') known.first = eventId;
  }

  return {
    add(entry, sequence, crc) {
      sources.get(entry.orgId)?.add(entry, sequence, crc);
      place(entry, sequence);
    },
    async finish() {
      const invoices = new Map<string, InvoiceDocument>();
      for (const { id, value } of recordsOf<InvoiceDocument>(records, 'invoice')) {
        invoices.set(id, value);
      }
      let bills = 0;
      for (const period of [...periods.values()].flat()) {
        bills += period.ratings.length;
        problems.push(...(await compare(period, invoices)));
      }
      for (const { orgId, first, events } of forgotten.values()) {
        if (events <= 0) continue;
        problems.push(
          `organisation "${orgId}": ${events} events of a closed period are on no invoice, ` +
            `the first is ${JSON.stringify(first)}`,
        );
      }
      problems.push(...checkInvoices([...invoices.values()], records));
      return { invoices: invoices.size, bills, ...counts, problems };
    },
  };
}

function holds(range: { start_ms: number; end_ms: number }, atMs: number): boolean {
  return atMs >= range.start_ms && atMs < range.end_ms;
}

/** The period that holds `atMs`, by bisection. */
function find(periods: readonly Period[], atMs: number): Period | undefined {
  let low = 0;
  let high = periods.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((periods[middle] as Period).span.startMs <= atMs) low = middle + 1;
    else high = middle;
  }
  const found = periods[low - 1];
  return found !== undefined && atMs < found.span.endMs ? found : undefined;
}

function withItsBase(
  { bills, voided_bills }: UsagePeriodRecord,
  { number }: Bill,
): readonly Bill[] {
  const voided = voided_bills.filter(({ before }) => before > number);
  return [...bills, ...voided].filter((each) => each.number <= number);
}

/** Everything that a bill covers with those before it. */
function ratingOf(
  orgId: string,
  value: UsagePeriodRecord,
  bill: Bill,
  together: readonly Bill[],
  catalogue: Catalogue,
  source: ReturnType<EventSource['upTo']>,
): RatingBegun {
  const period = { startMs: value.start_ms, endMs: bill.end_ms };
  const ranges = joinRanges(together.flatMap((each) => each.ranges.map(toInterval)));
  const through = bill.through_sequence;
  return beginRatingFrom(
    source,
    {
      orgId,
      period,
      whole: { startMs: value.whole_start_ms, endMs: value.whole_end_ms },
      ranges,
      isAll: isWhole(period, ranges),
      trial: value.tenure.trial,
      zone: value.tenure.zone,
      catalogue,
      plan: catalogue.plan(value.plan, bill.plan_version) ?? catalogue.defaultPlan,
    },
    through,
  );
}

async function compare(
  { orgId, span, value, ratings }: Period,
  invoices: ReadonlyMap<string, InvoiceDocument>,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const name = `organisation "${orgId}", period from ${new Date(span.startMs).toISOString()}`;
  for (const [i, { bill, together, rating }] of ratings.entries()) {
    const invoice = invoices.get(bill.invoice_id);
    if (invoice === undefined) problems.push(`${name}: invoice ${bill.invoice_id} is not there`);
    const billed = new Map<string, bigint>();
    for (const { key, amount } of together.flatMap(({ lines: own }) => own)) {
      billed.set(key, (billed.get(key) ?? 0n) + BigInt(amount));
    }
    const lines = await rating.finish();
    const isLast = i === ratings.length - 1;
    problems.push(...differences(name, bill, lines, billed));
    if (invoice !== undefined && isLast) problems.push(...proofs(name, value, invoice, lines));
  }
  return problems;
}

/** What was billed so far is what the usage comes to. */
function differences(
  name: string,
  { invoice_id: id }: Bill,
  lines: readonly LineDocument[],
  billed: ReadonlyMap<string, bigint>,
): readonly string[] {
  const due = new Map(lines.map(({ key, amount }) => [key, BigInt(amount)]));
  const keys = new Set([...due.keys(), ...billed.keys()]);
  return [...keys].flatMap((key) => {
    const own = billed.get(key) ?? 0n;
    const should = due.get(key) ?? 0n;
    if (own === should) return [];
    const what = key.replaceAll('\u0003', ' ').replaceAll('\u0002', '=');
    return [`${name}, invoice ${id}: ${what} was billed ${own} and comes to ${should} minor units`];
  });
}

/** A line's count and hash are those of its events. */
function proofs(
  name: string,
  { bills, start_ms, end_ms }: UsagePeriodRecord,
  invoice: InvoiceDocument,
  lines: readonly LineDocument[],
): readonly string[] {
  if (bills.length !== 1) return [];
  const byKey = new Map(lines.map((line) => [line.key, line]));
  return invoice.lines.flatMap((line) => {
    // The invoice may have the same line of another period.
    const isOf = line.kind === 'USAGE' && line.start_ms >= start_ms && line.end_ms <= end_ms;
    const own = isOf ? byKey.get(line.key) : undefined;
    if (own === undefined || (own.hash === line.hash && own.events === line.events)) return [];
    return [
      `${name}, invoice ${invoice.invoice_id}: ${line.description} names ${line.events} events ` +
        `with hash ${line.hash}, the journal has ${own.events} with ${own.hash}`,
    ];
  });
}
