// Deliveries that wait to be sent, by endpoint, so that one endpoint's trouble is its own. A memory
// of what the ledger knows: it holds so many of each endpoint, and where there are more it knows
// from which place in the list of deliveries they are to be read.

import type { Clock } from '../../base/clock.js';
import type { EpochMs, MonotonicMs } from '../../base/units.js';
import type { DeliveryRecord } from '../../domain/notifications/document.js';
import { limits } from '../../limits.js';

export interface Queues {
  /**
   * One that is PENDING; nothing is done where it is known. `place`: in the list of deliveries,
   * from where it can be read again; '' for its start.
   */
  readonly add: (delivery: DeliveryRecord, place?: string) => void;
  /** Endpoints with a delivery that is due and may be sent beside those under way. */
  readonly due: () => readonly string[];
  /** One that is due: it counts as under way until it has landed. */
  readonly take: (endpointId: string) => string | undefined;
  readonly landed: (endpointId: string, id: string) => void;
  /** What waits for an endpoint, in memory. */
  readonly waiting: (endpointId: string) => readonly string[];
  readonly drop: (endpointId: string, id: string) => void;
  /** An endpoint with room for those that are not in memory, and from where to read them. */
  readonly unread: () => { readonly endpointId: string; readonly place: string } | undefined;
  /** They are read now: whatever does not fit says so by its place. */
  readonly reading: (endpointId: string) => void;
  /** They were not all read: from this place on. */
  readonly readAgain: (endpointId: string, place: string) => void;
  /** Those that something waits for. */
  readonly endpoints: () => readonly string[];
  /** It is due, whatever waits. */
  readonly hasten: (endpointId: string) => void;
  readonly isFull: (endpointId: string) => boolean;
  /** In memory. */
  readonly size: () => number;
  /** When the oldest of them was made; undefined where none waits. */
  readonly oldestMs: () => EpochMs | undefined;
}

interface Waiting {
  readonly dueMs: MonotonicMs;
  readonly createdMs: EpochMs;
}

interface Queue {
  readonly waiting: Map<string, Waiting>;
  readonly flying: Map<string, Waiting>;
  /** Nothing is due before. */
  nextMs: MonotonicMs;
  /** Others wait in the list of deliveries from here on; undefined: none do. */
  unreadFrom: string | undefined;
}

export function openQueues(clock: Clock, waitingMax: number = limits.deliveriesWaiting): Queues {
  const queues = new Map<string, Queue>();

  function queueOf(endpointId: string): Queue {
    let queue = queues.get(endpointId);
    if (queue === undefined) {
      queue = { waiting: new Map(), flying: new Map(), nextMs: Infinity, unreadFrom: undefined };
      queues.set(endpointId, queue);
    }
    return queue;
  }

  /** The waits are persisted by wall clock; a clock that was set back makes none longer. */
  function dueMs({ next_attempt_ms }: DeliveryRecord): MonotonicMs {
    const waitMs = (next_attempt_ms ?? 0) - clock.wallMs();
    return clock.monotonicMs() + Math.min(Math.max(waitMs, 0), 2 * limits.webhookBackoffMaxMs);
  }

  function forgetIfEmpty(endpointId: string, { waiting, flying, unreadFrom }: Queue): void {
    if (waiting.size + flying.size === 0 && unreadFrom === undefined) queues.delete(endpointId);
  }

  return {
    add(delivery, place = '') {
      const { delivery_id: id, endpoint_id, created_ms: createdMs } = delivery;
      const queue = queueOf(endpoint_id);
      if (queue.flying.has(id)) return;
      if (!queue.waiting.has(id) && queue.waiting.size >= waitingMax) {
        // An earlier place leads to this one too.
        if (place === '' || queue.unreadFrom === undefined) queue.unreadFrom = place;
        return;
      }
      const waiting = { dueMs: dueMs(delivery), createdMs };
      queue.waiting.set(id, waiting);
      queue.nextMs = Math.min(queue.nextMs, waiting.dueMs);
    },
    due() {
      const nowMs = clock.monotonicMs();
      const isDue = ({ nextMs, flying }: Queue) =>
        nextMs <= nowMs && flying.size < limits.webhooksAtOnce;
      return [...queues].flatMap(([endpointId, queue]) => (isDue(queue) ? [endpointId] : []));
    },
    take(endpointId) {
      const queue = queues.get(endpointId);
      const nowMs = clock.monotonicMs();
      if (queue === undefined || queue.nextMs > nowMs) return undefined;
      if (queue.flying.size >= limits.webhooksAtOnce) return undefined;
      let nextMs = Infinity;
      for (const [id, waiting] of queue.waiting) {
        if (waiting.dueMs <= nowMs) {
          queue.waiting.delete(id);
          queue.flying.set(id, waiting);
          return id;
        }
        nextMs = Math.min(nextMs, waiting.dueMs);
      }
      queue.nextMs = nextMs;
      return undefined;
    },
    landed(endpointId, id) {
      const queue = queues.get(endpointId);
      queue?.flying.delete(id);
      if (queue !== undefined) forgetIfEmpty(endpointId, queue);
    },
    waiting: (endpointId) => [...(queues.get(endpointId)?.waiting.keys() ?? [])],
    drop(endpointId, id) {
      const queue = queues.get(endpointId);
      queue?.waiting.delete(id);
      if (queue !== undefined) forgetIfEmpty(endpointId, queue);
    },
    unread() {
      for (const [endpointId, { waiting, unreadFrom: place }] of queues) {
        if (place !== undefined && waiting.size <= waitingMax / 2) return { endpointId, place };
      }
      return undefined;
    },
    reading(endpointId) {
      queueOf(endpointId).unreadFrom = undefined;
    },
    readAgain(endpointId, place) {
      const queue = queueOf(endpointId);
      if (queue.unreadFrom !== '') queue.unreadFrom = place;
    },
    endpoints: () => [...queues.keys()],
    hasten(endpointId) {
      queueOf(endpointId).nextMs = Number.NEGATIVE_INFINITY;
    },
    isFull: (endpointId) => (queues.get(endpointId)?.waiting.size ?? 0) >= waitingMax,
    size() {
      return [...queues.values()].reduce((n, q) => n + q.waiting.size + q.flying.size, 0);
    },
    oldestMs() {
      let oldest: EpochMs | undefined;
      for (const { waiting, flying } of queues.values()) {
        for (const { createdMs } of [...waiting.values(), ...flying.values()]) {
          oldest = Math.min(oldest ?? createdMs, createdMs);
        }
      }
      return oldest;
    },
  };
}
