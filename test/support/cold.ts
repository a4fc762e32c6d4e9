// The administrative services as a caller in any language sees them: a client made from the .proto
// files, messages as plain objects with the names of the contract.

import { join } from 'node:path';
import {
  type Client,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** Whatever a reply holds. */
export type Json = ReturnType<typeof JSON.parse>;
type Unary = (
  request: object,
  metadata: Metadata,
  done: (error: ServiceError | null, reply: Json) => void,
) => void;

const ROOT = join(import.meta.dirname, '../..');
const SERVICES = [
  'access',
  'catalog',
  'organization',
  'subscription',
  'invoice',
  'correction',
  'admin',
  'metering',
  'notification',
];

const loaded = loadPackageDefinition(
  loadSync(
    SERVICES.map((name) => `tollgate/v1/${name}_service.proto`),
    {
      includeDirs: [join(ROOT, 'proto'), join(ROOT, 'node_modules/protobufjs')],
      keepCase: true,
      longs: Number,
      enums: String,
      defaults: true,
    },
  ),
);

/** A service in this process or in one of its own. */
type Called = { readonly address: string };

const clients = new WeakMap<Called, Map<string, Client>>();

/** `await cold(running, 'Invoice', 'ListInvoices', { org_id: 'acme' })`. */
export function cold(
  running: Called,
  service: string,
  method: string,
  request: object = {},
  metadata: Readonly<Record<string, string>> = {},
): Promise<Json> {
  const client = clientOf(running, `${service}Service`);
  const call = Reflect.get(client, method) as Unary;
  return new Promise((resolve, reject) => {
    call.call(client, request, Metadata.fromHttp2Headers(metadata), (error, reply) => {
      if (error === null) resolve(reply);
      else reject(error);
    });
  });
}

function clientOf(running: Called, name: string): Client {
  const known = clients.get(running) ?? new Map<string, Client>();
  clients.set(running, known);
  const client = known.get(name) ?? makeClient(running, name);
  known.set(name, client);
  return client;
}

function makeClient(running: Called, name: string): Client {
  const { v1 } = loaded['tollgate'] as { readonly v1: GrpcObject };
  const Made = v1[name] as unknown as new (
    address: string,
    insecure: ReturnType<typeof credentials.createInsecure>,
  ) => Client;
  return new Made(running.address, credentials.createInsecure());
}

/** A time of a message, from text. */
export function time(text: string): { readonly seconds: number; readonly nanos: number } {
  const ms = Date.parse(text);
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 };
}

export function timeText(given: { seconds: number; nanos: number } | null): string {
  if (given === null) return '';
  return new Date(given.seconds * 1000 + given.nanos / 1_000_000).toISOString();
}
