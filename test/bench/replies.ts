// Is a reply what the load wanted? All replies are looked at; a sample is decoded whole by the
// generated code.

import {
  CheckQuotaResponse,
  RecordBatchResponse,
  RecordResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import type { LoadJob } from './job.js';

/** Why the message between `start` and `end` is not what it should be; undefined: it is. */
export type ReplyCheck = (bytes: Buffer, start: number, end: number) => string | undefined;

/** Prime, so that a regular fault does not slip between the samples. The first is in each. */
const SAMPLE_EVERY = 61;
/** A batch's reply is a hundred times as long. */
const BATCH_SAMPLE_EVERY = 17;

export function replyCheck(job: LoadJob): ReplyCheck {
  switch (job.body) {
    case 'noop':
      return (_bytes, start, end) => (start === end ? undefined : 'the no-op reply is not empty');
    case 'record':
      return check(SAMPLE_EVERY, beginsRecorded, decodeRecord);
    case 'checkQuota':
      return check(SAMPLE_EVERY, beginsAllowed, decodeQuota);
    case 'recordBatch': {
      const { batchEvents } = job;
      return check(
        BATCH_SAMPLE_EVERY,
        (bytes, start, end) => areAllRecorded(bytes, start, end, batchEvents),
        (bytes) => decodeBatch(bytes, batchEvents),
      );
    }
    case 'recordStream':
      throw new Error('acknowledgements of a stream are all decoded by its driver');
  }
}

/** A reply that does not look right may be right in another encoding: the decoder decides. */
function check(
  every: number,
  looksRight: (bytes: Buffer, start: number, end: number) => boolean,
  decode: (bytes: Buffer) => string | undefined,
): ReplyCheck {
  let untilSample = 1;
  return (bytes, start, end) => {
    untilSample--;
    if (untilSample > 0 && looksRight(bytes, start, end)) return undefined;
    if (untilSample === 0) untilSample = every;
    return decode(bytes.subarray(start, end));
  };
}

// What the usual encoding looks like: fields in the order of their numbers, and number 1 is the
// outcome (a varint), `allowed` (a varint), or one result of a batch (bytes).
const VARINT_FIELD_1 = 0x08;
const BYTES_FIELD_1 = 0x0a;

function beginsRecorded(bytes: Buffer, start: number, end: number): boolean {
  return (
    end - start > 2 &&
    bytes[start] === VARINT_FIELD_1 &&
    bytes[start + 1] === Outcome.OUTCOME_RECORDED
  );
}

function beginsAllowed(bytes: Buffer, start: number, end: number): boolean {
  return end - start > 2 && bytes[start] === VARINT_FIELD_1;
}

function areAllRecorded(bytes: Buffer, start: number, end: number, events: number): boolean {
  let at = start;
  for (let event = 0; event < events; event++) {
    if (bytes[at] !== BYTES_FIELD_1) return false;
    const low = bytes[at + 1] as number;
    const high = bytes[at + 2] as number;
    const isLong = low >= 0x80;
    if (isLong && high >= 0x80) return false;
    const body = at + (isLong ? 3 : 2);
    const next = body + (isLong ? (low & 0x7f) | (high << 7) : low);
    if (!beginsRecorded(bytes, body, next)) return false;
    at = next;
  }
  return at === end;
}

function decodeRecord(bytes: Buffer): string | undefined {
  const reply = RecordResponse.decode(bytes);
  if (reply.outcome !== Outcome.OUTCOME_RECORDED) return `Record: outcome ${reply.outcome}`;
  return reply.sequence > 0n ? undefined : 'Record: no sequence';
}

function decodeQuota(bytes: Buffer): string | undefined {
  const reply = CheckQuotaResponse.decode(bytes);
  return reply.allowed === undefined ? 'CheckQuota: no answer in the reply' : undefined;
}

function decodeBatch(bytes: Buffer, events: number): string | undefined {
  const { results } = RecordBatchResponse.decode(bytes);
  if (results.length !== events) return `RecordBatch: ${results.length} results`;
  const refused = results.find((result) => result.outcome !== Outcome.OUTCOME_RECORDED);
  if (refused === undefined) return undefined;
  return `RecordBatch: outcome ${refused.outcome} ${refused.message}`;
}
