// Which connection makes room at the bound on those of gRPC, and what is counted of it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { limits } from '../../src/limits.js';
import { frameFlag, frameType } from '../bench/h2-frames.js';
import { catalogueYaml } from '../support/catalogue.js';
import {
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
  statusOf,
} from '../support/h2-wire.js';
import { AUTH_ON, bootstrapKey } from '../support/keys.js';
import { type Running, start } from '../support/service.js';

const WHO_AM_I = '/tollgate.v1.AccessService/WhoAmI';
const RECORD_STREAM = '/tollgate.v1.MeteringService/RecordStream';
/** Beyond 511 that nobody has accepted yet, the system makes clients wait. */
const AT_ONCE = 50;

let running: Running;
let key: string;
const wires: H2Wire[] = [];
const authorization = (): Field => ['authorization', `Bearer ${key}`];

beforeAll(async () => {
  running = await start({ yaml: catalogueYaml(), flags: AUTH_ON });
  // No other client: its connection would count.
  key = bootstrapKey(running);
});
afterAll(async () => {
  for (const { socket } of wires) socket.destroy();
  await running.stop();
});

test('one with a proved credential does when none without is left, one with a call never', async () => {
  const ended = running.core.metrics.connectionsEnded.grpc;
  const { grpcConnections: most } = limits;
  /** On a slow machine a silent one may be ended for that first. */
  const madeRoom = () => ended.evicted.value() + ended.slow.value();
  const busyAndOldest = await busy();
  const idle = await proved();
  const silent = await several(most - 2, () => opened('off'));
  expect(ended.evicted.value()).toBe(0);

  const others = await several(most - 2, busy);
  expect(silent.filter(({ socket }) => !socket.destroyed)).toEqual([]);
  expect(madeRoom()).toBe(most - 2);
  expect(idle.socket.destroyed).toBe(false);

  others.push(await busy());
  await idle.ended;
  expect(madeRoom()).toBe(most - 1);

  const oneMore = await opened('off');
  await oneMore.ended;
  expect(ended.no_room.value()).toBe(1);
  expect([busyAndOldest, ...others].filter(({ socket }) => socket.destroyed)).toEqual([]);
});

async function several(count: number, make: () => Promise<H2Wire>): Promise<H2Wire[]> {
  const made: H2Wire[] = [];
  while (made.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - made.length) }, make);
    made.push(...(await Promise.all(some)));
  }
  return made;
}

async function opened(polite: 'on' | 'off'): Promise<H2Wire> {
  const on = await openH2Wire({ address: running.address, polite });
  wires.push(on);
  return on;
}

/** Its one call has ended. */
async function proved(): Promise<H2Wire> {
  const on = await opened('on');
  const block = headerBlock(callFields(WHO_AM_I, authorization()));
  on.write(GREETING, headers(1, block), data(1, message(Buffer.alloc(0)), frameFlag.endStream));
  expect(await statusOf(on, 1)).toBe('0');
  return on;
}

/** Has a stream that does not end. */
async function busy(): Promise<H2Wire> {
  const on = await proved();
  const block = headerBlock(callFields(RECORD_STREAM, authorization()));
  on.write(headers(3, block), frame(frameType.ping, 0, 0, Buffer.alloc(8)));
  await on.until(({ type, flags }) => type === frameType.ping && flags === frameFlag.ack);
  return on;
}
