// What is no request at all, or none within its time and size, is answered too, in the form of
// every refusal, and its connection ends.

import { type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { systemCode } from '../base/failure.js';
import { limits } from '../limits.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Connections } from './connections.js';
import type { Fault } from './problem.js';
import { refuse } from './transcode.js';

export function answerUnheard(
  server: Server,
  { isUnanswered }: Connections,
  ended: Metrics['connectionsEnded']['http'],
): void {
  server.on('clientError', (error: Error, stream) => {
    const socket = stream as Socket;
    const isGone = systemCode(error) === 'ECONNRESET';
    if (!isGone) ended[isLate(error) ? 'slow' : 'malformed'].add();
    if (isGone || !socket.writable || !isUnanswered(socket)) {
      socket.destroy();
      return;
    }
    const [fault, text] = faultOf(error);
    socket.end(written(fault, text), () => socket.destroy());
  });
}

function isLate(error: Error): boolean {
  const code = systemCode(error);
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' || code === 'ERR_TLS_HANDSHAKE_TIMEOUT';
}

/** As bytes, because there is no response where there was no request. */
function written(fault: Fault, text: string): string {
  const { status, headers, body } = refuse(fault, text);
  const fields = {
    ...headers,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}

function faultOf(error: Error): readonly [fault: Fault, text: string] {
  switch (systemCode(error)) {
    case 'HPE_HEADER_OVERFLOW':
      return ['headers too large', `the headers may have ${limits.httpHeaderBytes} bytes`];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['timed out', 'the request did not come in time'];
    default:
      return ['malformed', 'this is no request of HTTP/1.1'];
  }
}
