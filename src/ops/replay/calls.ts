// Events sent in separate calls, so many of them at a time. Unary mode is a batch of one by another
// RPC. A failed call is made again with the same events, which cannot count twice.

import { setTimeout as sleep } from 'node:timers/promises';
import type { UsageEvent } from '../../../generated/ts/tollgate/v1/usage_event.js';
import { present } from '../../base/assert.js';
import { limits } from '../../limits.js';
import { isCallStatus } from '../remote/call-error.js';
import { openBackoff } from './backoff.js';
import type { Decision } from './outcome.js';
import type { Item, Sender, SenderOptions } from './sender.js';

/** One call: gives a decision per event, in order, or rejects with a `ServiceError`. */
export type Call = (events: readonly UsageEvent[]) => Promise<readonly Decision[]>;

export interface CallsOptions extends SenderOptions {
  readonly call: Call;
  readonly eventsPerCall: number;
  readonly concurrency: number;
}

/** Room for the framing of a message that holds as many events as fit. */
const CALL_BYTES_MAX = limits.messageBytes - 64 * 1024;

export function openCallSender(options: CallsOptions): Sender {
  const { call, eventsPerCall, concurrency, retriesMax, onDecided, onResent } = options;
  let waiting: Item[] = [];
  let waitingBytes = 0;
  let callsOpen = 0;
  let broken: { readonly error: unknown } | undefined;
  let wake = (): void => {};

  const decide = async (items: readonly Item[]): Promise<void> => {
    const events = items.map((item) => item.event);
    const backoff = openBackoff(retriesMax);
    for (;;) {
      try {
        const decisions = await call(events);
        items.forEach((item, index) => {
          onDecided(item, present(decisions[index], 'the decision of an event of a call'));
        });
        return;
      } catch (error) {
        if (!isCallStatus(error)) throw error;
        await sleep(backoff.nextMs(error));
        if (broken !== undefined) throw broken.error;
        onResent(items.length);
      }
    }
  };

  const until = (ready: () => boolean): Promise<void> | undefined => {
    if (broken !== undefined) throw broken.error;
    if (ready()) return undefined;
    return new Promise<void>((resolve) => {
      wake = resolve;
    }).then(() => until(ready));
  };

  const flush = (): Promise<void> | undefined => {
    if (broken !== undefined) throw broken.error;
    if (waiting.length === 0) return undefined;
    const items = waiting;
    waiting = [];
    waitingBytes = 0;
    callsOpen++;
    decide(items)
      .catch((error: unknown) => {
        broken ??= { error };
      })
      .finally(() => {
        callsOpen--;
        wake();
      });
    return until(() => callsOpen < concurrency);
  };

  return {
    send(item) {
      const bytes = bytesOf(item.event);
      const full = waiting.length > 0 && waitingBytes + bytes > CALL_BYTES_MAX;
      const room = full ? flush() : undefined;
      waiting.push(item);
      waitingBytes += bytes;
      if (waiting.length < eventsPerCall) return room;
      return room === undefined ? flush() : room.then(flush);
    },
    flush,
    async close() {
      await flush();
      await until(() => callsOpen === 0);
    },
  };
}

/** An upper bound of the encoded size: up to 3 bytes a character, and the tags and lengths. */
function bytesOf(event: UsageEvent): number {
  let chars = event.orgId.length + event.eventId.length + event.meter.length;
  if (event.amount?.$case === 'quantity') chars += event.amount.value.length;
  for (const [key, value] of event.dimensions) chars += key.length + value.length + 8;
  return chars * 3 + 128;
}
