// Bodies, read within two bounds: of each, and of all that are under way. Who calls is known only
// when the body is there, so it is strangers whose bodies are held. Where all together are too
// much, the oldest goes: it is the one that comes slowly.

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { limits } from '../limits.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Fault } from './problem.js';

/** Rejects with the BodyRefused. */
export type ReadBody = (request: IncomingMessage) => Promise<string>;

export class BodyRefused extends Error {
  readonly fault: Fault;

  constructor(fault: Fault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** A body within it needs no room: so many connections with as much are bounded already. */
const SMALL_BYTES = limits.httpBodiesBytes / limits.httpConnections;

interface Large {
  bytes: number;
  readonly refuse: (error: BodyRefused) => void;
}

export function openBodies(refused: Metrics['requestsRefused']['http']): ReadBody {
  /** Oldest first. */
  const large = new Set<Large>();
  let heldBytes = 0;
  return (request) =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      let held: Large | undefined;
      const declared = Number(request.headers['content-length'] ?? 0);
      if (declared > limits.messageBytes) {
        refused.body_too_large.add();
        reject(tooLarge());
        return;
      }
      request.on('data', onData).once('end', onEnd).once('error', onError);

      function onData(chunk: Buffer): void {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > limits.messageBytes) {
          refused.body_too_large.add();
          refuse(tooLarge());
        } else if (bytes > SMALL_BYTES) hold();
      }

      function hold(): void {
        if (held === undefined) {
          held = { bytes: 0, refuse };
          large.add(held);
        }
        heldBytes += bytes - held.bytes;
        held.bytes = bytes;
        while (heldBytes > limits.httpBodiesBytes) {
          refused.bodies_too_large.add();
          for (const oldest of large) {
            oldest.refuse(new BodyRefused('overloaded', 'too many bodies at a time; try again'));
            break;
          }
        }
      }

      function onEnd(): void {
        release();
        const body = Buffer.concat(chunks, bytes);
        if (isUtf8(body)) resolve(body.toString('utf8'));
        else reject(new BodyRefused('malformed', 'the body is not UTF-8'));
      }

      function onError(): void {
        refuse(new BodyRefused('malformed', 'the connection ended before the body did'));
      }

      function refuse(error: BodyRefused): void {
        release();
        chunks.length = 0;
        reject(error);
      }

      function release(): void {
        request.off('data', onData).off('end', onEnd);
        if (held === undefined) return;
        large.delete(held);
        heldBytes -= held.bytes;
        held = undefined;
      }
    });
}

function tooLarge(): BodyRefused {
  return new BodyRefused('too large', `a body may have ${limits.messageBytes} bytes`);
}
