// The no-op by node:http2 alone, with replies of the same shape as grpc-js gives: what is left of
// the transport's cost without the library. Prints {"pid","address"}; ends when its standard input
// does.
//
//   node dist/bench-esm/test/bench/noop-http2.js

import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

const REPLY_HEADERS = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-accept-encoding': 'identity,deflate,gzip',
  'grpc-encoding': 'identity',
};
const TRAILERS = { 'grpc-status': '0', 'grpc-message': 'OK' };
const EMPTY_MESSAGE = Buffer.alloc(5);

const server = createServer();
server.on('stream', (stream) => {
  stream.on('end', () => reply(stream));
  stream.on('error', (error) => process.stderr.write(`${error.message}\n`));
  stream.resume();
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  const line = { pid: process.pid, address: `127.0.0.1:${port}` };
  process.stdout.write(`${JSON.stringify(line)}\n`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));

function reply(stream: ServerHttp2Stream): void {
  stream.respond(REPLY_HEADERS, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(TRAILERS));
  stream.end(EMPTY_MESSAGE);
}
