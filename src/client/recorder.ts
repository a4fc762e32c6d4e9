// Events on their way: batched onto one stream, acknowledged in order, sent again with the same ids
// on a new stream when that one breaks. One timer watches over all of them.

import { status } from '@grpc/grpc-js';
import { systemClock } from '../base/clock.js';
import type { Connection } from './connection.js';
import { type CallTrouble, closedError, errorOf, ownTrouble, unavailable } from './errors.js';
import { type Link, openLink } from './link.js';
import type { Settings } from './options.js';
import {
  type Entry,
  openUnacknowledged,
  type Room,
  type Unacknowledged,
} from './unacknowledged.js';
import { openWindow, type Window } from './window.js';

export interface Recorder {
  /** The caller has looked for room. */
  readonly push: (entry: Entry) => void;
  /** Resolves once all that was pushed so far is acknowledged, or rejected. */
  readonly flush: () => Promise<void>;
  /** Ends the stream; what is left rejects with CLOSED. */
  readonly close: () => Promise<void>;
}

export interface RecorderOptions {
  readonly connection: Connection;
  readonly settings: Settings;
  readonly enforceQuota: boolean;
  readonly room: Room;
}

export function openRecorder(options: RecorderOptions): Recorder {
  const { settings, room } = options;
  const { batchEventsMax, batchWaitMs } = settings;
  const entries = openUnacknowledged(room, settings.onTrouble);
  const window = openWindow(entries, batchEventsMax);
  let batch: 'empty' | 'waiting' = 'empty';

  const link = openLink({
    ...options,
    waitingEvents: () => entries.end() - entries.first(),
    onOpen: (stream) => window.restart(stream),
    onResponse(response) {
      if (!window.receive(response)) return;
      link.progress();
      // What waits for its batch has its own turn; what found the window full has room now.
      if (batch === 'empty') send();
    },
    onRefused: (trouble) => refuse(entries, trouble),
  });
  const watch = openWatch({ entries, window, link, settings });

  function send(): void {
    batch = 'empty';
    const stream = link.stream();
    if (stream !== undefined) window.send(stream);
  }

  return {
    push(entry) {
      entries.push(entry);
      watch.start();
      link.start();
      if (batch === 'waiting') {
        if (window.unsent() === batchEventsMax) send();
        return;
      }
      batch = 'waiting';
      if (batchWaitMs === 0) setImmediate(send);
      else setTimeout(send, batchWaitMs);
    },
    flush() {
      send();
      return entries.drained();
    },
    async close() {
      watch.close();
      entries.rejectBefore(entries.end(), closedError());
      await link.close();
    },
  };
}

interface Watched {
  readonly entries: Unacknowledged;
  readonly window: Window;
  readonly link: Link;
  readonly settings: Settings;
}

/** The part of the deadline after which a silent stream is given up: time to try another one. */
const SILENCE_SHARE = 3;
const SILENT = ownTrouble('DEADLINE_EXCEEDED', 'the events were not acknowledged');

/** Deadlines and silence, by one timer that runs while there is something to watch. */
function openWatch({ entries, window, link, settings }: Watched) {
  const { usageDeadlineMs, onUnavailable } = settings;
  const silenceMsMax = Math.ceil(usageDeadlineMs / SILENCE_SHARE);
  let timer: NodeJS.Timeout | undefined;
  /** Those before this place have been told BUFFERED. */
  let told = 0;

  function look(): void {
    timer = undefined;
    const nowMs = systemClock.monotonicMs();
    if (window.silenceMs(nowMs) >= silenceMsMax) link.stream()?.cancel(SILENT);
    let place = Math.max(told, entries.first());
    while ((entries.at(place)?.startMs ?? nowMs) <= nowMs - usageDeadlineMs) place++;
    if (onUnavailable === 'fail_closed') {
      const trouble = link.lastTrouble() ?? SILENT;
      entries.rejectBefore(place, unavailable(trouble, usageDeadlineMs));
    } else {
      entries.answerBefore(place);
    }
    told = place;
    if (entries.end() > entries.first()) start();
  }

  function start(): void {
    if (timer !== undefined) return;
    const oldest = entries.at(Math.max(told, entries.first()));
    const dueMs = (oldest?.startMs ?? Number.POSITIVE_INFINITY) + usageDeadlineMs;
    const waitMs = Math.min(dueMs - systemClock.monotonicMs(), silenceMsMax);
    timer = setTimeout(look, Math.max(1, waitMs));
    // What keeps the process up is the stream, or the wait for the next one.
    timer.unref();
  }

  return { start, close: () => clearTimeout(timer) };
}

/** Takes out what the refusal concerns, so that it does not stop the others. */
function refuse(entries: Unacknowledged, trouble: CallTrouble): void {
  const error = errorOf(trouble);
  // The stream ends at the event at fault, all before it acknowledged: it is the oldest one.
  if (trouble.status === status.INVALID_ARGUMENT) {
    entries.rejectBefore(entries.first() + 1, error);
  } else if (trouble.code === 'ORG_MISMATCH') {
    const orgId = entries.at(entries.first())?.event.orgId;
    entries.rejectWhere((entry) => entry.event.orgId === orgId, error);
  } else {
    entries.rejectBefore(entries.end(), error);
  }
}
