// One stream of a connection, and the gRPC messages on it: a flag byte, a 32-bit length, the bytes.

import { writeUint32 } from './h2-frames.js';
import type { ReplyHeaders } from './hpack.js';

/** Reused from call to call, so that a call allocates nothing. */
export interface H2Stream {
  readonly events: StreamEvents;
  id: number;
  /** What the server still takes on this stream. */
  windowBytes: number;
  /** Received and not yet given back to the server as credit. */
  receivedBytes: number;
  /** Bytes that wait for a window. */
  queued: Buffer;
  endQueued: boolean;
  /** The head of a message whose rest has not arrived. */
  partial: Buffer;
}

/** `atMs` is performance.now(), read once per read of the socket. */
export interface StreamEvents {
  /** One whole message, bytes `start` to `end`; they are valid only during the call. */
  message(bytes: Buffer, start: number, end: number, atMs: number): void;
  /** The server ended the stream. */
  end(headers: ReplyHeaders, atMs: number): void;
  /** What waited for the server's window has been sent. */
  writable(atMs: number): void;
}

/** A message to be sent. `write` puts exactly `bytes` bytes at `at`. */
export interface Body {
  readonly bytes: number;
  write(target: Buffer, at: number): void;
}

export const EMPTY = Buffer.alloc(0);
export const MESSAGE_PREFIX_BYTES = 5;

export function createStream(events: StreamEvents): H2Stream {
  return {
    events,
    id: 0,
    windowBytes: 0,
    receivedBytes: 0,
    queued: EMPTY,
    endQueued: false,
    partial: EMPTY,
  };
}

export function writeMessage(target: Buffer, at: number, body: Body): void {
  target[at] = 0;
  writeUint32(target, at + 1, body.bytes);
  body.write(target, at + MESSAGE_PREFIX_BYTES);
}

/** Hands on every message that is whole, and keeps the rest for the next frame. */
export function readMessages(
  stream: H2Stream,
  frame: Buffer,
  start: number,
  end: number,
  atMs: number,
): void {
  let bytes = frame;
  let at = start;
  let last = end;
  if (stream.partial.length > 0) {
    bytes = Buffer.concat([stream.partial, frame.subarray(start, end)]);
    at = 0;
    last = bytes.length;
    stream.partial = EMPTY;
  }
  while (last - at >= MESSAGE_PREFIX_BYTES) {
    const body = at + MESSAGE_PREFIX_BYTES;
    const next = body + bytes.readUInt32BE(at + 1);
    if (next > last) break;
    if (bytes[at] !== 0) throw new Error('the server sent a compressed message');
    stream.events.message(bytes, body, next, atMs);
    at = next;
  }
  if (at < last) stream.partial = Buffer.from(bytes.subarray(at, last));
}
