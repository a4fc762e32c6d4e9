// What hostile clients do, each for as long as it is told to. Rates are bounded, and an attacker takes
// at most half of one core: it is the server that is tried, and not how fast the machine is.

import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { limits } from '../../src/limits.js';
import { encodeWindowUpdate, frameFlag, frameType } from '../bench/h2-frames.js';
import { createHpackDecoder } from '../bench/hpack.js';
import { drawsOf } from './draws.js';
import {
  CONTINUATION,
  callFields,
  data,
  type Field,
  type Frame,
  frame,
  GREETING,
  type H2Wire,
  headerBlock,
  headers,
  message,
  openH2Wire,
} from './h2-wire.js';
import { mutated, validCalls } from './mutations.js';

export interface Target {
  /** `host:port`, of gRPC and of HTTP. */
  readonly address: string;
  readonly http: string;
  /** A good one: what costs the server most is done by those who have one. */
  readonly key: string | undefined;
}

export interface Siege {
  readonly target: Target;
  readonly isOver: () => boolean;
  /** Gives the processor back: for as long as it was taken since the last time, or this long. */
  readonly rest: (leastMs?: number) => Promise<void>;
  /** Something was tried, or answered. */
  readonly note: (what: string, count?: number) => void;
}

export interface Attack {
  readonly name: string;
  readonly run: (siege: Siege) => Promise<void>;
}

const CALLS = validCalls();
const RECORD = '/tollgate.v1.MeteringService/Record';
const MIB = 1024 * 1024;
const REST_MS = 10;
const SOCKETS = 500;
const BOMBS = 64;

/** Until `seconds` are over; resolves with what was noted. */
export async function besiegeFor(
  seconds: number,
  { run }: Attack,
  target: Target,
): Promise<ReadonlyMap<string, number>> {
  const noted = new Map<string, number>();
  const untilMs = performance.now() + seconds * 1000;
  let restedMs = performance.now();
  await run({
    target,
    isOver: () => performance.now() >= untilMs,
    async rest(leastMs = REST_MS) {
      const busyMs = performance.now() - restedMs;
      await pause(Math.max(leastMs, busyMs));
      restedMs = performance.now();
    },
    note: (what, count = 1) => void noted.set(what, (noted.get(what) ?? 0) + count),
  });
  return noted;
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

const known = ({ key }: Target): readonly Field[] =>
  key === undefined ? [] : [['authorization', `Bearer ${key}`]];

const callOf = (target: Target, ...more: readonly Field[]) =>
  headerBlock(callFields(RECORD, ...known(target), ...more));

export const ATTACKS: readonly Attack[] = [
  {
    name: 'nothing but half of a core',
    async run(siege) {
      while (!siege.isOver()) {
        const untilMs = performance.now() + REST_MS;
        while (performance.now() < untilMs);
        await siege.rest();
      }
    },
  },
  { name: 'mutated messages', run: sendMutated },
  { name: 'noise after the preface', run: (siege) => onConnections(siege, 5, noise()) },
  {
    name: 'frames that lie about their length',
    run: (siege) => onConnections(siege, 5, () => Buffer.concat([GREETING, lie(siege.target)])),
  },
  {
    name: 'frames of no known type',
    run: (siege) => flood(siege, frame(0xfa, 0xff, 0, Buffer.alloc(64))),
  },
  { name: 'one byte at a time', run: drip },
  { name: 'idle and half-open connections', run: idle },
  {
    name: 'too much metadata',
    run: (siege) => onCalls(siege, 4, callOf(siege.target, ['x-long', 'x'.repeat(60_000)])),
  },
  {
    name: 'a message beyond the bound',
    run: (siege) => onCalls(siege, 8, callOf(siege.target), message(Buffer.alloc(9), 512 * MIB)),
  },
  { name: 'gzip bombs', run: bomb },
  {
    name: 'calls that are taken back at once',
    run: (siege) => onCalls(siege, 50, callOf(siege.target), 'reset'),
  },
  { name: 'CONTINUATION without an end', run: continueForEver },
  { name: 'PING', run: (siege) => flood(siege, frame(frameType.ping, 0, 0, Buffer.alloc(8))) },
  {
    name: 'SETTINGS',
    run: (siege) => flood(siege, frame(frameType.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 9]))),
  },
  {
    name: 'a window that overflows',
    run: (siege) =>
      onConnections(siege, 5, () => Buffer.concat([GREETING, encodeWindowUpdate(0, 0x7fff_ffff)])),
  },
  { name: 'HTTP that is none', run: speakNoHttp },
];

async function sendMutated({ target, isOver, rest, note }: Siege): Promise<void> {
  const client = new Client(target.address, credentials.createInsecure());
  const metadata = Metadata.fromHttp2Headers(Object.fromEntries(known(target)));
  const draw = drawsOf(1);
  const same = (bytes: Buffer) => bytes;
  const send = (path: string, bytes: Buffer) =>
    new Promise<string>((resolve) => {
      client.makeUnaryRequest(path, same, same, bytes, metadata, (error) =>
        resolve(status[error?.code ?? status.OK] ?? ''),
      );
    });
  for (let sent = 0; !isOver(); ) {
    const burst = Array.from({ length: 4 }, () => {
      const { path, bytes } = CALLS[sent++ % CALLS.length] ?? { path: '', bytes: Buffer.of() };
      return send(path, mutated(bytes, draw));
    });
    note('sent', burst.length);
    for (const answer of await Promise.all(burst)) note(answer);
    await rest();
  }
  client.close();
}

/** Connections by the dozen, each with these bytes and then silence. */
async function onConnections(
  { target, isOver, rest, note }: Siege,
  atOnce: number,
  bytes: () => Buffer,
): Promise<void> {
  const wires: H2Wire[] = [];
  while (!isOver()) {
    const some = Array.from({ length: atOnce }, () => openH2Wire({ address: target.address }));
    for (const on of await Promise.all(some)) {
      on.write(bytes());
      wires.push(on);
    }
    note('sent', atOnce);
    await rest();
  }
  end(wires, note);
}

function noise(): () => Buffer {
  const draw = drawsOf(2);
  return () =>
    Buffer.concat([GREETING, Buffer.from(Array.from({ length: 2000 }, () => draw(256)))]);
}

/** HEADERS of which the padding is longer than all of it, and PING of nine bytes. */
function lie(target: Target): Buffer {
  const block = callOf(target);
  const padded = frame(frameType.headers, 0x4 | 0x8, 1, Buffer.concat([Buffer.of(255), block]));
  return Buffer.concat([frame(frameType.ping, 0, 0, Buffer.alloc(9)), padded]);
}

/** On one connection, and on the next where that has ended. Answers are read. */
async function flood({ target, isOver, rest, note }: Siege, one: Buffer): Promise<void> {
  const many = Buffer.concat(Array.from({ length: 200 }, () => one));
  await onNewConnections({ target, isOver, note }, async (on) => {
    on.write(many);
    note('sent', 200);
    await rest();
  });
}

async function onNewConnections(
  { target, isOver, note }: Pick<Siege, 'target' | 'isOver' | 'note'>,
  step: (on: H2Wire) => Promise<void>,
): Promise<void> {
  while (!isOver()) {
    const on = await openH2Wire({ address: target.address });
    on.write(GREETING);
    const isDone = () =>
      on.socket.destroyed || on.frames.some((got) => got.type === frameType.goAway);
    while (!isOver() && !isDone()) await step(on);
    end([on], note);
  }
}

/** Each with the same headers; `body`: what comes after them. */
async function onCalls(
  { target, isOver, rest, note }: Siege,
  atOnce: number,
  block: Buffer,
  body: Buffer | 'reset' = Buffer.alloc(0),
): Promise<void> {
  let streamId = 1;
  let last: H2Wire | undefined;
  await onNewConnections({ target, isOver, note }, async (on) => {
    if (on !== last) streamId = 1;
    last = on;
    const burst = Array.from({ length: atOnce }, () => {
      const id = streamId;
      streamId += 2;
      const behind =
        body === 'reset'
          ? frame(frameType.rstStream, 0, id, Buffer.of(0, 0, 0, 8))
          : data(id, body, frameFlag.endStream);
      return Buffer.concat([headers(id, block), behind]);
    });
    on.write(...burst);
    note('sent', atOnce);
    await (body === 'reset' ? isHandled(on) : on.until(isLastOf(streamId - 2)));
    await rest();
  });
}

/** What was sent before is no longer on its way: a backlog would be of the attacker's making. */
async function isHandled(on: H2Wire): Promise<void> {
  const number = Buffer.alloc(8);
  number.writeUInt32BE(on.frames.length);
  on.write(frame(frameType.ping, 0, 0, number));
  await on.until(
    ({ type, payload }) =>
      type === frameType.goAway || (type === frameType.ping && payload.equals(number)),
  );
}

function isLastOf(streamId: number) {
  return (got: Frame) =>
    got.type === frameType.goAway ||
    (got.streamId === streamId && (got.type === frameType.rstStream || (got.flags & 1) !== 0));
}

function bomb(siege: Siege): Promise<void> {
  const zeros = gzipSync(Buffer.alloc(10 * MIB), { level: 9 });
  const block = callOf(siege.target, ['grpc-encoding', 'gzip']);
  return onCalls(siege, BOMBS, block, message(zeros, zeros.length, 1));
}

async function continueForEver({ target, isOver, rest, note }: Siege): Promise<void> {
  const part = headerBlock([['x-a', 'x'.repeat(100)]]);
  const many = Buffer.concat(Array.from({ length: 50 }, () => frame(CONTINUATION, 0, 1, part)));
  let last: H2Wire | undefined;
  await onNewConnections({ target, isOver, note }, async (on) => {
    if (on !== last) on.write(frame(frameType.headers, 0, 1, callOf(target)));
    last = on;
    on.write(many);
    note('sent', 50);
    await rest();
  });
}

/** 500 connections of both ports, each with a byte of a request now and then. */
async function drip({ target, isOver, rest, note }: Siege): Promise<void> {
  const slow = Buffer.concat([GREETING, headers(1, callOf(target))]);
  const slowHttp = Buffer.from(`POST /v1/usage HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(500)}`);
  const drips = await Promise.all(
    Array.from({ length: SOCKETS }, async (_, at) => {
      const isHttp = at % 2 === 0;
      const socket = await openSocket(isHttp ? target.http : target.address);
      return { socket, bytes: isHttp ? slowHttp : slow };
    }),
  );
  for (let at = 0; !isOver(); at++) {
    for (const group of [0, 1, 2, 3, 4]) {
      for (const { socket, bytes } of drips.slice(group * 100, group * 100 + 100)) {
        if (at < bytes.length) socket.write(bytes.subarray(at, at + 1));
        note('sent');
      }
      await rest(20);
    }
  }
  endSockets(drips, note);
}

/** A third says nothing, a third greets and is silent, a third has only ended its own side. */
async function idle({ target, isOver, note }: Siege): Promise<void> {
  const kinds = await Promise.all(
    Array.from({ length: SOCKETS }, async (_, at) => {
      const socket = await openSocket(at % 2 === 0 ? target.address : target.http);
      if (at % 3 === 1) socket.write(GREETING);
      if (at % 3 === 2) socket.end();
      return { socket };
    }),
  );
  note('sent', kinds.length);
  while (!isOver()) await pause(50);
  endSockets(kinds, note);
}

async function speakNoHttp({ target, isOver, rest, note }: Siege): Promise<void> {
  const post =
    'POST /v1/orgs/a/usage:record HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
  const requests = [
    'garbage\r\n\r\n',
    `${post}content-length: ${limits.messageBytes + 1}\r\n\r\n`,
    `${post}content-length: 9\r\n\r\n{`,
    'GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(50),
    `GET / HTTP/1.1\r\na: ${'x'.repeat(limits.httpHeaderBytes)}\r\n\r\n`,
  ];
  const open: { socket: Socket }[] = [];
  while (!isOver()) {
    for (const bytes of requests) {
      const socket = await openSocket(target.http);
      socket.write(bytes);
      open.push({ socket });
    }
    note('sent', requests.length);
    await rest();
  }
  endSockets(open, note);
}

function openSocket(address: string): Promise<Socket> {
  const colon = address.lastIndexOf(':');
  const at = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
  const socket = connect({ ...at, allowHalfOpen: true });
  // Without reading it would not see its end.
  socket.on('error', () => {}).resume();
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket)).once('close', () => resolve(socket));
  });
}

function endSockets(open: readonly { readonly socket: Socket }[], note: Siege['note']): void {
  for (const { socket } of open) {
    note(socket.destroyed || socket.readableEnded ? 'ended' : 'left open');
    socket.destroy();
  }
}

/** What came back on each, counted. */
function end(wires: readonly H2Wire[], note: Siege['note']): void {
  for (const { socket, frames } of wires) {
    const hpack = createHpackDecoder(4096);
    for (const { type, flags, payload } of frames) {
      if (type === frameType.headers) {
        const { grpcStatus } = hpack.decode(payload, 0, payload.length);
        if ((flags & frameFlag.endStream) !== 0) note(status[Number(grpcStatus)] ?? 'a reply');
      }
      if (type === frameType.rstStream) note(`reset ${payload.readUInt32BE(0)}`);
      if (type === frameType.goAway) note(`GOAWAY ${payload.readUInt32BE(4)}`);
      if (type === frameType.ping) note('PING');
    }
    note(socket.destroyed ? 'ended' : 'left open');
    socket.destroy();
  }
}
