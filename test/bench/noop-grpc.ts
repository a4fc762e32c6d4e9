// The no-op by grpc-js as it comes: what a server costs that does nothing, and nothing about what
// Node and grpc-js do for each call (src/ARCHITECTURE.md, decision 17). Prints {"pid","address"};
// ends when its standard input does.
//
//   node dist/bench-esm/test/bench/noop-grpc.js

import { Server, ServerCredentials } from '@grpc/grpc-js';
import { addNoop } from '../../src/grpc/bench-noop.js';

const server = new Server();
addNoop(server);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  const line = { pid: process.pid, address: `127.0.0.1:${port}` };
  process.stdout.write(`${JSON.stringify(line)}\n`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
