// Encoding replies. The generated code makes a writer per reply, which grows as it is written to,
// and copies the result twice: 2.6 µs for a reply of Record, 0.9 µs with one writer for all replies
// of the hot path.

import { BinaryWriter } from '@bufbuild/protobuf/wire';
import {
  CheckQuotaResponse,
  MeteringServiceService,
  RecordBatchResponse,
  RecordResponse,
  RecordStreamResponse,
  ReserveResponse,
  SettleResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { assert } from '../base/assert.js';

interface Encoder<Message> {
  readonly encode: (message: Message, writer?: BinaryWriter) => BinaryWriter;
}

/** Private in the writer, whose package is pinned. */
interface Inside {
  readonly buffer: Uint8Array;
  pos: number;
}

let writer = new BinaryWriter();

function serialize<Message>({ encode }: Encoder<Message>): (message: Message) => Buffer {
  return (message) => {
    try {
      return take(encode(message, writer));
    } catch (error) {
      // Half a message must not begin the next one.
      writer = new BinaryWriter();
      throw error;
    }
  };
}

/** What was written; the writer begins anew. */
function take(written: BinaryWriter): Buffer {
  const inside = written as unknown as Inside;
  const { buffer, pos } = inside;
  assert(Number.isInteger(pos), 'the writer has its fields');
  inside.pos = 0;
  return Buffer.from(buffer.subarray(0, pos));
}

const { record, recordBatch, recordStream, checkQuota, reserve, settle } = MeteringServiceService;

export const meteringDefinition = {
  ...MeteringServiceService,
  record: { ...record, responseSerialize: serialize(RecordResponse) },
  recordBatch: { ...recordBatch, responseSerialize: serialize(RecordBatchResponse) },
  recordStream: { ...recordStream, responseSerialize: serialize(RecordStreamResponse) },
  checkQuota: { ...checkQuota, responseSerialize: serialize(CheckQuotaResponse) },
  reserve: { ...reserve, responseSerialize: serialize(ReserveResponse) },
  settle: { ...settle, responseSerialize: serialize(SettleResponse) },
};
