// RecordStream as a test drives it: send, then read replies one at a time.

import { type ClientDuplexStream, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type {
  RecordStreamRequest,
  RecordStreamResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import type { Durability, UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { type Refused, refusedOf } from './refusals.js';
import type { Running } from './service.js';

export interface StreamEnd {
  /** "OK" or the code of the status. */
  readonly code: string;
  /** Undefined after OK. */
  readonly refused: Refused | undefined;
}

export interface TestStream {
  readonly options: (options?: { durability?: Durability; enforceQuota?: boolean }) => void;
  readonly item: (clientSequence: number | bigint, event: UsageEvent | undefined) => void;
  readonly batch: (...items: readonly (readonly [number, UsageEvent])[]) => void;
  readonly send: (message: RecordStreamRequest['message']) => void;
  readonly halfClose: () => void;
  readonly cancel: () => void;
  /** Every reply so far. */
  readonly replies: readonly RecordStreamResponse[];
  /** Resolves once `acked_sequence` has reached `sequence`. */
  readonly acked: (sequence: number) => Promise<void>;
  readonly end: Promise<StreamEnd>;
}

export function openStream(
  { client }: Pick<Running, 'client'>,
  metadata = new Metadata(),
): TestStream {
  const stream: ClientDuplexStream<RecordStreamRequest, RecordStreamResponse> =
    client.recordStream(metadata);
  const replies: RecordStreamResponse[] = [];
  const waiting: { readonly sequence: bigint; readonly done: () => void }[] = [];

  stream.on('data', (reply: RecordStreamResponse) => {
    replies.push(reply);
    for (const { sequence, done } of waiting) if (reply.ackedSequence >= sequence) done();
  });
  const end = new Promise<StreamEnd>((resolve) => {
    let failure: Refused | undefined;
    stream.on('error', (error: ServiceError) => {
      failure = refusedOf(error);
    });
    stream.on('status', ({ code }) => {
      // The error event comes in the same turn, before or after the status.
      setImmediate(() => resolve({ code: status[code] ?? `${code}`, refused: failure }));
    });
  });
  const send = (message: RecordStreamRequest['message']) => {
    stream.write({ message });
  };
  return {
    options: ({ durability = 0, enforceQuota = false } = {}) =>
      send({ $case: 'options', value: { durability, enforceQuota } }),
    item: (clientSequence, event) =>
      send({ $case: 'item', value: { clientSequence: BigInt(clientSequence), event } }),
    batch: (...items) => {
      const all = items.map(([number, event]) => ({ clientSequence: BigInt(number), event }));
      send({ $case: 'batch', value: { items: all } });
    },
    send,
    halfClose: () => stream.end(),
    cancel: () => stream.cancel(),
    replies,
    acked: (sequence) =>
      new Promise((done) => {
        const reached = replies.at(-1)?.ackedSequence ?? 0n;
        if (reached >= BigInt(sequence)) done();
        else waiting.push({ sequence: BigInt(sequence), done });
      }),
    end,
  };
}
