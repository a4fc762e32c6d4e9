import type { Entry } from '../journal/entry.js';
import type { Appended, Journal } from '../journal/journal.js';
import type { Fold, Hint } from './fold.js';

export interface Committing {
  readonly journal: Journal;
  readonly fold: Fold;
}

/** Journals a fact and makes it part of the state, in one step. */
export function commit({ journal, fold }: Committing, entry: Entry, hint?: Hint): Appended {
  const appended = journal.append(entry);
  fold.apply(entry, appended.sequence, appended.crc, hint);
  fold.index(entry, appended.sequence, hint);
  return appended;
}
