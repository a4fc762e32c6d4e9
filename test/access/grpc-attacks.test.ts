// What a stranger, or somebody with a key, can do to the gRPC port with headers and messages. Floods
// are in `grpc-floods.test.ts`, those that wait in `grpc-slow.test.ts`.

import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { limits } from '../../src/limits.js';
import { frameFlag } from '../bench/h2-frames.js';
import { besiege, stopAfterwards } from '../support/besieged.js';
import { catalogueYaml } from '../support/catalogue.js';
import {
  callFields,
  data,
  type Field,
  GREETING,
  type H2Wire,
  headerBlock,
  headers,
  message,
  openH2Wire,
  statusOf,
  text,
} from '../support/h2-wire.js';
import { AUTH_ON, makeKey } from '../support/keys.js';
import { type Running, start } from '../support/service.js';

const RECORD = '/tollgate.v1.MeteringService/Record';
const RECORD_BATCH = '/tollgate.v1.MeteringService/RecordBatch';
const WHO_AM_I = '/tollgate.v1.AccessService/WhoAmI';
const MIB = 1024 * 1024;
const NOTHING = Buffer.alloc(0);

let running: Running;
let key: string;
let other: string;
const wires: H2Wire[] = [];

beforeAll(async () => {
  running = await start({ yaml: catalogueYaml(), flags: AUTH_ON });
  key = (await makeKey(running, { org_id: 'acme', roles: ['operator'] })).secret;
  other = (await makeKey(running, { org_id: 'bolt', roles: ['operator'] })).secret;
});
afterAll(() => stopAfterwards(running));
afterEach(() => {
  for (const { socket } of wires.splice(0)) socket.destroy();
});

const siege = (attack: () => Promise<void>) => besiege({ running, key }, attack);
const authorization = (value: string): Field => ['authorization', `Bearer ${value}`];

async function wire(): Promise<H2Wire> {
  const opened = await openH2Wire({ address: running.address });
  wires.push(opened);
  opened.write(GREETING);
  return opened;
}

async function answerTo(...fields: Field[]): Promise<string> {
  const on = await wire();
  on.write(headers(1, headerBlock(callFields(WHO_AM_I, ...fields))));
  on.write(data(1, message(NOTHING), frameFlag.endStream));
  return statusOf(on, 1);
}

const [OK, EXHAUSTED, UNIMPLEMENTED, UNAUTHENTICATED] = ['0', '8', '12', '16'];

describe('credentials', () => {
  test('are taken from either header', async () => {
    expect(await answerTo(authorization(key))).toBe(OK);
    expect(await answerTo(['x-api-key', key])).toBe(OK);
    expect(await answerTo(authorization(key), ['x-api-key', key])).toBe(OK);
  });

  const TWO: [string, () => Field[]][] = [
    ['two of authorization, the good one first', () => [authorization(key), authorization('x')]],
    ['two of authorization, the good one last', () => [authorization('x'), authorization(key)]],
    ['two good ones', () => [authorization(key), authorization(other)]],
    ['one in each header', () => [authorization(key), ['x-api-key', other]]],
    ['a good one and something else', () => [authorization('x'), ['x-api-key', key]]],
    ['two of x-api-key', () => [['x-api-key', key] as Field, ['x-api-key', other] as Field]],
  ];
  test.each(TWO)('that are not one are none: %s', async (_, fields) => {
    expect(await answerTo(...fields())).toBe(UNAUTHENTICATED);
  });

  test('of nearly all the metadata there may be are refused', () =>
    siege(async () => {
      expect(await answerTo(authorization('x'.repeat(limits.metadataBytes - 500)))).toBe(
        UNAUTHENTICATED,
      );
    }));
});

describe('metadata', () => {
  const many = (count: number, value: string) =>
    Array.from({ length: count }, (_, at): Field => [`x-${at}`, value]);
  const kib = (count: number) => 'x'.repeat(count * 1024);
  const TOO_MUCH: [string, Buffer][] = [
    ['a field beyond the bound', headerBlock([['x-long', kib(8)]])],
    ['a field of 60 KiB', headerBlock([['x-long', kib(60)]])],
    ['a field of 70 KiB', headerBlock([['x-long', kib(70)]])],
    ['a credential of 60 KiB', headerBlock([['x-api-key', kib(60)]])],
    ['200 small fields', headerBlock(many(200, ''))],
    ['10,000 small fields', headerBlock(many(10_000, ''))],
    ['a binary field of 60 KiB', headerBlock([['x-bin', kib(60)]])],
    ['a field in the table, named 20,000 times', bomb()],
  ];
  test.each(TOO_MUCH)('%s is the end of its call, or of its connection', (_, much) =>
    siege(async () => {
      const own = headerBlock(callFields(RECORD, authorization(key)));
      const block = Buffer.concat([own, much]);
      for (let connection = 0; connection < 20; connection++) {
        const on = await wire();
        on.write(headers(1, block), data(1, message(NOTHING), frameFlag.endStream));
        expect(await statusOf(on, 1)).toMatch(/^(ended|reset \d+)$/);
      }
    }),
  );

  /** 4 KiB that stand for 80 MB: each byte names the newest field of the table. */
  function bomb(): Buffer {
    const entry = Buffer.concat([Buffer.of(0x40), text('x-bomb'), text('x'.repeat(4000))]);
    return Buffer.concat([entry, Buffer.alloc(20_000, 0x80 | 62)]);
  }

  test('that is not base64, and names that are none, are no fault of ours', () =>
    siege(async () => {
      expect(await answerTo(authorization(key), ['x-bin', '!!!!'])).toBe(OK);
      expect(await answerTo(authorization(key), ['X-Upper', 'x'])).toMatch(/^(reset 1|ended)$/);
      expect(await answerTo(authorization(key), ['', 'x'])).toMatch(/^(reset 1|ended|0)$/);
    }));
});

describe('of a message', () => {
  const part = message(Buffer.alloc(MIB), 4 * MIB);

  test('nothing is read without a credential, however much of it is sent', () =>
    siege(async () => {
      const on = await wire();
      for (let call = 0; call < 30; call++) {
        const streamId = 1 + 2 * call;
        on.write(headers(streamId, headerBlock(callFields(RECORD))));
        on.write(data(streamId, part));
        expect(await statusOf(on, streamId)).toBe(UNAUTHENTICATED);
      }
    }));

  test('a length beyond the bound is refused before its bytes are there', () =>
    siege(async () => {
      const on = await wire();
      on.write(headers(1, headerBlock(callFields(RECORD, authorization(key)))));
      on.write(data(1, message(Buffer.alloc(9), 0xffff_ffff)));
      expect(await statusOf(on, 1)).toBe(EXHAUSTED);
    }));

  const zeros = gzipSync(Buffer.alloc(64 * MIB));
  test('what is said to be compressed is refused unread: garbage, a bomb, or what is well packed', () =>
    siege(async () => {
      const on = await wire();
      const gzip: Field = ['grpc-encoding', 'gzip'];
      const block = headerBlock(callFields(RECORD_BATCH, authorization(key), gzip));
      const packed = [Buffer.alloc(5000, 7), zeros, gzipSync(Buffer.alloc(9))];
      for (const [at, bytes] of packed.entries()) {
        const streamId = 1 + 2 * at;
        on.write(headers(streamId, block), data(streamId, message(bytes, bytes.length, 1)));
        expect(await statusOf(on, streamId)).toBe(UNIMPLEMENTED);
      }
    }));

  test('health and reflection take few bytes, from whoever sends them', () =>
    siege(async () => {
      for (const path of ['/grpc.health.v1.Health/Check', '/grpc.health.v1.Health/Watch', '/no']) {
        const on = await wire();
        for (let call = 0; call < 10; call++) {
          const streamId = 1 + 2 * call;
          on.write(headers(streamId, headerBlock(callFields(path))));
          on.write(data(streamId, part));
          await statusOf(on, streamId);
        }
      }
    }));
});
