// A client without generated code: grpc-js and the proto files.
import { fileURLToPath } from 'node:url';
import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const PROTO = fileURLToPath(new URL('../../proto', import.meta.url));
// google/api/annotations.proto, for the HTTP bindings.
const GOOGLE = fileURLToPath(new URL('../../node_modules/protobufjs', import.meta.url));
const DEADLINE_MS = 5000;
const SERVICES = ['metering', 'subscription', 'invoice'].map((name) => {
  return `tollgate/v1/${name}_service.proto`;
});

export function openClient(address) {
  const definition = loadSync(SERVICES, {
    includeDirs: [PROTO, GOOGLE],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
  });
  const { v1 } = loadPackageDefinition(definition).tollgate;
  const services = ['MeteringService', 'SubscriptionService', 'InvoiceService'];
  const clients = services.map((name) => new v1[name](address, credentials.createInsecure()));
  return {
    call(method, request) {
      const options = { deadline: Date.now() + DEADLINE_MS };
      const client = clients.find((each) => method in each);
      return new Promise((resolve, reject) => {
        client[method](request, options, (error, reply) => {
          if (error === null) resolve(reply);
          else reject(error);
        });
      });
    },
    close() {
      for (const client of clients) client.close();
    },
  };
}
