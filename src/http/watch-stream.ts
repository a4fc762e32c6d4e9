// One organisation's events in the order of the journal: first what a reader missed, read from the
// journal, then each batch as it becomes durable. None is left out and none said twice; where one
// would be, the stream says so (`gap`) or ends (`lagging`).
//
// It ends by itself: when its credential ends or is changed, when the process stops, when its
// reader goes, and when more waits for the reader than may. A reader comes again with its last id.

import { Readable } from 'node:stream';
import { isLive, type Session } from '../access/session.js';
import type { Turns } from '../access/take-turns.js';
import { SECOND_MS, type Sequence } from '../base/units.js';
import { decodeEntry } from '../journal/entry-codec.js';
import { limits } from '../limits.js';
import type { WatchedEvent } from '../operations/watchers.js';
import {
  beginningText,
  eventText,
  gapText,
  heartbeatText,
  LAGGING_TEXT,
  type Render,
} from './watch-text.js';

export interface WatchStreamOptions {
  readonly session: Session;
  readonly orgId: string;
  /** The last sequence that the reader knows; undefined: it wants what comes from now on. */
  readonly after: Sequence | undefined;
  readonly render: Render;
  /** One at a time: however many readers come again at once, others wait for one slice. */
  readonly turns: Turns;
  /** Reading the journal failed. */
  readonly onError: (error: unknown) => void;
}

const TEND_EVERY_MS = SECOND_MS;
/** Of what a reader missed, read before it takes it. */
const READ_AHEAD_BYTES = 64 * 1024;

/** Throws WATCHERS_EXHAUSTED. */
export function openWatchStream(options: WatchStreamOptions): Readable {
  const { session, orgId, after, render, turns, onError } = options;
  const { journal, clock, watchers } = session.core;
  const synced = journal.syncedSequence();
  const isGap = after !== undefined && !isWithinReach(after, synced);
  /** Of this organisation everything through it was said. */
  let last = after === undefined || isGap ? synced : after;
  let isReading = false;
  let isEnded = false;
  let saidMs = clock.monotonicMs();
  let onRoom: (() => void) | undefined;

  const stream = new Readable({
    highWaterMark: READ_AHEAD_BYTES,
    read: () => onRoom?.(),
    destroy(error, done) {
      end();
      done(error);
    },
  });
  const remove = watchers.add({ orgId, take, end });
  const timer = setInterval(tend, TEND_EVERY_MS);
  say(isGap ? beginningText(last) + gapText(after, last) : beginningText(last));
  void catchUp(journal.lastSequence());
  return stream;

  /** Returns whether the reader has room for more. */
  function say(text: string | Buffer): boolean {
    saidMs = clock.monotonicMs();
    return stream.push(text);
  }

  function end(): void {
    if (isEnded) return;
    isEnded = true;
    clearInterval(timer);
    remove();
    onRoom?.();
    stream.push(null);
  }

  function isAdmitted(): boolean {
    if (isLive(session, clock.wallMs())) return true;
    end();
    return false;
  }

  function take(events: readonly WatchedEvent[]): void {
    const through = events.at(-1)?.sequence ?? 0;
    if (isEnded || isReading || through <= last || !isAdmitted()) return;
    const bytes = render(events, last);
    // One batch alone may be more than may wait: it is read as fast as its reader takes it.
    if (bytes.length > limits.watchBytes) void catchUp(through);
    else if (stream.readableLength + bytes.length <= limits.watchBytes) {
      last = through;
      say(bytes);
    } else {
      say(LAGGING_TEXT);
      end();
    }
  }

  /**
   * Reads on until everything durable was said, `through` at least: what was committed before this
   * stream watched was not noted for it.
   */
  async function catchUp(through: Sequence): Promise<void> {
    isReading = true;
    try {
      await new Promise<void>((resolve) => journal.whenSynced(through, resolve));
      await readOn();
      isReading = false;
    } catch (error) {
      onError(error);
      stream.destroy();
    }
  }

  /** Nothing happens between its last look at the journal and its end. */
  async function readOn(): Promise<void> {
    for (;;) {
      const reached = await turns(async () => {
        const reached = readSlice();
        if (reached === 'slice') await new Promise((resolve) => setImmediate(resolve));
        return reached;
      });
      if (reached === 'end') return;
      if (reached === 'full') await room();
    }
  }

  function readSlice(): 'end' | 'full' | 'slice' {
    const untilMs = clock.monotonicMs() + limits.sliceMs;
    while (!isEnded && last < journal.syncedSequence() && isAdmitted()) {
      const sequence = last + 1;
      const entry = decodeEntry(journal.read(sequence).body);
      last = sequence;
      const isOwn = entry.kind === 'record' && entry.orgId === orgId;
      if (isOwn && !say(eventText({ entry, sequence }))) return 'full';
      if (clock.monotonicMs() >= untilMs) return 'slice';
    }
    return 'end';
  }

  function room(): Promise<void> {
    return new Promise((resolve) => {
      onRoom = () => {
        onRoom = undefined;
        resolve();
      };
    });
  }

  function tend(): void {
    if (!isAdmitted() || clock.monotonicMs() - saidMs < limits.watchHeartbeatMs) return;
    // What is durable has been told by the time that a timer runs.
    if (!isReading) last = journal.syncedSequence();
    say(heartbeatText(last));
  }
}

/** A sequence of another journal may lie beyond the end of this one. */
function isWithinReach(after: Sequence, synced: Sequence): boolean {
  return after <= synced && synced - after <= limits.watchResumeEntries;
}
