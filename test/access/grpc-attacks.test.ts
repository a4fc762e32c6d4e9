// What a stranger, or somebody with a key, can do to the gRPC port frame by frame: headers,
// messages, and floods of what is cheap to send. Those that wait are in `grpc-slow.test.ts`.

import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { limits } from '../../src/limits.js';
import { encodeWindowUpdate, frameFlag, frameType } from '../bench/h2-frames.js';
import { createHpackDecoder } from '../bench/hpack.js';
import { besiege, stopAfterwards } from '../support/besieged.js';
import { catalogueYaml } from '../support/catalogue.js';
import {
  CONTINUATION,
  callFields,
  data,
  type Field,
  frame,
  GREETING,
  type H2Wire,
  headerBlock,
  headers,
  message,
  openH2Wire,
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
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
const authorization = (value: string): Field => ['authorization', `Bearer ${value}`];

async function wire(): Promise<H2Wire> {
  const opened = await openH2Wire({ address: running.address });
  wires.push(opened);
  opened.write(GREETING);
  return opened;
}

/** The gRPC status of a stream, `reset N`, or `ended` with its connection. */
async function statusOf(on: H2Wire, streamId: number): Promise<string> {
  const isLast = (got: { type: number; flags: number }) =>
    got.type === frameType.rstStream ||
    (got.type === frameType.headers && (got.flags & frameFlag.endStream) !== 0);
  const last = await on.until(
    (got) => got.type === frameType.goAway || (got.streamId === streamId && isLast(got)),
  );
  if (last === undefined || last.type === frameType.goAway) return 'ended';
  if (last.type === frameType.rstStream) return `reset ${last.payload.readUInt32BE(0)}`;
  // Its tables are those of the whole connection.
  const hpack = createHpackDecoder(4096);
  let status = '';
  for (const { type, payload } of on.frames.slice(0, on.frames.indexOf(last) + 1)) {
    if (type === frameType.headers) status = hpack.decode(payload, 0, payload.length).grpcStatus;
  }
  return status;
}

async function answerTo(...fields: Field[]): Promise<string> {
  const on = await wire();
  on.write(headers(1, headerBlock(callFields(WHO_AM_I, ...fields))));
  on.write(data(1, message(NOTHING), frameFlag.endStream));
  return statusOf(on, 1);
}

const [OK, EXHAUSTED, INTERNAL, UNAUTHENTICATED] = ['0', '8', '13', '16'];

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
  test('what is said to be compressed and is garbage is refused, and a bomb too', () =>
    siege(async () => {
      const on = await wire();
      const gzip: Field = ['grpc-encoding', 'gzip'];
      const block = headerBlock(callFields(RECORD_BATCH, authorization(key), gzip));
      const garbage = Buffer.alloc(5000, 7);
      on.write(headers(1, block), data(1, message(garbage, garbage.length, 1)));
      expect(await statusOf(on, 1)).toBe(INTERNAL);
      on.write(headers(3, block), data(3, message(zeros, zeros.length, 1)));
      expect(await statusOf(on, 3)).toBe(EXHAUSTED);
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

describe('a flood of', () => {
  const credentials: [string, () => readonly Field[]][] = [
    ['no credential', () => []],
    ['a bad one', () => [authorization('tg_0123456789_nothing')]],
    ['a good one', () => [authorization(key)]],
  ];
  test.each(credentials)('calls that are taken back at once, with %s, ends', (_, fields) => {
    const block = headerBlock(callFields(RECORD, ...fields()));
    const cancel = Buffer.from([0, 0, 0, 8]);
    const bursts = Array.from({ length: 20 }, (__, burst) => {
      const ids = Array.from({ length: 1000 }, (___, at) => 1 + 2 * (1000 * burst + at));
      const calls = ids.flatMap((id) => [
        headers(id, block),
        frame(frameType.rstStream, 0, id, cancel),
      ]);
      return Buffer.concat(calls);
    });
    return siege(async () => {
      const on = await wire();
      for (const burst of bursts) {
        on.write(burst);
        await pause(50);
      }
      // Node hears nothing more on it, and grpc-js's keepalive ends it within 40 s.
      expect(await on.until(({ type }) => type === frameType.goAway)).toBeDefined();
    });
  });

  const ping = frame(frameType.ping, 0, 0, Buffer.alloc(8));
  const settings = frame(frameType.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 9]));
  const FRAMES: [string, Buffer][] = [
    ['PING', ping],
    ['SETTINGS', settings],
    ['WINDOW_UPDATE by 0', encodeWindowUpdate(0, 0)],
    ['WINDOW_UPDATE by 1', encodeWindowUpdate(0, 1)],
    ['empty DATA', frame(frameType.data, 0, 1)],
    ['PRIORITY', frame(2, 0, 1, Buffer.from([0, 0, 0, 3, 1]))],
    ['frames of no known type', frame(0xfa, 0xff, 1, Buffer.alloc(16))],
  ];
  test.each(FRAMES)('%s is borne, or ends its connection', (_, one) =>
    siege(async () => {
      const on = await wire();
      on.write(headers(1, headerBlock(callFields(RECORD, authorization(key)))));
      const thousand = Buffer.concat(Array.from({ length: 1000 }, () => one));
      on.socket.pause();
      for (let burst = 0; burst < 40 && !on.socket.destroyed; burst++) {
        on.write(thousand);
        await pause(10);
      }
    }),
  );

  test('CONTINUATION ends its connection', () =>
    siege(async () => {
      for (const part of [NOTHING, headerBlock([['x-a', 'x'.repeat(1000)]])]) {
        const on = await wire();
        on.write(frame(frameType.headers, 0, 1, headerBlock(callFields(RECORD))));
        const thousand = Array.from({ length: 1000 }, () => frame(CONTINUATION, 0, 1, part));
        for (let burst = 0; burst < 40 && !on.socket.destroyed; burst++) {
          on.write(...thousand);
          await pause(10);
        }
        expect(await statusOf(on, 1)).toBe('ended');
      }
    }));
});
