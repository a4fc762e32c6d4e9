// What is sent on a stream and not acknowledged, in order. A new stream numbers it from 1 again.

import type { EventResult } from '../../../generated/ts/tollgate/v1/event_result.js';
import type { RecordStreamResponse } from '../../../generated/ts/tollgate/v1/metering_service.js';
import { type Decision, decisionOf, RECORDED } from './outcome.js';
import type { Item } from './sender.js';

export interface UnackedWindow {
  readonly size: () => number;
  readonly push: (item: Item) => void;
  /** Forgets the numbers given; what is held is to be written anew. */
  readonly restart: () => readonly Item[];
  /** The `client_sequence` of the next item to be written: items are written in order. */
  readonly number: () => bigint;
  /** Decides what the server acknowledges; gives how many items that were. */
  readonly acknowledge: (response: RecordStreamResponse) => number;
}

export function openUnackedWindow(
  onDecided: (item: Item, decision: Decision) => void,
): UnackedWindow {
  const items: Item[] = [];
  const listed = new Map<bigint, EventResult>();
  /** Numbers of `items[0]` and of the next item to be written. */
  let first = 1;
  let next = 1;
  return {
    size: () => items.length,
    push(item) {
      items.push(item);
    },
    restart() {
      first = next = 1;
      // Results that came ahead of their acknowledgement carry the old stream's numbers.
      listed.clear();
      return items;
    },
    number: () => BigInt(next++),
    acknowledge(response) {
      for (const result of response.results) listed.set(result.clientSequence, result);
      const acked = Math.min(Number(response.ackedSequence), next - 1) - first + 1;
      if (acked <= 0) return 0;
      for (const item of items.splice(0, acked)) {
        const sequence = BigInt(first++);
        const result = listed.get(sequence);
        listed.delete(sequence);
        onDecided(item, result === undefined ? RECORDED : decisionOf(result));
      }
      return acked;
    },
  };
}
