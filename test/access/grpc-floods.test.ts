// Floods of what is cheap to send over HTTP/2: calls that are taken back (CVE-2023-44487), headers
// without an end (CVE-2024-27316), and frames that say nothing.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { encodeWindowUpdate, frameType } from '../bench/h2-frames.js';
import { besiege, stopAfterwards } from '../support/besieged.js';
import { catalogueYaml } from '../support/catalogue.js';
import {
  CONTINUATION,
  callFields,
  type Field,
  frame,
  GREETING,
  type H2Wire,
  headerBlock,
  headers,
  openH2Wire,
  statusOf,
} from '../support/h2-wire.js';
import { AUTH_ON, makeKey } from '../support/keys.js';
import { type Running, start } from '../support/service.js';

const RECORD = '/tollgate.v1.MeteringService/Record';

let running: Running;
let key: string;
const wires: H2Wire[] = [];

beforeAll(async () => {
  running = await start({ yaml: catalogueYaml(), flags: AUTH_ON });
  key = (await makeKey(running, { org_id: 'acme', roles: ['operator'] })).secret;
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

const credentials: [string, () => readonly Field[]][] = [
  ['no credential', () => []],
  ['a bad one', () => [authorization('tg_0123456789_nothing')]],
  ['a good one', () => [authorization(key)]],
];
test.each(credentials)(
  'a flood of calls that are taken back at once, with %s, ends',
  (_, fields) => {
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
  },
);

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
test.each(FRAMES)('a flood of %s is borne, or ends its connection', (_, one) =>
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

test('a flood of CONTINUATION ends its connection', () =>
  siege(async () => {
    for (const part of [Buffer.alloc(0), headerBlock([['x-a', 'x'.repeat(1000)]])]) {
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
