// One writer serves all replies: each reply is what the generated code makes of it, whatever came
// before, a reply that could not be encoded included.

import { expect, test } from 'vitest';
import { RecordResponse } from '../../generated/ts/tollgate/v1/metering_service.js';
import { Reason } from '../../generated/ts/tollgate/v1/quota.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { meteringDefinition } from '../../src/grpc/reply-encoding.js';

function reply(eventId: string, sequence: bigint): RecordResponse {
  return {
    outcome: Outcome.OUTCOME_RECORDED,
    eventId,
    quantity: '1',
    sequence,
    recordedTime: { seconds: 1_795_000_000n, nanos: 1_000_000 },
    reason: Reason.REASON_WITHIN_LIMIT,
    message: '',
    plan: 'free',
    quotas: [],
    estimatedAmount: '0.01',
    currency: 'USD',
  };
}

const serialize = meteringDefinition.record.responseSerialize;
const plain = (message: RecordResponse) => Buffer.from(RecordResponse.encode(message).finish());

test('a reply has the bytes of the generated code, short after long and long after short', () => {
  for (const length of [3, 120, 5000, 1, 70_000, 10]) {
    const message = reply('e'.repeat(length), 7n);
    expect(serialize(message).equals(plain(message))).toBe(true);
  }
});

test('half of a reply that could not be encoded does not begin the next one', () => {
  expect(() => serialize(reply('too-large', 2n ** 70n))).toThrow('too large');
  const message = reply('next', 8n);
  expect(serialize(message).equals(plain(message))).toBe(true);
});
