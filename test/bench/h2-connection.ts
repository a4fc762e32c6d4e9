// One HTTP/2 connection of a gRPC client, over a plain socket: requests are copied from bytes made
// once, replies are looked at only as far as needed to know that each one is OK.
//
// It costs little because it does little: no padding, no priorities, no CONTINUATION, no compressed
// messages, one method. Whatever else arrives fails the connection, loudly.

import { connect } from 'node:net';
import {
  encodeGreeting,
  FRAME_HEADER_BYTES,
  frameFlag,
  frameType,
  protocolDefault,
  readUint31,
  setting,
} from './h2-frames.js';
import { createSender, type EndStream } from './h2-sender.js';
import { type Body, EMPTY, type H2Stream, readMessages } from './h2-stream.js';
import { createHpackDecoder, encodeRequestHeaders } from './hpack.js';

export interface ConnectionOptions {
  /** `host:port` or the absolute path of a Unix socket. */
  readonly address: string;
  /** `/package.Service/Method`. */
  readonly method: string;
  /** Of every call; absent: none. */
  readonly authorization?: string;
  /** The connection retires when its ids reach this. */
  readonly streamIdMax: number;
  /** Called once; nothing on this connection is answered any more. */
  failed(error: Error): void;
}

/** Inside an event of a stream `flush` follows by itself; elsewhere the caller must. */
export interface H2Connection {
  /** True where it takes no more streams. */
  readonly retired: boolean;
  /** Opens the stream with its first message. */
  start(stream: H2Stream, body: Body, endStream: EndStream): void;
  send(stream: H2Stream, body: Body): void;
  finish(stream: H2Stream): void;
  flush(): void;
  close(): void;
}

const READ_BYTES = 256 * 1024;
/** So large that the server never waits for us; credit is given back by the half of it. */
const STREAM_WINDOW_BYTES = 16 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 1024 * 1024 * 1024;
const CREDIT_BYTES = STREAM_WINDOW_BYTES / 2;
const SETTINGS_WAIT_MS = 5000;

/** Resolves when the server's SETTINGS are known. */
export function openH2Connection(options: ConnectionOptions): Promise<H2Connection> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => {
      reject(error);
      options.failed(error);
    };
    startConnection({ ...options, failed }, resolve);
  });
}

function startConnection(options: ConnectionOptions, ready: (it: H2Connection) => void): void {
  const { address } = options;
  const headers = encodeRequestHeaders(options.method, authorityOf(address), options.authorization);
  const hpack = createHpackDecoder(protocolDefault.headerTableBytes);
  const open = new Map<number, H2Stream>();
  let streamWindowBytes: number = protocolDefault.windowBytes;
  let streamsMax = Number.POSITIVE_INFINITY;
  let receivedBytes = 0;
  let nextId = 1;
  let retired = false;
  let closed = false;
  let carry = EMPTY;
  let turnMs = 0;

  const socket = connect({
    ...socketAddress(address),
    noDelay: true,
    onread: { buffer: Buffer.allocUnsafe(READ_BYTES), callback: onRead },
  });
  const sender = createSender((bytes) => {
    socket.write(bytes);
    return socket.writableLength === 0 ? 'taken' : 'held';
  });
  const settingsTimer = setTimeout(() => {
    fail(new Error(`${address} sent no SETTINGS: not an HTTP/2 server`));
  }, SETTINGS_WAIT_MS);
  socket.on('error', fail);
  socket.on('close', () => fail(new Error(`${address} closed the connection`)));
  socket.write(encodeGreeting(STREAM_WINDOW_BYTES, CONNECTION_WINDOW_BYTES));

  const connection: H2Connection = {
    get retired() {
      return retired;
    },
    start,
    send: (stream, body) => sender.message(stream, body, 'more'),
    finish: sender.finish,
    flush: sender.flush,
    close,
  };

  function start(stream: H2Stream, body: Body, endStream: EndStream): void {
    if (open.size >= streamsMax) throw new Error(`the server takes only ${streamsMax} streams`);
    const block = nextId === 1 ? headers.first : headers.rest;
    stream.id = nextId;
    stream.windowBytes = streamWindowBytes;
    stream.receivedBytes = 0;
    open.set(nextId, stream);
    nextId += 2;
    if (nextId > options.streamIdMax) retired = true;
    sender.headers(stream, block);
    sender.message(stream, body, endStream);
  }

  function onRead(length: number, chunk: Uint8Array): boolean {
    turnMs = performance.now();
    const read = chunk as Buffer;
    const end = carry.length + length;
    const bytes = carry.length === 0 ? read : Buffer.concat([carry, read.subarray(0, length)]);
    try {
      const at = readFrames(bytes, end);
      // A copy: the read buffer is used again.
      carry = at === end ? EMPTY : Buffer.from(bytes.subarray(at, end));
      if (!closed) sender.flush();
    } catch (error) {
      fail(error as Error);
    }
    return true;
  }

  /** Returns where the first incomplete frame begins. */
  function readFrames(bytes: Buffer, end: number): number {
    let at = 0;
    while (end - at >= FRAME_HEADER_BYTES && !closed) {
      const next = at + FRAME_HEADER_BYTES + bytes.readUIntBE(at, 3);
      if (next > end) break;
      onFrame(bytes, at, next);
      at = next;
    }
    return at;
  }

  function onFrame(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at + 3];
    const flags = bytes[at + 4] as number;
    const streamId = readUint31(bytes, at + 5);
    const start = at + FRAME_HEADER_BYTES;
    const isAck = (flags & frameFlag.ack) !== 0;
    switch (type) {
      case frameType.data:
        onData(streamId, flags, bytes, start, end);
        break;
      case frameType.headers:
        onHeaders(streamId, flags, bytes, start, end);
        break;
      case frameType.windowUpdate:
        onWindowUpdate(streamId, readUint31(bytes, start));
        break;
      case frameType.settings:
        if (!isAck) onSettings(bytes, start, end);
        break;
      case frameType.ping:
        if (!isAck) sender.pong(bytes.subarray(start, end));
        break;
      case frameType.rstStream:
        onReset(streamId, bytes.readUInt32BE(start));
        break;
      case frameType.goAway:
        onGoAway(bytes, start, end);
        break;
      default:
        throw new Error(`unexpected HTTP/2 frame of type ${type}`);
    }
  }

  function onData(id: number, flags: number, bytes: Buffer, start: number, end: number): void {
    if (flags & frameFlag.padded) throw new Error('padded DATA is not supported');
    if (flags & frameFlag.endStream) throw new Error('the server ended a stream without trailers');
    const stream = openStream(id);
    receivedBytes += end - start;
    if (receivedBytes >= CREDIT_BYTES) {
      sender.credit(0, receivedBytes);
      receivedBytes = 0;
    }
    stream.receivedBytes += end - start;
    if (stream.receivedBytes >= CREDIT_BYTES) {
      sender.credit(id, stream.receivedBytes);
      stream.receivedBytes = 0;
    }
    readMessages(stream, bytes, start, end, turnMs);
  }

  function onHeaders(id: number, flags: number, bytes: Buffer, start: number, end: number): void {
    if ((flags & ~frameFlag.endStream) !== frameFlag.endHeaders) {
      throw new Error(`HEADERS with flags ${flags} are not supported`);
    }
    const reply = hpack.decode(bytes, start, end);
    const stream = openStream(id);
    if ((flags & frameFlag.endStream) === 0) {
      if (reply.httpStatus !== '200') throw new Error(`HTTP status ${reply.httpStatus}`);
      return;
    }
    open.delete(id);
    sender.drop(stream);
    stream.partial = EMPTY;
    stream.events.end(reply, turnMs);
    if (retired && open.size === 0) close();
  }

  function openStream(id: number): H2Stream {
    const stream = open.get(id);
    if (stream === undefined) throw new Error(`a frame for stream ${id}, which is not open`);
    return stream;
  }

  function onWindowUpdate(id: number, increment: number): void {
    if (id === 0) {
      sender.grow(increment);
    } else {
      const stream = open.get(id);
      // A late update for a stream that has ended says nothing.
      if (stream === undefined) return;
      stream.windowBytes += increment;
    }
    resume();
  }

  function resume(): void {
    sender.resume((stream) => stream.events.writable(turnMs));
  }

  function onSettings(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at += 6) {
      applySetting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    }
    sender.acknowledgeSettings();
    resume();
    clearTimeout(settingsTimer);
    ready(connection);
  }

  function applySetting(id: number, value: number): void {
    switch (id) {
      case setting.headerTableSize:
        // The index bytes of `headers.rest` need their table.
        if (value < protocolDefault.headerTableBytes) throw new Error('header table too small');
        break;
      case setting.maxConcurrentStreams:
        streamsMax = value;
        break;
      case setting.maxFrameSize:
        sender.frameBytesMax(value);
        break;
      case setting.initialWindowSize:
        for (const stream of open.values()) stream.windowBytes += value - streamWindowBytes;
        streamWindowBytes = value;
        break;
    }
  }

  function onReset(id: number, code: number): void {
    if (open.has(id)) throw new Error(`the server reset stream ${id} with code ${code}`);
  }

  function onGoAway(bytes: Buffer, start: number, end: number): void {
    const lastId = readUint31(bytes, start);
    const code = bytes.readUInt32BE(start + 4);
    const isLost = [...open.keys()].some((id) => id > lastId);
    if (code !== 0 || isLost) {
      throw new Error(`GOAWAY with code ${code}: ${bytes.toString('latin1', start + 8, end)}`);
    }
    retired = true;
    if (open.size === 0) close();
  }

  function fail(error: Error): void {
    if (closed) return;
    close();
    options.failed(error);
  }

  function close(): void {
    closed = true;
    retired = true;
    clearTimeout(settingsTimer);
    socket.destroySoon();
  }
}

function socketAddress(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith('/')) return { path: address };
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

function authorityOf(address: string): string {
  return address.startsWith('/') ? 'localhost' : address;
}
