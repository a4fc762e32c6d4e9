// An open loop: calls go out at a fixed rate, whether or not the server has answered earlier ones,
// so a server that stalls makes every call wait that came meanwhile. A latency counts from when its
// call was sent: a late timer of this process is not the server's time, and skips no call.

import { unaryBody } from './bodies.js';
import { createStopping, type Drive, eventsOf, statusText } from './drive.js';
import type { H2Client } from './h2-client.js';
import { createStream, type H2Stream } from './h2-stream.js';
import type { ReplyHeaders } from './hpack.js';
import type { LoadJob } from './job.js';
import { replyCheck } from './replies.js';
import type { Tally } from './tally.js';

const TICK_MS = 1;

/** A place for a call, used again when it was answered. */
interface Slot {
  readonly stream: H2Stream;
  sentMs: number;
  messages: number;
}

export function driveOpen(job: LoadJob, client: H2Client, tally: Tally): Drive {
  const body = unaryBody(job);
  const check = replyCheck(job);
  const events = eventsOf(job);
  const callsPerMs = job.ratePerSecond / 1000;
  const free: Slot[] = [];
  let slots = 0;
  let sent = 0;
  const startMs = performance.now();
  // Its one loop is the timer; it has ended when all that it sent was answered.
  const stopping = createStopping(1);
  const timer = setInterval(sendDue, TICK_MS);
  return {
    stop() {
      clearInterval(timer);
      const done = stopping.stop();
      if (free.length === slots) stopping.ended();
      return done;
    },
  };

  function sendDue(): void {
    const nowMs = performance.now();
    const due = Math.floor((nowMs - startMs) * callsPerMs);
    for (; sent < due; sent++) {
      const slot = free.pop() ?? openSlot();
      if (slot === undefined) {
        // One error: the rest of the schedule would say the same.
        tally.error(`${slots} calls under way: the server does not keep up with the rate`);
        clearInterval(timer);
        break;
      }
      slot.sentMs = nowMs;
      slot.messages = 0;
      client.call(sent % job.connections, slot.stream, body);
    }
    client.flush();
  }

  function openSlot(): Slot | undefined {
    if (slots === job.inFlight) return undefined;
    slots++;
    const slot: Slot = {
      stream: createStream({ message, end, writable: () => undefined }),
      sentMs: 0,
      messages: 0,
    };
    return slot;

    function message(bytes: Buffer, start: number, last: number): void {
      slot.messages++;
      const trouble = check(bytes, start, last);
      if (trouble !== undefined) tally.error(trouble);
    }

    function end(reply: ReplyHeaders, atMs: number): void {
      if (reply.grpcStatus !== '0') tally.error(statusText(reply));
      else if (slot.messages !== 1) tally.error(`${slot.messages} messages in a unary reply`);
      else tally.answered(atMs - slot.sentMs, events);
      free.push(slot);
      if (stopping.stopped && free.length === slots) stopping.ended();
    }
  }
}
