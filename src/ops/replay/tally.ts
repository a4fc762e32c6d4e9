// What became of the events, counted as the server decides.

import type { Clock } from '../../base/clock.js';
import { type LatencyHistogram, openLatencyHistogram } from './latency.js';
import { type Decision, isSuccess, type OutcomeName } from './outcome.js';
import type { Item } from './sender.js';

export interface Tally {
  /** An event is about to be handed to the server; gives the time that its latency runs from. */
  readonly onSent: () => number;
  readonly onResent: (count: number) => void;
  readonly onDecided: (item: Item, decision: Decision) => void;
  readonly sent: () => number;
  readonly resent: () => number;
  readonly decided: () => number;
  readonly count: (outcome: OutcomeName) => number;
  readonly latency: LatencyHistogram;
  /** From the first event handed over to the last decision. */
  readonly seconds: () => number;
}

/** So many refused events are told one by one; a whole file of them would tell no more. */
const TOLD_MAX = 5;

export function openTally(clock: Clock, tell: (line: string) => void): Tally {
  const latency = openLatencyHistogram();
  const counts = new Map<OutcomeName, number>();
  let sent = 0;
  let resent = 0;
  let decided = 0;
  let told = 0;
  let startMs = 0;
  let endMs = 0;
  return {
    onSent() {
      const nowMs = clock.monotonicMs();
      if (sent++ === 0) startMs = endMs = nowMs;
      return nowMs;
    },
    onResent(count) {
      resent += count;
    },
    onDecided(item, { outcome, message }) {
      decided++;
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      endMs = clock.monotonicMs();
      latency.observe(endMs - item.startMs);
      if (isSuccess(outcome) || outcome === 'denied' || told >= TOLD_MAX) return;
      const last = ++told === TOLD_MAX ? ' (further ones are only counted)' : '';
      tell(`row ${item.row}, event ${item.event.eventId}: ${outcome}: ${message}${last}`);
    },
    sent: () => sent,
    resent: () => resent,
    decided: () => decided,
    count: (outcome) => counts.get(outcome) ?? 0,
    latency,
    seconds: () => (endMs - startMs) / 1000,
  };
}
