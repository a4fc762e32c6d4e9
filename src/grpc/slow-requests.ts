// Requests that do not come to an end: begun, and their last byte not here within a time. grpc-js
// waits for ever, and keeps what came. Looked for once a second, so that a call that comes whole
// costs nothing.

import type { ServerHttp2Stream } from 'node:http2';
import { SECOND_MS } from '../base/units.js';
import { limits } from '../limits.js';
import type { Counter } from '../telemetry/instruments.js';
import { cutOff, type OpenStreams } from './harden.js';

export interface SlowRequests {
  /** Its caller sends as long as it likes. */
  readonly allowEndless: (stream: ServerHttp2Stream) => void;
  /** Once a second. */
  readonly sweep: (connections: Iterable<{ readonly streams: OpenStreams | undefined }>) => void;
}

const SWEEPS = limits.requestMs / SECOND_MS;

export function openSlowRequests(refused: Counter): SlowRequests {
  const endless = new WeakSet<ServerHttp2Stream>();
  /** How many sweeps have met each that is not here whole. */
  let met = new Map<ServerHttp2Stream, number>();
  return {
    allowEndless: (stream) => void endless.add(stream),
    sweep(connections) {
      const now = new Map<ServerHttp2Stream, number>();
      for (const { streams } of connections) {
        if (streams === undefined || streams.size === 0) continue;
        for (const stream of streams.values()) {
          if (stream.readableEnded || stream.destroyed || endless.has(stream)) continue;
          const times = (met.get(stream) ?? 0) + 1;
          if (times <= SWEEPS) {
            now.set(stream, times);
            continue;
          }
          refused.add();
          cutOff(stream);
        }
      }
      met = now;
    },
  };
}
