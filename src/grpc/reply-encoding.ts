// Encoding replies. The generated code makes a writer per reply, which grows as it is written to, and
// copies the result twice; on the hot path one writer serves all replies, and its result is used as
// it is. grpc-js copies it once more, into the frame.

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

interface Encoder<Message> {
  readonly encode: (message: Message, writer?: BinaryWriter) => BinaryWriter;
}

let writer = new BinaryWriter();

function serialize<Message>({ encode }: Encoder<Message>): (message: Message) => Buffer {
  return (message) => {
    try {
      const bytes = encode(message, writer).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    } catch (error) {
      // Half a message must not begin the next one.
      writer = new BinaryWriter();
      throw error;
    }
  };
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
