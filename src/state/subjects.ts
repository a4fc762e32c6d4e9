// What an event's subject changes: a source's level (LAST), a value that was seen (UNIQUE).

import type { Sequence } from '../base/units.js';
import { isLater } from '../domain/metering/cell.js';
import type { RecordEntry } from '../journal/entry.js';
import type { Account, MeterAccount } from './account.js';
import { kept } from './kept.js';
import { keys, type Tables } from './tables.js';

/** `live`: the marks of the windows that the counter keeps; others are forgotten. */
export function markSeen(tables: Tables, key: string, mark: string, live: readonly string[]): void {
  const seen = tables.seen.get(key);
  if (seen === undefined) {
    tables.seen.add({ key, ...kept(), marks: [mark] });
    return;
  }
  if (seen.marks.includes(mark)) return;
  tables.seen.touch(seen);
  seen.marks = [mark, ...seen.marks.filter((each) => live.includes(each))];
}

export function applyLevel(
  tables: Tables,
  of: Account,
  at: MeterAccount,
  entry: RecordEntry,
  sequence: Sequence,
): void {
  if (!at.levels?.live) {
    const key = keys.levels(of.organisation.number, entry.meter);
    at.levels =
      tables.levels.get(key) ??
      tables.levels.add({ key, ...kept(), sources: new Map(), total: 0n });
  }
  const { subject, eventTimeMs: timeMs, quanta, labels } = entry;
  const before = at.levels.sources.get(subject);
  const level = { timeMs, sequence, quanta, labels };
  if (!isLater(level, before)) return;
  tables.levels.touch(at.levels);
  at.levels.sources.set(subject, level);
  at.levels.total += quanta - (before?.quanta ?? 0n);
}
