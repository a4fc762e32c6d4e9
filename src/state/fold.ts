// The fold: what the journal's entries add up to. `apply` reads nothing but the entry and the
// state, so replay gives the same state again (I2). Answers are read from here; only `apply`
// changes it.

import { assert, present, unreachable } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import { DAY_MS, type EpochMs, type Sequence } from '../base/units.js';
import type { SpendCorrectionRecord } from '../domain/invoicing/spend.js';
import { rememberingInterval } from '../domain/metering/calendar.js';
import { addEvent, type Cell, emptyCell } from '../domain/metering/cell.js';
import type { CorrectionRecord } from '../domain/metering/correction.js';
import type { CatalogueDocument } from '../domain/plans/document.js';
import {
  BOOKKEEPER,
  type CatalogueEntry,
  type EndEntry,
  type Entry,
  type HoldItem,
  type LedgerEntry,
  type LedgerWrite,
  type RecordEntry,
} from '../journal/entry.js';
import { CHAIN_START } from '../journal/ledger-codec.js';
import { spendEntry } from '../journal/spend-entry.js';
import type { Account, CellPointer, MeterAccount } from './account.js';
import { type Accounts, openAccounts } from './accounts.js';
import {
  applyCorrection,
  applySpendCorrection,
  CORRECTION,
  SPEND_CORRECTION,
} from './apply-correction.js';
import { type CatalogueState, openCatalogueState } from './catalogue-state.js';
import { applyChange, seenMark } from './counter.js';
import { addedCounters } from './hold-rules.js';
import { type Holds, openHolds } from './holds.js';
import { eventIdKey, requestIdKey, reservationIdKey } from './id-key.js';
import { importWrites, organisationWrites } from './import-writes.js';
import type { Indexes } from './index/indexes.js';
import { applyBilling, BILLING, closedTo, noteChanged } from './invoiced.js';
import { kept } from './kept.js';
import { labelText, QUARTER_MS } from './label-text.js';
import { AUDIT, auditId, openRecords, type Records } from './records.js';
import { saveNote } from './save-note.js';
import type { Store } from './store.js';
import { applyLevel, markSeen } from './subjects.js';
import { type Bucket, keys, LABEL_SETS_PER_PAGE, openTables, type Tables } from './tables.js';
import { type Hold, type LabelSet, NONE_CHANGED, type Page } from './values.js';

/** What the caller found already, so that applying need not look again. */
export interface Hint {
  readonly idKey: Uint32Array;
  readonly account: Account | undefined;
  readonly labelSet: LabelSet | undefined;
}

export interface Fold extends Omit<Accounts, 'counterToChange'>, Omit<CatalogueState, 'changed'> {
  readonly tables: Tables;
  readonly holds: Holds;
  /** The ledger's. */
  readonly records: Records;
  /** SHA-256 over all ledger entries so far. */
  readonly chain: () => string;
  readonly organisations: () => number;
  readonly page: (
    organisation: number,
    meter: string,
    bucket: Bucket,
    startMs: EpochMs,
    pageNumber: number,
  ) => Page | undefined;
  /** Makes the entry part of the state. */
  readonly apply: (entry: Entry, sequence: Sequence, crc: number, hint?: Hint) => void;
  /** Adds the entry's ids to the indexes only: replay of what LMDB covers already. */
  readonly index: (entry: Entry, sequence: Sequence, hint?: Hint) => void;
}

export function openFold(store: Store, indexes: Indexes, clock: Clock): Fold {
  const tables = openTables(store);
  const holds = openHolds(tables.holds, clock);
  const accounts = openAccounts(tables);
  const { account, meterAccount, counter, counterToChange, labelSet, levels } = accounts;
  const records = openRecords(tables);
  const catalogues = openCatalogueState(tables, records);
  const organisationCount = tables.notes.get(keys.organisations);
  let organisations = organisationCount?.version ?? 0;
  const monthAt = rememberingInterval('MONTH');

  /** The id of the entry's label set; new ones are counted in the month of the event. */
  function labelSetToUse(
    of: Account,
    at: MeterAccount,
    entry: RecordEntry,
    found: LabelSet | undefined,
  ): number {
    const { series } = at;
    const monthMs = monthAt(entry.eventTimeMs).startMs;
    if (found !== undefined && found.monthMs >= monthMs) return found.id;
    const text = labelText(entry.rollup);
    const { number } = of.organisation;
    const known = labelSet(of, entry.meter, text);
    if (known !== undefined && known.monthMs >= monthMs) return known.id;
    tables.series.touch(series);
    if (monthMs > series.monthMs) {
      series.monthMs = monthMs;
      series.labelSetsInMonth = 0;
    }
    series.labelSetsInMonth++;
    if (known !== undefined) {
      tables.labelSets.touch(known);
      known.monthMs = monthMs;
      return known.id;
    }
    const id = series.labelSets++;
    const { meter, rollup: labels } = entry;
    tables.labelSets.add({ key: keys.labelSet(number, meter, text), ...kept(), id, monthMs });
    // Without a name a set has no labels.
    if (labels.length > 0) {
      tables.labelNames.add({ key: keys.labelName(number, meter, id), ...kept(), labels });
    }
    return id;
  }

  function cellToChange(
    pointer: CellPointer | undefined,
    of: Account,
    meter: string,
    kind: Bucket,
    bucket: number,
    labelSet: number,
  ): CellPointer {
    if (
      pointer?.page.live &&
      pointer.bucket === bucket &&
      pageOf(pointer.labelSet) === pageOf(labelSet)
    ) {
      const { page } = pointer;
      page.used = true;
      tables.pages.touch(page);
      if (pointer.labelSet === labelSet) return pointer;
      return { bucket, labelSet, page, cell: cellOf(page, labelSet) };
    }
    const startMs = bucket * BUCKET_MS[kind];
    const key = keys.page(of.organisation.number, meter, kind, startMs, pageOf(labelSet));
    let page = tables.pages.get(key);
    if (page === undefined) page = tables.pages.add({ key, ...kept(), cells: new Map() });
    else tables.pages.touch(page);
    return { bucket, labelSet, page, cell: cellOf(page, labelSet) };
  }

  function applyRecord(
    entry: RecordEntry,
    sequence: Sequence,
    crc: number,
    hint: Hint | undefined,
  ): void {
    const idKey = hint?.idKey ?? eventIdKey(entry.orgId, entry.eventId);
    const of = present(hint?.account ?? account(entry.orgId), 'the organisation of an event');
    const { meter, eventTimeMs } = entry;
    const at = meterAccount(of, meter);
    const id = labelSetToUse(of, at, entry, hint?.labelSet);
    const day = Math.floor(eventTimeMs / DAY_MS);
    const quarter = Math.floor(eventTimeMs / QUARTER_MS);
    at.day = cellToChange(at.day, of, meter, 'day', day, id);
    at.quarter = cellToChange(at.quarter, of, meter, 'quarter', quarter, id);
    const hashLow = (idKey[0] as number) ^ crc;
    const hashHigh = ((idKey[1] as number) + crc) | 0;
    addEvent(at.day.cell, entry, sequence, hashLow, hashHigh);
    addEvent(at.quarter.cell, entry, sequence, hashLow, hashHigh);
    widen(at, quarter * QUARTER_MS);
    at.changes++;
    noteChanged(tables, of.organisation, eventTimeMs, sequence);
    if (entry.aggregation === 'LAST') applyLevel(tables, of, at, entry, sequence);
    applyCounters(of, entry, sequence);
    const spent = spendEntry(entry);
    if (spent !== undefined) {
      applyRecord(spent, sequence, crc, { idKey, account: of, labelSet: undefined });
    }
  }

  function widen(at: MeterAccount, quarterMs: EpochMs): void {
    const { series } = at;
    if (quarterMs >= series.firstMs && quarterMs <= series.lastMs) return;
    tables.series.touch(series);
    series.firstMs = Math.min(series.firstMs, quarterMs);
    series.lastMs = Math.max(series.lastMs, quarterMs);
  }

  function applyCounters(of: Account, entry: RecordEntry, sequence: Sequence): void {
    const { meter } = entry;
    const { number } = of.organisation;
    const raised = entry.counters.map((change) => {
      const { combination, scopeValues } = change;
      const target = counterToChange(of, meter, combination, scopeValues);
      const window = applyChange(target, change, entry, sequence);
      if (entry.aggregation === 'UNIQUE') {
        const marks = target.windows.map(seenMark);
        const key = keys.seen(number, meter, combination, scopeValues, entry.subject);
        markSeen(tables, key, seenMark(window), marks);
      }
      return window;
    });
    for (const { counter: index, percent, limit } of entry.thresholds) {
      const window = present(raised[index], 'the counter of a threshold');
      if (window.raisedLimit !== limit) {
        window.raised = [];
        window.raisedLimit = limit;
      }
      window.raised.push(percent);
    }
  }

  function applyCatalogue({ document, atMs }: CatalogueEntry, sequence: Sequence): void {
    const file = JSON.parse(document) as CatalogueDocument;
    applyWrites(importWrites(records, file, atMs), atMs, sequence);
  }

  function applyLedger(entry: LedgerEntry, sequence: Sequence): void {
    applyWrites(entry.writes, entry.atMs, sequence);
    if (entry.actor !== BOOKKEEPER) {
      records.append(AUDIT, entry.orgId, auditId(sequence, catalogues.catalogue()?.version ?? 0));
    }
    saveNote(tables, keys.chain, 0, entry.chain);
  }

  function applyWrites(writes: readonly LedgerWrite[], atMs: EpochMs, sequence: Sequence): void {
    for (const write of writes) {
      records.put(write, sequence);
      if (write.kind === BILLING) applyBilling(tables, records, write, sequence);
      if (write.kind === CORRECTION) applyVoid(write, sequence);
      if (write.kind === SPEND_CORRECTION && write.value !== '') {
        const record = JSON.parse(write.value) as SpendCorrectionRecord;
        applySpendCorrection(tables, accounts, write.orgId, record);
      }
    }
    const changed = catalogues.changed(writes, atMs, organisations === 0, sequence);
    if (changed === 'nothing') return;
    const touched = new Set(writes.map(({ orgId }) => orgId));
    for (const hold of holds.all()) {
      if (changed === 'everything' || touched.has(hold.orgId)) reserveInNewRules(hold);
    }
  }

  function applyVoid({ value }: LedgerWrite, sequence: Sequence): void {
    const record = JSON.parse(value) as CorrectionRecord;
    const { organisation } = applyCorrection(tables, accounts, record);
    noteChanged(tables, organisation, record.event_time_ms, sequence);
  }

  function applyOrganisation(orgId: string, number: number, atMs: EpochMs, at: Sequence): void {
    const closedToMs = closedTo(records, orgId);
    const nothing = { changedFromMs: NONE_CHANGED, changedSequence: 0 };
    const key = keys.organisation(orgId);
    tables.organisations.add({ key, ...kept(), orgId, number, closedToMs, ...nothing });
    organisations = number;
    saveNote(tables, keys.organisations, number, '');
    for (const write of organisationWrites(records, orgId, atMs)) records.put(write, at);
  }

  function reserveInNewRules(hold: Hold): void {
    const { catalogue, overrides } = catalogues.terms(hold.orgId);
    const counters = addedCounters(hold.items, overrides, catalogue);
    const added = hold.items.map(({ meter }, i) => ({ meter, counters: counters[i] ?? [] }));
    if (added.every(({ counters }) => counters.length === 0)) return;
    changeReserved(hold.orgId, added, 1n);
    const items = hold.items.map((item, i) => {
      return { ...item, counters: [...item.counters, ...(added[i]?.counters ?? [])] };
    });
    holds.put({ ...hold, items });
  }

  function changeReserved(
    orgId: string,
    items: readonly Pick<HoldItem, 'meter' | 'counters'>[],
    sign: 1n | -1n,
  ): void {
    const of = present(account(orgId), 'the organisation of a hold');
    for (const item of items) {
      meterAccount(of, item.meter);
      for (const { combination, scopeValues, reserved } of item.counters) {
        const target = counterToChange(of, item.meter, combination, scopeValues);
        target.reserved += sign * reserved;
        assert(target.reserved >= 0n, 'no more is freed than was reserved');
      }
    }
  }

  function applyEnd(entry: EndEntry): void {
    const { orgId, reservationId } = entry;
    const hold = holds.find(orgId, reservationId);
    if (hold === undefined) {
      assert(entry.kind === 'settle' && entry.late, 'only a late settlement finds no hold');
      return;
    }
    changeReserved(orgId, hold.items, -1n);
    holds.remove(orgId, reservationId);
  }

  function index(entry: Entry, sequence: Sequence, hint?: Hint): void {
    switch (entry.kind) {
      case 'record': {
        const of = present(hint?.account ?? account(entry.orgId), 'the organisation of an event');
        const key = hint?.idKey ?? eventIdKey(entry.orgId, entry.eventId);
        indexes.addId(key, entry.fingerprint, sequence, entry.atMs);
        indexes.addEvent(of.organisation.number, entry.eventTimeMs, sequence);
        return;
      }
      case 'ledger': {
        if (entry.requestId === '') return;
        const key = requestIdKey(entry.requestId);
        indexes.addId(key, entry.fingerprint, sequence, entry.atMs);
        return;
      }
      case 'settle':
      case 'release':
      case 'expire': {
        const key = reservationIdKey(entry.orgId, entry.reservationId);
        indexes.addId(key, entry.fingerprint, sequence, entry.atMs);
        return;
      }
      default:
    }
  }

  function apply(entry: Entry, sequence: Sequence, crc: number, hint?: Hint): void {
    switch (entry.kind) {
      case 'record':
        applyRecord(entry, sequence, crc, hint);
        return;
      case 'catalogue':
        applyCatalogue(entry, sequence);
        return;
      case 'ledger':
        applyLedger(entry, sequence);
        return;
      case 'organisation':
        applyOrganisation(entry.orgId, entry.number, entry.atMs, sequence);
        return;
      case 'reserve': {
        const { atMs, ttlMs, kind, ...rest } = entry;
        changeReserved(entry.orgId, entry.items, 1n);
        holds.put({ ...rest, sequence, createdMs: atMs, expiresMs: atMs + ttlMs });
        return;
      }
      case 'extend': {
        const hold = present(holds.find(entry.orgId, entry.reservationId), 'the extended hold');
        holds.put({ ...hold, expiresMs: entry.atMs + entry.ttlMs });
        return;
      }
      case 'settle':
      case 'release':
      case 'expire':
        applyEnd(entry);
        return;
      case 'denials':
        return;
      default:
        unreachable(entry);
    }
  }

  return {
    tables,
    holds,
    records,
    chain: () => tables.notes.get(keys.chain)?.text ?? CHAIN_START,
    catalogue: catalogues.catalogue,
    terms: catalogues.terms,
    catalogueAsOf: catalogues.catalogueAsOf,
    organisations: () => organisations,
    meterKind: catalogues.meterKind,
    countedSince: catalogues.countedSince,
    account,
    series: accounts.series,
    meterAccount,
    counter,
    labelSet,
    levels,
    page: (organisation, meter, bucket, startMs, number) =>
      tables.pages.get(keys.page(organisation, meter, bucket, startMs, number)),
    apply,
    index,
  };
}

const BUCKET_MS: Readonly<Record<Bucket, number>> = { day: DAY_MS, quarter: QUARTER_MS };

const pageOf = (labelSet: number) => Math.floor(labelSet / LABEL_SETS_PER_PAGE);

function cellOf(page: Page, id: number): Cell {
  const known = page.cells.get(id);
  if (known !== undefined) return known;
  const cell = emptyCell();
  page.cells.set(id, cell);
  return cell;
}
