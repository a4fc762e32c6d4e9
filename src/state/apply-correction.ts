// An event is taken back: out of its totals, its counters and, where it was a source's last level,
// out of the levels. The journal keeps it; the record of the correction marks it.

import { assert, present } from '../base/assert.js';
import { DAY_MS } from '../base/units.js';
import type { SpendCorrectionRecord } from '../domain/invoicing/spend.js';
import type { Cell, Level } from '../domain/metering/cell.js';
import type { CorrectionRecord, LevelDocument } from '../domain/metering/correction.js';
import { SPEND, spendRollup } from '../domain/metering/spend.js';
import type { Account } from './account.js';
import type { Accounts } from './accounts.js';
import { seenMark, windowOf } from './counter.js';
import { labelText, QUARTER_MS } from './label-text.js';
import { type Bucket, keys, LABEL_SETS_PER_PAGE, type Tables } from './tables.js';

export const CORRECTION = 'correction';

export function applyCorrection(
  tables: Tables,
  accounts: Accounts,
  record: CorrectionRecord,
): Account {
  const { spend, ...own } = record;
  if (spend !== undefined) {
    const rollup = spendRollup(record.meter);
    applyOne(tables, accounts, { ...own, ...SPENT, ...spend, rollup });
  }
  return applyOne(tables, accounts, own);
}

const SPENT = { meter: SPEND, aggregation: 'SUM', subject: '' } as const;

/** Of one meter. */
function applyOne(tables: Tables, accounts: Accounts, record: CorrectionRecord): Account {
  const of = present(accounts.account(record.org_id), 'the organisation of a correction');
  accounts.meterAccount(of, record.meter).changes++;
  const set = accounts.labelSet(of, record.meter, labelText(record.rollup));
  const { id } = present(set, 'the label set of a corrected event');
  const at = { tables, of, id, record };
  takeFrom(at, 'day', DAY_MS, record.day_max, record.day_level);
  takeFrom(at, 'quarter', QUARTER_MS, record.quarter_max, record.quarter_level);
  if (record.level_now !== undefined) applyLevelNow(tables, of, record);
  for (const change of record.counters) {
    const { combination, scope_values: scopeValues, window_start_ms: startMs } = change;
    const counter = accounts.counter(of, record.meter, combination, scopeValues);
    const window = counter && windowOf(counter, startMs);
    if (counter === undefined || window === undefined) continue;
    tables.counters.touch(counter);
    window.used += BigInt(change.delta);
    // Money may be negative: what fewer things cost less.
    const isValid = window.used >= 0n || record.meter === SPEND;
    assert(isValid, 'no more is taken back than was counted');
    if (!change.unseen) continue;
    const { number } = of.organisation;
    const key = keys.seen(number, record.meter, combination, scopeValues, record.subject);
    const seen = tables.seen.get(key);
    if (seen === undefined) continue;
    tables.seen.touch(seen);
    seen.marks = seen.marks.filter((mark) => mark !== seenMark(window));
  }
  return of;
}

export const SPEND_CORRECTION = 'spend_correction';

/** Budgets get what an invoice came to beyond what they had counted. */
export function applySpendCorrection(
  tables: Tables,
  accounts: Accounts,
  orgId: string,
  { counters }: SpendCorrectionRecord,
): void {
  const of = present(accounts.account(orgId), 'the organisation of an invoice');
  for (const { combination, window_start_ms: startMs, delta } of counters) {
    const counter = accounts.counter(of, SPEND, combination, '');
    const window = counter && windowOf(counter, startMs);
    if (counter === undefined || window === undefined) continue;
    tables.counters.touch(counter);
    window.used += BigInt(delta);
  }
}

interface At {
  readonly tables: Tables;
  readonly of: Account;
  readonly id: number;
  readonly record: CorrectionRecord;
}

function takeFrom(
  { tables, of, id, record }: At,
  bucket: Bucket,
  lengthMs: number,
  max: string | null | undefined,
  level: LevelDocument | null | undefined,
): void {
  const startMs = Math.floor(record.event_time_ms / lengthMs) * lengthMs;
  const number = Math.floor(id / LABEL_SETS_PER_PAGE);
  const key = keys.page(of.organisation.number, record.meter, bucket, startMs, number);
  const page = present(tables.pages.get(key), 'the totals of a corrected event');
  tables.pages.touch(page);
  const cell = present(page.cells.get(id), 'the cell of a corrected event');
  cell.count--;
  assert(cell.count >= 0, 'no event is taken back twice');
  cell.hashLow = (cell.hashLow - record.hash_low) | 0;
  cell.hashHigh = (cell.hashHigh - record.hash_high) | 0;
  takeValue(cell, record, max, level);
}

function takeValue(
  cell: Cell,
  { aggregation, quanta, subject }: CorrectionRecord,
  max: string | null | undefined,
  level: LevelDocument | null | undefined,
): void {
  switch (aggregation) {
    case 'SUM':
    case 'COUNT':
      cell.quanta -= BigInt(quanta);
      return;
    case 'MAX':
      if (max !== undefined) cell.quanta = BigInt(max ?? 0);
      return;
    case 'LAST':
      if (level === null) cell.levels?.delete(subject);
      else if (level !== undefined) cell.levels?.set(subject, toLevel(level));
      return;
    case 'UNIQUE': {
      const left = (cell.values?.get(subject) ?? 1) - 1;
      if (left === 0) cell.values?.delete(subject);
      else cell.values?.set(subject, left);
    }
  }
}

function applyLevelNow(tables: Tables, of: Account, record: CorrectionRecord): void {
  const levels = tables.levels.get(keys.levels(of.organisation.number, record.meter));
  if (levels === undefined) return;
  tables.levels.touch(levels);
  const { subject, level_now: next } = record;
  levels.total -= levels.sources.get(subject)?.quanta ?? 0n;
  if (next === null || next === undefined) levels.sources.delete(subject);
  else {
    const level = toLevel(next);
    levels.sources.set(subject, { ...level, labels: next.labels });
    levels.total += level.quanta;
  }
}

function toLevel({ time_ms, sequence, quanta }: LevelDocument): Level {
  return { timeMs: time_ms, sequence, quanta: BigInt(quanta) };
}
