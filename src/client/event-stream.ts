// One RecordStream: its options, events with their numbers, and how it ended.

import type { ClientDuplexStream, StatusObject } from '@grpc/grpc-js';
import type {
  RecordStreamItem,
  RecordStreamRequest,
  RecordStreamResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { Durability } from '../../generated/ts/tollgate/v1/usage_event.js';
import type { Connection, Credential } from './connection.js';
import { type CallTrouble, readTrouble } from './errors.js';

export interface EventStream {
  /**
   * In one message. Numbers are rising; gaps are allowed. What backs up is bounded by who calls,
   * and so is the size of a message.
   */
  readonly write: (items: RecordStreamItem[]) => void;
  /** Half-closes: the server acknowledges all, then ends. */
  readonly end: () => void;
  /** Ends it at once, for that reason; what the server still says is not heard. */
  readonly cancel: (why: CallTrouble) => void;
  readonly ended: Promise<CallTrouble>;
}

export interface EventStreamOptions {
  readonly connection: Connection;
  readonly credential: Credential;
  readonly enforceQuota: boolean;
  readonly onResponse: (response: RecordStreamResponse) => void;
}

export function openEventStream(options: EventStreamOptions): EventStream {
  const { connection, credential, enforceQuota, onResponse } = options;
  const call: ClientDuplexStream<RecordStreamRequest, RecordStreamResponse> =
    connection.client.recordStream(credential.metadata);
  let isCancelled = false;
  let settle: (trouble: CallTrouble) => void = () => {};
  const ended = new Promise<CallTrouble>((resolve) => {
    settle = resolve;
  });
  call.on('data', (response: RecordStreamResponse) => {
    // Its numbers would be taken for those of the next stream.
    if (!isCancelled) onResponse(response);
  });
  // The status says the same, and also comes where there is no error.
  call.on('error', () => {});
  call.on('status', (status: StatusObject) => settle(readTrouble(status)));
  // The server's setting decides how durable an acknowledged event is.
  const durability = Durability.DURABILITY_UNSPECIFIED;
  call.write({ message: { $case: 'options', value: { durability, enforceQuota } } });
  return {
    write(items) {
      call.write({ message: { $case: 'batch', value: { items } } });
    },
    end: () => call.end(),
    cancel(why) {
      isCancelled = true;
      settle(why);
      call.cancel();
    },
    ended,
  };
}
