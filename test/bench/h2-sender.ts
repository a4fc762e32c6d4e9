// The sending half of a connection: frames of one turn collect in one buffer and leave in one
// write; DATA keeps to the server's windows, of the stream and of the connection.

import {
  FRAME_HEADER_BYTES,
  frameFlag,
  frameType,
  protocolDefault,
  writeFrameHeader,
  writeUint32,
} from './h2-frames.js';
import {
  type Body,
  EMPTY,
  type H2Stream,
  MESSAGE_PREFIX_BYTES,
  writeMessage,
} from './h2-stream.js';

export type EndStream = 'end' | 'more';

export interface Sender {
  headers(stream: H2Stream, block: Buffer): void;
  message(stream: H2Stream, body: Body, endStream: EndStream): void;
  /** Half-closes, after what is queued. */
  finish(stream: H2Stream): void;
  /** Forgets what is queued: the server ended the stream. */
  drop(stream: H2Stream): void;
  /** Lets the server send `increment` bytes more; stream 0 is the connection. */
  credit(streamId: number, increment: number): void;
  acknowledgeSettings(): void;
  pong(ping: Buffer): void;
  /** The connection's window grew. */
  grow(increment: number): void;
  frameBytesMax(bytes: number): void;
  /** Sends what the windows now take. `resumed` is told of each stream that has nothing left. */
  resume(resumed: (stream: H2Stream) => void): void;
  flush(): void;
}

const BUFFER_BYTES = 64 * 1024;

/** `write` answers whether the bytes were taken at once: then their buffer is used again. */
export function createSender(write: (bytes: Buffer) => 'taken' | 'held'): Sender {
  const blocked = new Set<H2Stream>();
  let buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  let used = 0;
  let windowBytes: number = protocolDefault.windowBytes;
  let frameMax: number = protocolDefault.frameBytes;

  /** Returns where the frame's payload goes. */
  function frame(length: number, type: number, flags: number, streamId: number): number {
    const at = used;
    used += FRAME_HEADER_BYTES + length;
    if (used > buffer.length) {
      const grown = Buffer.allocUnsafe(used * 2);
      buffer.copy(grown, 0, 0, at);
      buffer = grown;
    }
    writeFrameHeader(buffer, at, length, type, flags, streamId);
    return at + FRAME_HEADER_BYTES;
  }

  function headers(stream: H2Stream, block: Buffer): void {
    const at = frame(block.length, frameType.headers, frameFlag.endHeaders, stream.id);
    buffer.set(block, at);
  }

  function message(stream: H2Stream, body: Body, endStream: EndStream): void {
    const length = MESSAGE_PREFIX_BYTES + body.bytes;
    const room = Math.min(frameMax, windowBytes, stream.windowBytes);
    if (length > room || stream.queued.length > 0) {
      const bytes = Buffer.allocUnsafe(length);
      writeMessage(bytes, 0, body);
      stream.queued = Buffer.concat([stream.queued, bytes]);
      stream.endQueued = endStream === 'end';
      sendQueued(stream);
      return;
    }
    const flags = endStream === 'end' ? frameFlag.endStream : 0;
    const at = frame(length, frameType.data, flags, stream.id);
    writeMessage(buffer, at, body);
    windowBytes -= length;
    stream.windowBytes -= length;
  }

  function sendQueued(stream: H2Stream): void {
    while (stream.queued.length > 0) {
      const room = Math.min(frameMax, windowBytes, stream.windowBytes);
      if (room <= 0) {
        blocked.add(stream);
        return;
      }
      const part = stream.queued.subarray(0, room);
      stream.queued = stream.queued.subarray(part.length);
      const isLast = stream.queued.length === 0 && stream.endQueued;
      const flags = isLast ? frameFlag.endStream : 0;
      const at = frame(part.length, frameType.data, flags, stream.id);
      buffer.set(part, at);
      windowBytes -= part.length;
      stream.windowBytes -= part.length;
    }
    drop(stream);
  }

  function finish(stream: H2Stream): void {
    if (stream.queued.length > 0) stream.endQueued = true;
    else frame(0, frameType.data, frameFlag.endStream, stream.id);
  }

  function drop(stream: H2Stream): void {
    stream.queued = EMPTY;
    stream.endQueued = false;
    blocked.delete(stream);
  }

  function credit(streamId: number, increment: number): void {
    const at = frame(4, frameType.windowUpdate, 0, streamId);
    writeUint32(buffer, at, increment);
  }

  function pong(ping: Buffer): void {
    const at = frame(ping.length, frameType.ping, frameFlag.ack, 0);
    buffer.set(ping, at);
  }

  function resume(resumed: (stream: H2Stream) => void): void {
    for (const stream of blocked) {
      sendQueued(stream);
      if (stream.queued.length === 0) resumed(stream);
    }
  }

  function flush(): void {
    if (used === 0) return;
    const bytes = buffer.subarray(0, used);
    used = 0;
    if (write(bytes) === 'held') buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  }

  return {
    headers,
    message,
    finish,
    drop,
    credit,
    acknowledgeSettings: () => void frame(0, frameType.settings, frameFlag.ack, 0),
    pong,
    grow(increment) {
      windowBytes += increment;
    },
    frameBytesMax(bytes) {
      frameMax = bytes;
    },
    resume,
    flush,
  };
}
