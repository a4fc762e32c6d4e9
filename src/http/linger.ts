// An answer to a request whose body is still on its way. To end the connection then would reset it,
// and the reset takes the answer with it before its reader has seen it (RFC 9112, section 9.6). So
// what still comes is read for a while, and kept by nobody.

import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { SECOND_MS } from '../base/units.js';
import { limits } from '../limits.js';

const LINGER_MS = 2 * SECOND_MS;
const LINGER_BYTES = 2 * limits.messageBytes;

/** The answer at once, and its end when the body has ended or enough of it has come. */
export function lingering(body: string, request: IncomingMessage): Readable {
  return Readable.from(parts());

  async function* parts() {
    yield Buffer.from(body);
    if (!request.complete) await rest(request);
  }
}

function rest(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > LINGER_BYTES) done();
    };
    const timer = setTimeout(done, LINGER_MS);
    request.on('data', onData).once('end', done).once('close', done).resume();

    function done(): void {
      clearTimeout(timer);
      request.off('data', onData).off('end', done).off('close', done);
      resolve();
    }
  });
}
