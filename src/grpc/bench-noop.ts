// A method that does nothing, served only under TOLLGATE_BENCH_NOOP=1: the ceiling of the transport
// in the same process, which `make bench` divides by.

import type { Server, ServiceDefinition } from '@grpc/grpc-js';

export const NOOP_PATH = '/tollgate.bench.v1.Bench/Noop';
const NOTHING = Buffer.alloc(0);
const pass = (bytes: Buffer) => bytes;

const DEFINITION: ServiceDefinition = {
  noop: {
    path: NOOP_PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  },
};

export function addNoop(server: Server): void {
  server.addService(DEFINITION, {
    noop: (_call: unknown, callback: (error: null, reply: Buffer) => void) =>
      callback(null, NOTHING),
  });
}
