// Closed loops: each answer is followed at once by the next call, until the time is over; then what
// is under way is waited for.

import { RecordStreamResponse } from '../../generated/ts/tollgate/v1/metering_service.js';
import { streamItemBody, streamOptionsBody, unaryBody } from './bodies.js';
import type { H2Client } from './h2-client.js';
import { createStream } from './h2-stream.js';
import type { ReplyHeaders } from './hpack.js';
import type { LoadJob } from './job.js';
import { replyCheck } from './replies.js';
import type { Tally } from './tally.js';

export interface Drive {
  /** No new calls. Resolves when nothing is under way. */
  stop(): Promise<void>;
}

export function driveUnary(job: LoadJob, client: H2Client, tally: Tally): Drive {
  const body = unaryBody(job);
  const check = replyCheck(job);
  const events = eventsOf(job);
  const stopping = createStopping(job.inFlight);

  for (let slot = 0; slot < job.inFlight; slot++) startSlot(slot % job.connections);
  client.flush();
  return stopping;

  function startSlot(lane: number): void {
    let sentMs = performance.now();
    let messages = 0;
    const stream = createStream({ message, end, writable: () => undefined });
    client.call(lane, stream, body);

    function message(bytes: Buffer, start: number, last: number): void {
      messages++;
      const trouble = check(bytes, start, last);
      if (trouble !== undefined) tally.error(trouble);
    }

    function end(reply: ReplyHeaders, atMs: number): void {
      if (reply.grpcStatus !== '0') tally.error(statusText(reply));
      else if (messages !== 1) tally.error(`${messages} messages in a unary reply`);
      else tally.answered(atMs - sentMs, events);
      if (stopping.stopped) {
        stopping.ended();
        return;
      }
      sentMs = atMs;
      messages = 0;
      client.call(lane, stream, body);
    }
  }
}

/** In one call. */
export function eventsOf({ body, batchEvents }: LoadJob): number {
  const events = { noop: 0, record: 1, checkQuota: 0, recordBatch: batchEvents, recordStream: 0 };
  return events[body];
}

/** One stream per connection, each with its share of the events in flight. */
export function driveStreams(job: LoadJob, client: H2Client, tally: Tally): Drive {
  const windowEvents = Math.max(1, Math.floor(job.inFlight / job.connections));
  const options = streamOptionsBody();
  const stopping = createStopping(job.connections);
  const finishers: (() => void)[] = [];

  for (let lane = 0; lane < job.connections; lane++) startStream(lane);
  client.flush();
  return {
    stop() {
      const done = stopping.stop();
      for (const finishIdle of finishers) finishIdle();
      client.flush();
      return done;
    },
  };

  function startStream(lane: number): void {
    const connection = client.connection(lane);
    const item = streamItemBody(job);
    const sentMs = new Float64Array(windowEvents);
    let sent = 0;
    let acked = 0;
    let finished = false;
    const stream = createStream({ message, end, writable: fill });
    connection.start(stream, options, 'more');
    fill(performance.now());
    finishers.push(finishIfAcked);

    function fill(atMs: number): void {
      while (!stopping.stopped && sent - acked < windowEvents && stream.queued.length === 0) {
        sent++;
        sentMs[sent % windowEvents] = atMs;
        item.prepare(sent);
        connection.send(stream, item);
      }
    }

    function message(bytes: Buffer, start: number, last: number, atMs: number): void {
      const reply = RecordStreamResponse.decode(bytes.subarray(start, last));
      for (const { outcome, message } of reply.results) {
        tally.error(`RecordStream: outcome ${outcome} ${message}`);
      }
      const ackedNow = Number(reply.ackedSequence);
      if (ackedNow < acked || ackedNow > sent) {
        throw new Error(`RecordStream: ${ackedNow} acked after ${acked} of ${sent}`);
      }
      while (acked < ackedNow) {
        acked++;
        tally.answered(atMs - (sentMs[acked % windowEvents] as number), 1);
      }
      fill(atMs);
      finishIfAcked();
    }

    function finishIfAcked(): void {
      if (!stopping.stopped || finished || acked < sent) return;
      finished = true;
      connection.finish(stream);
    }

    /** Thrown, an error ends the whole run: without its streams it would measure nothing. */
    function end(reply: ReplyHeaders): void {
      if (reply.grpcStatus !== '0') throw new Error(statusText(reply));
      if (!finished) throw new Error('the server ended a stream by itself');
      stopping.ended();
    }
  }
}

export function statusText(reply: ReplyHeaders): string {
  return `grpc-status ${reply.grpcStatus}: ${decodeURIComponent(reply.grpcMessage)}`;
}

export interface Stopping extends Drive {
  readonly stopped: boolean;
  /** One of the loops has come to its end. */
  ended(): void;
}

export function createStopping(loops: number): Stopping {
  let stopped = false;
  let running = loops;
  let allEnded: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    allEnded = resolve;
  });
  return {
    get stopped() {
      return stopped;
    },
    ended() {
      running--;
      if (running === 0) allEnded();
    },
    stop() {
      stopped = true;
      return done;
    },
  };
}
