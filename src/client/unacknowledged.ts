// Events handed over and not yet acknowledged, in order. Each has a place, which never changes;
// places and the numbers on a stream differ by where that stream began.

import type { EventResult } from '../../generated/ts/tollgate/v1/event_result.js';
import type { UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import type { MonotonicMs } from '../base/units.js';
import type { TollgateError } from './errors.js';
import type { OnTrouble } from './trouble.js';
import { fromResult, isCounted, type Recorded } from './usage.js';

export interface Entry {
  readonly event: UsageEvent;
  /** When it was handed over. */
  readonly startMs: MonotonicMs;
  readonly resolve: (recorded: Recorded) => void;
  readonly reject: (error: TollgateError) => void;
  /** True once the caller was told BUFFERED: the promise is spent. */
  answered: boolean;
  /** Outcome other than RECORDED; it holds once the acknowledgement covers it. */
  result: EventResult | undefined;
}

/** What all streams of a client share. */
export interface Room {
  used: number;
  readonly max: number;
}

export interface Unacknowledged {
  /** Place of the oldest event. */
  readonly first: () => number;
  /** Place of the next event to come. */
  readonly end: () => number;
  readonly at: (place: number) => Entry | undefined;
  readonly push: (entry: Entry) => void;
  /** All before `place` are decided. */
  readonly acknowledge: (place: number) => void;
  /** Tells callers of those before `place` that they are BUFFERED; they stay. */
  readonly answerBefore: (place: number) => void;
  /** A new stream decides all anew. */
  readonly forgetResults: () => void;
  /** Takes out those before `place`, or those for which `concerns` holds. */
  readonly rejectBefore: (place: number, error: TollgateError) => void;
  readonly rejectWhere: (concerns: (entry: Entry) => boolean, error: TollgateError) => void;
  /** Resolves once all that was pushed so far has left. */
  readonly drained: () => Promise<void>;
}

export function openUnacknowledged(room: Room, onTrouble: OnTrouble): Unacknowledged {
  let entries: Entry[] = [];
  let first = 0;
  const drains: { readonly place: number; readonly resolve: () => void }[] = [];

  const end = () => first + entries.length;

  function settle(entry: Entry): void {
    const { event, result } = entry;
    const recorded: Recorded =
      result === undefined
        ? { outcome: 'RECORDED', eventId: event.eventId, degraded: false }
        : fromResult(result);
    if (!entry.answered) entry.resolve(recorded);
    else if (!isCounted(recorded)) drop(event, recorded.outcome, recorded.message ?? '');
  }

  function reject(entry: Entry, error: TollgateError): void {
    if (entry.answered) drop(entry.event, error.code, error.message);
    else entry.reject(error);
  }

  function drop({ orgId, eventId }: UsageEvent, code: string, message: string): void {
    onTrouble({ kind: 'dropped', orgId, eventId, code, message });
  }

  function leave(count: number): void {
    entries.splice(0, count);
    first += count;
    left(count);
  }

  function left(count: number): void {
    room.used -= count;
    while (drains[0] !== undefined && drains[0].place <= first) drains.shift()?.resolve();
  }

  return {
    first: () => first,
    end,
    at: (place) => entries[place - first],
    push(entry) {
      entries.push(entry);
      room.used++;
    },
    acknowledge(place) {
      const count = Math.min(place, end()) - first;
      if (count <= 0) return;
      for (let i = 0; i < count; i++) settle(entries[i] as Entry);
      leave(count);
    },
    answerBefore(place) {
      for (let i = 0; i < place - first; i++) {
        const entry = entries[i] as Entry;
        if (entry.answered) continue;
        entry.answered = true;
        entry.resolve({ outcome: 'BUFFERED', eventId: entry.event.eventId, degraded: true });
      }
    },
    forgetResults() {
      for (const entry of entries) entry.result = undefined;
    },
    rejectBefore(place, error) {
      const count = Math.max(0, Math.min(place, end()) - first);
      for (let i = 0; i < count; i++) reject(entries[i] as Entry, error);
      leave(count);
    },
    rejectWhere(concerns, error) {
      const kept = entries.filter((entry) => !concerns(entry));
      for (const entry of entries) if (concerns(entry)) reject(entry, error);
      const count = entries.length - kept.length;
      // Those that stay keep their order and take the last places, so that no place is used twice.
      first += count;
      entries = kept;
      left(count);
    },
    drained() {
      const place = end();
      if (place <= first) return Promise.resolve();
      return new Promise((resolve) => drains.push({ place, resolve }));
    },
  };
}
