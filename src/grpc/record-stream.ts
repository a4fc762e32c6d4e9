// RecordStream: events in, acknowledgements out. What is acknowledged is durable; outcomes that are
// not RECORDED come before or with the acknowledgement that covers them. One ack per synced batch,
// however many events it holds.

import { type handleBidiStreamingCall, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { EventResult } from '../../generated/ts/tollgate/v1/event_result.js';
import type {
  RecordStreamItem,
  RecordStreamRequest,
  RecordStreamResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { isLive, type Session } from '../access/session.js';
import { limits } from '../limits.js';
import { draining, refuseIfUnable } from '../operations/core.js';
import { recordOne } from '../operations/event-result.js';
import { createFaults, refuseFaults } from '../operations/parse.js';
import { checkDurability } from '../operations/record.js';
import { invalidField, type Refusal } from '../operations/refusal.js';
import { authorise } from '../rpc/authorise.js';
import { type Edge, noteDenied } from '../rpc/edge.js';
import { STREAM_ITEM } from '../rpc/metering.js';
import { sessionOf } from './admitted.js';
import type { Decode } from './element-bound.js';
import type { Turn } from './turn.js';
import { errorReply, GRPC_CALL } from './unary.js';

type Stream = ServerDuplexStream<Buffer, RecordStreamResponse>;

export interface RecordStreams {
  readonly handler: handleBidiStreamingCall<Buffer, RecordStreamResponse>;
  /** Ends every open stream after its last ack, with UNAVAILABLE. */
  readonly drain: () => void;
}

export const RECORD_STREAM = 'RecordStream';

export interface RecordStreamOptions {
  readonly edge: Edge;
  readonly turn: Turn;
  /** Throws the refusal of what is no such request. */
  readonly decode: Decode<RecordStreamRequest>;
}

export function recordStreams(options: RecordStreamOptions): RecordStreams {
  const { edge } = options;
  const recorder = edge.recorder(RECORD_STREAM);
  const open = new Set<(why: Refusal) => void>();
  return {
    handler(stream) {
      const startedMs = edge.core.clock.monotonicMs();
      edge.openCalls++;
      const end = serve(options, stream, (code) => {
        open.delete(end);
        edge.openCalls--;
        recorder.done(code, edge.core.clock.monotonicMs() - startedMs);
      });
      open.add(end);
    },
    drain() {
      for (const end of [...open]) end(draining());
    },
  };
}

interface Progress {
  /** Undefined until the options came. */
  enforce: boolean | undefined;
  /** Highest client sequence received; highest acknowledged. */
  received: bigint;
  acked: bigint;
  /** Not yet sent, in order. */
  results: EventResult[];
  ending: boolean;
}

function serve(
  { edge, turn, decode }: RecordStreamOptions,
  stream: Stream,
  done: (code: number) => void,
): (why: Refusal) => void {
  const { core } = edge;
  const progress: Progress = {
    enforce: undefined,
    received: 0n,
    acked: 0n,
    results: [],
    ending: false,
  };
  let session = sessionOf(stream, core.clock.wallMs());
  let isPaid = false;
  let admitting = false;
  let scheduled = false;
  let closed = false;
  /** Received, and taken in the turn in which they came. */
  let waiting: Buffer[] = [];
  let hasEnded = false;

  function close(code: number): void {
    if (closed) return;
    closed = true;
    done(code);
  }

  /**
   * Acknowledges what the batch holds that is collecting now, once it is durable. What that is, is
   * known when the batch closes: everything that is taken until then shares its sync.
   */
  function acknowledge(then?: () => void): void {
    core.journal.atBoundary((sequence) => {
      const upTo = progress.received;
      const { results } = progress;
      progress.results = [];
      core.journal.whenSynced(sequence, () => {
        scheduled = false;
        if (closed) return;
        const news = upTo > progress.acked || results.length > 0;
        progress.acked = upTo;
        if (news) stream.write({ ackedSequence: upTo, results });
        if (progress.received > upTo && !progress.ending) schedule();
        if (stream.isPaused() && !progress.ending && !admitting) stream.resume();
        then?.();
      });
    });
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    acknowledge();
  }

  function fail(error: unknown): void {
    if (progress.ending) return;
    progress.ending = true;
    noteDenied(edge, RECORD_STREAM, error, { session, source: stream.getPeer(), orgId: '' });
    acknowledge(() => {
      const answer = errorReply(edge, RECORD_STREAM, error);
      close(answer.code);
      stream.emit('error', answer);
    });
  }

  function receive(bytes: Buffer): void {
    if (progress.ending) return;
    if (waiting.push(bytes) === 1 && !admitting) turn.add({ decide: takeAll, answer: nothing });
  }

  /** A credential that ended, or was changed, ends its streams too. */
  function takeAll(): void {
    if (waiting.length === 0 || progress.ending) return;
    if (session === undefined || !isLive(session, core.clock.wallMs())) {
      void admitFirst();
      return;
    }
    const messages = waiting;
    waiting = [];
    try {
      // The first message of a stream is paid for, the others are free.
      if (!isPaid) session.bucket?.take();
      isPaid = true;
      for (const bytes of messages) take(session, progress, decode(bytes));
      schedule();
      const unacked = Number(progress.received - progress.acked);
      if (unacked > limits.streamUnackedEvents) stream.pause();
    } catch (error) {
      fail(error);
    }
    if (hasEnded) end();
  }

  async function admitFirst(): Promise<void> {
    admitting = true;
    stream.pause();
    try {
      do session = await edge.gate.admit(stream, GRPC_CALL);
      while (!isLive(session, core.clock.wallMs()));
      takeAll();
      stream.resume();
    } catch (error) {
      fail(error);
    } finally {
      admitting = false;
    }
  }

  function end(): void {
    if (progress.ending) return;
    progress.ending = true;
    acknowledge(() => {
      stream.end();
      close(status.OK);
    });
  }

  stream.on('data', receive);
  stream.on('end', () => {
    hasEnded = true;
    if (waiting.length === 0) end();
  });
  stream.on('cancelled', () => close(status.CANCELLED));
  stream.on('error', () => close(status.CANCELLED));
  return fail;
}

const nothing = () => undefined;

function take(session: Session, progress: Progress, { message }: RecordStreamRequest): void {
  if (message === undefined) throw invalidField('message', 'must be options or an item');
  if (message.$case === 'options') {
    if (progress.enforce !== undefined) {
      throw invalidField('options', 'must be the first message, once');
    }
    const faults = createFaults();
    checkDurability(message.value.durability, faults);
    refuseFaults(faults);
    progress.enforce = message.value.enforceQuota;
    return;
  }
  const { enforce } = progress;
  if (enforce === undefined) throw invalidField('options', 'must be the first message');
  if (message.$case === 'item') {
    takeItem(session, progress, message.value, { enforce, field: 'item' });
    return;
  }
  const { items } = message.value;
  if (items.length === 0 || items.length > limits.batchEvents) {
    throw invalidField('batch.items', `must be 1-${limits.batchEvents} events`);
  }
  items.forEach((item, i) => {
    takeItem(session, progress, item, { enforce, field: `batch.items[${i}]` });
  });
}

interface Taking {
  readonly enforce: boolean;
  /** Path of the item in the message. */
  readonly field: string;
}

function takeItem(
  { principal, core }: Session,
  progress: Progress,
  item: RecordStreamItem,
  { enforce, field }: Taking,
): void {
  authorise(principal, STREAM_ITEM, item);
  const { clientSequence, event } = item;
  if (clientSequence <= progress.received) {
    throw invalidField(
      `${field}.client_sequence`,
      `must increase from 1: ${clientSequence} after ${progress.received}`,
    );
  }
  if (event === undefined) throw invalidField(`${field}.event`, 'is required');
  if (event.eventId === '') {
    throw invalidField(`${field}.event.event_id`, 'is required on streams');
  }
  refuseIfUnable(core);
  const nowMs = core.clock.wallMs();
  const options = { enforce, nowMs, field: `${field}.event`, reservationId: '' };
  const { result } = recordOne(core, event, { ...options, roomFor: 'event' });
  progress.received = clientSequence;
  if (result.outcome === Outcome.OUTCOME_RECORDED) return;
  progress.results.push({ ...result, clientSequence });
}
