// Who watches an organisation's events as they become durable. Recording costs one comparison
// where nobody watches. Where somebody does, it costs a look-up, and for an organisation that is
// watched one waiter of the journal per batch, however many events and watchers there are.

import type { Sequence } from '../base/units.js';
import type { RecordEntry } from '../journal/entry.js';
import type { Journal } from '../journal/journal.js';
import { limits } from '../limits.js';
import { Refusal } from './refusal.js';

export interface WatchedEvent {
  readonly entry: RecordEntry;
  readonly sequence: Sequence;
}

export interface Watcher {
  readonly orgId: string;
  /**
   * What became durable, sequences ascending; the same array for each watcher of an organisation.
   * Must not throw: it runs among the replies of the batch.
   */
  readonly take: (events: readonly WatchedEvent[]) => void;
  /** The process stops. */
  readonly end: () => void;
}

export interface Watchers {
  /** How many there are; at 0 nothing need be noted. */
  count: number;
  /** An event that was committed. */
  readonly note: (entry: RecordEntry, sequence: Sequence) => void;
  /** Tells it of events that are committed from now on. Returns what takes it away again. */
  readonly add: (watcher: Watcher) => () => void;
  readonly endAll: () => void;
}

interface Watched {
  readonly watchers: Set<Watcher>;
  /** Of the batch that collects now. */
  noted: WatchedEvent[];
}

export function openWatchers(journal: Pick<Journal, 'atBoundary' | 'whenSynced'>): Watchers {
  const watched = new Map<string, Watched>();

  function tellOnceDurable(of: Watched): void {
    journal.atBoundary((sequence) => {
      const events = of.noted;
      of.noted = [];
      journal.whenSynced(sequence, () => {
        for (const watcher of [...of.watchers]) watcher.take(events);
      });
    });
  }

  function remove(watcher: Watcher, of: Watched): void {
    if (!of.watchers.delete(watcher)) return;
    self.count--;
    if (of.watchers.size === 0) watched.delete(watcher.orgId);
  }

  const self: Watchers = {
    count: 0,
    note(entry, sequence) {
      const of = watched.get(entry.orgId);
      if (of === undefined) return;
      const isFirst = of.noted.length === 0;
      of.noted.push({ entry, sequence });
      if (isFirst) tellOnceDurable(of);
    },
    add(watcher) {
      const of = watched.get(watcher.orgId) ?? { watchers: new Set(), noted: [] };
      if (self.count >= limits.watchers || of.watchers.size >= limits.watchersPerOrg) {
        const text = 'so many watch usage already; end some, or read it with ListUsageEvents';
        throw new Refusal('RESOURCE_EXHAUSTED', 'WATCHERS_EXHAUSTED', text);
      }
      watched.set(watcher.orgId, of);
      of.watchers.add(watcher);
      self.count++;
      return () => remove(watcher, of);
    },
    endAll() {
      for (const { watchers } of [...watched.values()]) {
        for (const watcher of [...watchers]) watcher.end();
      }
    },
  };
  return self;
}
