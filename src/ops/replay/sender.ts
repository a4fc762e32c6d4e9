// The port between reading and sending, with one implementation per kind of call: a stream, and
// separate calls of one event or many.

import type { Metadata } from '@grpc/grpc-js';
import type { MeteringServiceClient } from '../../../generated/ts/tollgate/v1/metering_service.js';
import type { UsageEvent } from '../../../generated/ts/tollgate/v1/usage_event.js';
import type { DurationMs, MonotonicMs } from '../../base/units.js';
import type { Decision } from './outcome.js';

export interface Item {
  readonly event: UsageEvent;
  readonly row: number;
  /** When it was handed over; its latency runs from here, retries included. */
  readonly startMs: MonotonicMs;
}

export interface Sender {
  /** Takes an item. A promise means that there is no room: await it before the next one. */
  readonly send: (item: Item) => Promise<void> | undefined;
  /** Sends what waits for a batch to fill. Same promise as `send`. */
  readonly flush: () => Promise<void> | undefined;
  /** Ends well when every item is decided. */
  readonly close: () => Promise<void>;
}

export interface SenderOptions {
  readonly client: MeteringServiceClient;
  readonly metadata: Metadata;
  readonly enforceQuota: boolean;
  readonly retriesMax: number;
  readonly onDecided: (item: Item, decision: Decision) => void;
  /** Items sent once more after a failure. */
  readonly onResent: (count: number) => void;
}

/** A server that says nothing for this long is taken for gone; twice its own limit for a sync. */
export const SILENCE_MS_MAX: DurationMs = 60_000;
