// Messages of very many elements: counted before they are taken apart, and refused.

import { credentials, Metadata, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MeteringServiceClient } from '../../generated/ts/tollgate/v1/metering_service.js';
import { Durability } from '../../generated/ts/tollgate/v1/usage_event.js';
import { hasTooMany, openDecoders } from '../../src/grpc/element-bound.js';
import { meteringDefinition } from '../../src/grpc/reply-encoding.js';
import { readContract } from '../../src/http/bindings.js';
import { limits } from '../../src/limits.js';
import { AUTH_ON, bearer, makeKey } from '../support/keys.js';
import { ask, event } from '../support/requests.js';
import { type Running, start } from '../support/service.js';

const MIB = 1024 * 1024;
/** `events` of a RecordBatchRequest, each empty. */
const empty = (count: number) => Buffer.alloc(2 * count).fill(Buffer.from([0x12, 0x00]));

describe('counting', () => {
  const shape = [undefined, undefined, [undefined, undefined, []]];
  const counted = (bytes: number[], most: number) => hasTooMany(Buffer.from(bytes), shape, most);
  test.each<[what: string, bytes: number[], elements: number]>([
    ['nothing', [], 0],
    ['a number, a text and a fixed one', [0x08, 0x01, 0x0a, 0x02, 0x12, 0x12, 0x0d, 0, 0, 0, 0], 3],
    ['empty messages', [0x12, 0, 0x12, 0, 0x12, 0], 3],
    ['fields in messages in messages', [0x12, 0x06, 0x12, 0x02, 0x08, 0x01, 0x08, 0x01], 4],
    ['an unknown group, and what follows it', [0x3b, 0x08, 0x01, 0x3c, 0x12, 0, 0x12, 0], 5],
    ['a tag that is longer than it need be', [0x92, 0x80, 0x00, 0x02, 0x08, 0x01], 2],
    [
      'a length beyond 32 bits, of which the decoder takes the lower',
      [0x12, 0x82, 0x80, 0x80, 0x80, 0x10, 0x08, 0x01],
      2,
    ],
    [
      'an inner message that ends behind its outer one',
      [0x12, 0x02, 0x12, 0x04, 0x08, 0x01, 0x08, 0x01],
      4,
    ],
    ['what stops in the middle', [0x12, 0x04, 0x08], 2],
    ['a wire type that there is not', [0x0f, 0x12, 0x00], 1],
  ])('%s', (_what, bytes, elements) => {
    expect(counted(bytes, elements)).toBe(false);
    if (elements > 0) expect(counted(bytes, elements - 1)).toBe(true);
  });
});

describe('a decoder', () => {
  const { path, requestSerialize, requestDeserialize } = meteringDefinition.recordBatch;
  const noCounter = { add: () => undefined };
  const decode = openDecoders(readContract(), noCounter)(path, requestDeserialize);

  test('decodes what is short as ever', () => {
    const durability = Durability.DURABILITY_FSYNC;
    const request = { orgId: 'acme', events: [], atomic: true, durability, enforceQuota: false };
    const bytes = requestSerialize(request);
    expect(decode(bytes)).toEqual(requestDeserialize(bytes));
  });

  test('refuses what is no such message, and says so', () => {
    const cut = Buffer.from([0x0a, 0x05, 0x61]);
    expect(() => decode(cut)).toThrow(/^request: is no RecordBatchRequest: /);
  });
});

describe('a server', () => {
  let running: Running;
  let known: Metadata;
  let client: MeteringServiceClient;

  beforeAll(async () => {
    running = await start({ flags: AUTH_ON });
    const { secret } = await makeKey(running, { org_id: 'acme', roles: ['operator'] });
    known = Metadata.fromHttp2Headers(bearer(secret));
    client = new MeteringServiceClient(running.address, credentials.createInsecure());
  });
  afterAll(async () => {
    client.close();
    await running.stop();
  });

  test('refuses two million events without the memory for them', async () => {
    const bytes = empty(2 * MIB - 100);
    const before = process.memoryUsage().heapUsed;
    const refusals = await Promise.all([1, 2, 3].map(() => send(bytes)));
    for (const { code, details } of refusals) {
      expect(code).toBe(status.INVALID_ARGUMENT);
      expect(details).toContain(`${limits.messageElements} elements`);
    }
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50 * MIB);
  });

  test('takes the largest batch that there may be', async () => {
    const dimensions = Array.from(
      { length: limits.dimensions },
      (_, i) => [`key-${i}`, 'v'.repeat(200)] as const,
    );
    const events = Array.from({ length: limits.batchEvents }, (_, i) =>
      event({ orgId: 'acme', eventId: `e-${i}`, meter: 'executions', quantity: '1', dimensions }),
    );
    const { results } = await ask(running, 'recordBatch', { orgId: 'acme', events }, known);
    expect(results).toHaveLength(limits.batchEvents);
  });

  function send(bytes: Buffer): Promise<{ readonly code: number; readonly details: string }> {
    const { path } = meteringDefinition.recordBatch;
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        path,
        (each: Buffer) => each,
        (each) => each,
        bytes,
        known,
        (error) => resolve({ code: error?.code ?? 0, details: error?.details ?? '' }),
      );
    });
  }
});
