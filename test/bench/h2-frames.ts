// The few HTTP/2 frames (RFC 9113) that a gRPC client needs, as bytes.

export const FRAME_HEADER_BYTES = 9;

export const frameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;

export const frameFlag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8 } as const;

export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
} as const;

/** What holds until the peer says otherwise. */
export const protocolDefault = {
  headerTableBytes: 4096,
  windowBytes: 65_535,
  frameBytes: 16_384,
  streamIdMax: 0x7fff_ffff,
} as const;

export function writeFrameHeader(
  target: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  writeUint32(target, at + 5, streamId);
}

export function writeUint32(target: Buffer, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

export function readUint31(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) & 0x7fff_ffff;
}

/** Preface, SETTINGS and the connection's WINDOW_UPDATE: what a client says first. */
export function encodeGreeting(streamWindowBytes: number, connectionWindowBytes: number): Buffer {
  const settings: [number, number][] = [
    [setting.enablePush, 0],
    [setting.initialWindowSize, streamWindowBytes],
  ];
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + settings.length * 6);
  writeFrameHeader(frame, 0, settings.length * 6, frameType.settings, 0, 0);
  settings.forEach(([id, value], index) => {
    const at = FRAME_HEADER_BYTES + index * 6;
    frame.writeUInt16BE(id, at);
    frame.writeUInt32BE(value, at + 2);
  });
  const increment = connectionWindowBytes - protocolDefault.windowBytes;
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
    frame,
    encodeWindowUpdate(0, increment),
  ]);
}

export function encodeWindowUpdate(streamId: number, increment: number): Buffer {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + 4);
  writeFrameHeader(frame, 0, 4, frameType.windowUpdate, 0, streamId);
  writeUint32(frame, FRAME_HEADER_BYTES, increment);
  return frame;
}
