// RecordStream with a bounded window of unacknowledged events. When the stream breaks, a new one
// takes all of them again with the same event ids.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientDuplexStream, StatusObject } from '@grpc/grpc-js';
import type {
  RecordStreamRequest,
  RecordStreamResponse,
} from '../../../generated/ts/tollgate/v1/metering_service.js';
import { Durability } from '../../../generated/ts/tollgate/v1/usage_event.js';
import { openBackoff } from './backoff.js';
import { type Item, type Sender, type SenderOptions, SILENCE_MS_MAX } from './sender.js';
import { openUnackedWindow } from './window.js';

export interface StreamOptions extends SenderOptions {
  /** Items sent and not acknowledged, at most. */
  readonly window: number;
}

export function openStreamSender(options: StreamOptions): Sender {
  const backoff = openBackoff(options.retriesMax);
  const unacked = openUnackedWindow(options.onDecided);
  let stream: Stream | undefined;
  let running: Promise<void> | undefined;
  let state: 'open' | 'closing' = 'open';
  let broken: { readonly error: unknown } | undefined;
  let wake = (): void => {};

  const onResponse = (response: RecordStreamResponse): void => {
    if (unacked.acknowledge(response) === 0) return;
    backoff.reset();
    wake();
  };

  const run = async (): Promise<void> => {
    for (;;) {
      stream = openStream(options, { onResponse, isWaiting: () => unacked.size() > 0 });
      for (const item of unacked.restart()) stream.write(unacked.number(), item);
      if (state === 'closing') stream.end();
      const ended = await stream.ended;
      stream = undefined;
      if (state === 'closing' && unacked.size() === 0) return;
      await sleep(backoff.nextMs(ended));
      options.onResent(unacked.size());
    }
  };

  const start = (): Promise<void> =>
    run().catch((error: unknown) => {
      broken = { error };
      wake();
    });

  const room = (): Promise<void> | undefined => {
    if (broken !== undefined) throw broken.error;
    if (unacked.size() < options.window) return undefined;
    return new Promise<void>((resolve) => {
      wake = resolve;
    }).then(room);
  };

  return {
    send(item) {
      if (broken !== undefined) throw broken.error;
      unacked.push(item);
      if (running === undefined) running = start();
      // Between two streams it only waits: the next one takes all that is unacknowledged.
      else stream?.write(unacked.number(), item);
      return room();
    },
    flush: () => undefined,
    async close() {
      state = 'closing';
      stream?.end();
      await running;
      if (broken !== undefined) throw broken.error;
    },
  };
}

interface Stream {
  readonly write: (clientSequence: bigint, item: Item) => void;
  readonly end: () => void;
  readonly ended: Promise<StatusObject>;
}

interface StreamEvents {
  readonly onResponse: (response: RecordStreamResponse) => void;
  /** Whether there is something that the server has yet to answer. */
  readonly isWaiting: () => boolean;
}

/** One stream, its options sent. Cancelled by itself when the server falls silent. */
function openStream(options: SenderOptions, { onResponse, isWaiting }: StreamEvents): Stream {
  const { client, metadata, enforceQuota } = options;
  const call: ClientDuplexStream<RecordStreamRequest, RecordStreamResponse> =
    client.recordStream(metadata);
  const silence = setTimeout(() => {
    if (isWaiting()) call.cancel();
    else silence.refresh();
  }, SILENCE_MS_MAX);
  call.on('data', (response: RecordStreamResponse) => {
    silence.refresh();
    onResponse(response);
  });
  // The status says the same, and also comes where there is no error.
  call.on('error', () => {});
  const ended = new Promise<StatusObject>((resolve) => {
    call.on('status', (status) => {
      clearTimeout(silence);
      resolve(status);
    });
  });
  const durability = Durability.DURABILITY_UNSPECIFIED;
  call.write({ message: { $case: 'options', value: { durability, enforceQuota } } });
  return {
    /** The window bounds what is buffered, so the answer of `write` is not waited for. */
    write(clientSequence, { event }) {
      call.write({ message: { $case: 'item', value: { clientSequence, event } } });
    },
    end: () => call.end(),
    ended,
  };
}
