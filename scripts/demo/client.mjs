// A client without generated code: grpc-js and the proto files.
import { fileURLToPath } from 'node:url';
import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const PROTO = fileURLToPath(new URL('../../proto', import.meta.url));
// google/api/annotations.proto, for the HTTP bindings.
const GOOGLE = fileURLToPath(new URL('../../node_modules/protobufjs', import.meta.url));
const DEADLINE_MS = 5000;

export function openClient(address) {
  const definition = loadSync('tollgate/v1/metering_service.proto', {
    includeDirs: [PROTO, GOOGLE],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
  });
  const { MeteringService } = loadPackageDefinition(definition).tollgate.v1;
  const client = new MeteringService(address, credentials.createInsecure());
  return {
    call(method, request) {
      const options = { deadline: Date.now() + DEADLINE_MS };
      return new Promise((resolve, reject) => {
        client[method](request, options, (error, reply) => {
          if (error === null) resolve(reply);
          else reject(error);
        });
      });
    },
    close: () => client.close(),
  };
}
