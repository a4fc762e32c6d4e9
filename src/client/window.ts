// What of the buffer is on the present stream: sent, in order, and acknowledged up to a number.

import type {
  RecordStreamItem,
  RecordStreamResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import type { UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { systemClock } from '../base/clock.js';
import type { DurationMs, MonotonicMs } from '../base/units.js';
import type { EventStream } from './event-stream.js';
import type { Entry, Unacknowledged } from './unacknowledged.js';
import { toTimestamp } from './usage.js';

export interface Window {
  /** A new stream: everything is sent again. */
  readonly restart: (stream: EventStream) => void;
  /** Sends what there is room for. */
  readonly send: (stream: EventStream) => void;
  /** True where something was acknowledged. */
  readonly receive: (response: RecordStreamResponse) => boolean;
  /** Events that wait to be sent. */
  readonly unsent: () => number;
  /** How long the server has acknowledged nothing of what was sent. */
  readonly silenceMs: (nowMs: MonotonicMs) => DurationMs;
}

/** Events sent and not acknowledged; as many as the server takes before it stops reading. */
const WINDOW_EVENTS = 4096;
/** An event that is sent this long after it was handed over carries the time of then. */
const STALE_MS = 1000;

/** At most three bytes each: a message stays far below the server's 4 MiB. */
const MESSAGE_CHARS_MAX = 64 * 1024;

export function openWindow(entries: Unacknowledged, batchEventsMax: number): Window {
  /** Place of the stream's first event; of the next one to send. */
  let streamFirst = 0;
  let sent = 0;
  let progressMs: MonotonicMs = 0;

  function send(stream: EventStream): void {
    const first = entries.first();
    const end = Math.min(entries.end(), first + WINDOW_EVENTS);
    if (sent >= end) return;
    const nowMs = systemClock.monotonicMs();
    if (sent <= first) {
      // Those whose deadline passed may have left before they were sent.
      sent = first;
      progressMs = nowMs;
    }
    while (sent < end) stream.write(nextBatch(Math.min(end, sent + batchEventsMax), nowMs));
  }

  function nextBatch(end: number, nowMs: MonotonicMs): RecordStreamItem[] {
    const items: RecordStreamItem[] = [];
    let chars = 0;
    while (sent < end && chars < MESSAGE_CHARS_MAX) {
      const entry = entries.at(sent) as Entry;
      keepTime(entry, nowMs);
      const { event } = entry;
      sent++;
      items.push({ clientSequence: BigInt(sent - streamFirst), event });
      chars += charsOf(event);
    }
    return items;
  }

  return {
    restart(stream) {
      streamFirst = entries.first();
      sent = streamFirst;
      entries.forgetResults();
      send(stream);
    },
    send,
    receive({ ackedSequence, results }) {
      for (const result of results) {
        const entry = entries.at(streamFirst + Number(result.clientSequence) - 1);
        if (entry !== undefined) entry.result = result;
      }
      const place = Math.min(streamFirst + Number(ackedSequence), sent);
      if (place <= entries.first()) return false;
      progressMs = systemClock.monotonicMs();
      entries.acknowledge(place);
      return true;
    },
    unsent: () => entries.end() - Math.max(sent, entries.first()),
    silenceMs: (nowMs) => (sent > entries.first() ? nowMs - progressMs : 0),
  };
}

function charsOf({ orgId, eventId, meter, dimensions }: UsageEvent): number {
  let chars = orgId.length + eventId.length + meter.length;
  for (const [key, value] of dimensions) chars += key.length + value.length;
  return chars;
}

/** Usage that waited for the sidecar belongs to when it happened, not to when it arrives. */
function keepTime({ event, startMs }: Entry, nowMs: MonotonicMs): void {
  const agoMs = nowMs - startMs;
  if (event.eventTime !== undefined || agoMs < STALE_MS) return;
  event.eventTime = toTimestamp(systemClock.wallMs() - agoMs);
}
