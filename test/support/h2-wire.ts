// One HTTP/2 connection to a server, frame by frame: what no client would send, and what comes back.

import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  encodeGreeting,
  FRAME_HEADER_BYTES,
  frameFlag,
  frameType,
  protocolDefault,
  readUint31,
  writeFrameHeader,
} from '../bench/h2-frames.js';
import { createHpackDecoder } from '../bench/hpack.js';

export const CONTINUATION = 9;
const EMPTY = Buffer.alloc(0);
/** Preface, SETTINGS and the WINDOW_UPDATE of a client that means well. */
export const GREETING = encodeGreeting(1024 * 1024, 16 * 1024 * 1024);

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer = EMPTY,
): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, streamId);
  payload.copy(bytes, FRAME_HEADER_BYTES);
  return bytes;
}

export type Field = readonly [name: string, value: string];

/** Each field as a literal that no table remembers (RFC 7541, 6.2.2). */
export function headerBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

/** A length of 7 bits and more (RFC 7541, 5.1), and no Huffman code. */
export function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>>= 7) length.push(0x80 | (rest & 0x7f));
  return Buffer.concat([Buffer.of(...length, rest), bytes]);
}

export const callFields = (path: string, ...more: readonly Field[]): readonly Field[] => [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', path],
  [':authority', 'x'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
  ...more,
];

/** HEADERS, and CONTINUATION where one frame is too small. */
export function headers(streamId: number, block: Buffer, flags = 0): Buffer {
  const size = protocolDefault.frameBytes;
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += size) {
    const isLast = at + size >= block.length;
    const type = at === 0 ? frameType.headers : CONTINUATION;
    const own = (at === 0 ? flags : 0) | (isLast ? frameFlag.endHeaders : 0);
    parts.push(frame(type, own, streamId, block.subarray(at, at + size)));
  }
  return Buffer.concat(parts);
}

/** A message as gRPC frames it; `declared` bytes that need not be there. */
export function message(payload: Buffer, declared = payload.length, compressed = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed;
  prefix.writeUInt32BE(declared, 1);
  return Buffer.concat([prefix, payload]);
}

/** DATA frames of the usual size. */
export function data(streamId: number, payload: Buffer, flags = 0): Buffer {
  const size = protocolDefault.frameBytes;
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += size) {
    const own = at + size >= payload.length ? flags : 0;
    parts.push(frame(frameType.data, own, streamId, payload.subarray(at, at + size)));
  }
  return Buffer.concat(parts);
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export interface H2Wire {
  readonly socket: Socket;
  readonly write: (...parts: readonly Buffer[]) => void;
  readonly frames: readonly Frame[];
  /** The first such frame; undefined where the connection ends without. */
  readonly until: (wanted: (frame: Frame) => boolean) => Promise<Frame | undefined>;
  /** Milliseconds since it was opened. */
  readonly ended: Promise<number>;
}

export interface WireOptions {
  /** `host:port`. */
  readonly address: string;
  readonly tls?: 'on' | 'off';
  /** Whether SETTINGS and PING are acknowledged, as any client does. */
  readonly polite?: 'on' | 'off';
}

export async function openH2Wire(options: WireOptions): Promise<H2Wire> {
  const { address, tls = 'off', polite = 'on' } = options;
  const colon = address.lastIndexOf(':');
  const at = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
  const startedMs = performance.now();
  const socket: Socket =
    tls === 'on'
      ? connectTls({ ...at, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
      : connect(at);
  const frames: Frame[] = [];
  const watchers = new Set<(frame: Frame) => void>();
  socket.on('error', () => {});
  const ended = new Promise<number>((resolve) => {
    socket.once('close', () => resolve(performance.now() - startedMs));
  });
  let carry: Buffer = EMPTY;
  socket.on('data', (chunk) => {
    carry = carry.length === 0 ? chunk : Buffer.concat([carry, chunk]);
    while (carry.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + carry.readUIntBE(0, 3);
      if (carry.length < end) return;
      const [type = 0, flags = 0] = carry.subarray(3, 5);
      const payload = Buffer.from(carry.subarray(FRAME_HEADER_BYTES, end));
      const got: Frame = { type, flags, streamId: readUint31(carry, 5), payload };
      carry = carry.subarray(end);
      onFrame(got);
    }
  });

  function onFrame(got: Frame): void {
    frames.push(got);
    const isRequest = (got.flags & frameFlag.ack) === 0 && polite === 'on';
    if (isRequest && got.type === frameType.settings) {
      socket.write(frame(frameType.settings, frameFlag.ack, 0));
    }
    if (isRequest && got.type === frameType.ping) {
      socket.write(frame(frameType.ping, frameFlag.ack, 0, got.payload));
    }
    for (const watch of watchers) watch(got);
  }

  await new Promise<void>((resolve) => {
    socket.once(tls === 'on' ? 'secureConnect' : 'connect', resolve);
    socket.once('close', () => resolve());
  });
  const wire: H2Wire = {
    socket,
    frames,
    ended,
    write: (...parts) => void socket.write(Buffer.concat(parts)),
    until(wanted) {
      const known = frames.find(wanted);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((resolve) => {
        watchers.add((got) => wanted(got) && resolve(got));
        void ended.then(() => resolve(undefined));
      });
    },
  };
  return wire;
}

/** The gRPC status of a stream, `reset N`, or `ended` with its connection. */
export async function statusOf(on: H2Wire, streamId: number): Promise<string> {
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
