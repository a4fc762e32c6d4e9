// The OpenAPI document: HTTP paths, requests, replies and errors, from the descriptors of the
// contract with their comments; what is no RPC is described by hand. Same input, same bytes.

import { createFileRegistry, fromBinary, type JsonObject } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { assert } from '../../base/assert.js';
import { DENY_AS_ERROR } from '../../rpc/edge.js';
import { firstParagraph, readComments } from './comments.js';
import { errorSchemas } from './error-schemas.js';
import { failureResponses } from './errors.js';
import { locate } from './located.js';
import { describeOlderPaths, OLDER_TAG, olderSchemas } from './older/operations.js';
import { describePaths } from './operations.js';
import type { RpcFacts } from './rpc-facts.js';
import { describeSchemas, inOrder } from './schemas.js';
import { describeWatch } from './watch-operation.js';

const INFO: JsonObject = {
  title: 'Tollgate',
  version: 'v1',
  summary: 'Metering, quotas, prices and invoices beside an agent orchestrator.',
  description: [
    'The same calls as over gRPC, in JSON. Names of fields are snake_case. Quantities and amounts',
    'of money are decimal texts, 64-bit integers are texts, times are RFC 3339. A reply has every',
    'field but messages and optional values that are not set.\n\nA refusal, such as a quota that',
    `is used up, is data in a reply with status 200, unless \`${DENY_AS_ERROR}\` asks for an`,
    'error; any other status is `google.rpc.Status`. Older paths have a form of their own.',
  ].join(' '),
  license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
};

const SECURITY_SCHEMES: JsonObject = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key, or another credential that the server is set up to take.',
  },
  apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'An API key.' },
};

/**
 * `descriptors` is a FileDescriptorSet with its imports and source info; `rpcs` has a row for each
 * `Service/Method` that is unary.
 */
export function openApiDocument(
  descriptors: Uint8Array,
  rpcs: ReadonlyMap<string, RpcFacts>,
): JsonObject {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  const commentOf = readComments(registry.files);
  const bindings = locate(registry);
  const methods = [...new Set(bindings.map(({ method }) => method))];
  const inPath = new Set(bindings.flatMap(({ variables }) => variables.map(({ field }) => field)));
  const bodies = new Set(
    bindings.filter(({ body }) => body === 'whole').map(({ method }) => method),
  );
  const schemas = describeSchemas({ methods, withBody: [...bodies], commentOf, inPath });
  const services = [...new Set(methods.map(({ parent }) => parent))];

  const options = { commentOf, schemas, rpcs };
  const named = [schemas.all(), errorSchemas(registry, commentOf), olderSchemas()].flatMap((some) =>
    Object.entries(some),
  );
  const byName = new Map(named);
  assert(byName.size === named.length, 'no two schemas have one name');
  return {
    openapi: '3.1.1',
    info: INFO,
    // Beside the document, wherever that is served.
    servers: [{ url: './' }],
    security: [{ bearer: [] }, { apiKey: [] }],
    tags: [
      ...services.map((service) => ({
        name: service.name,
        description: firstParagraph(commentOf(service)),
      })),
      OLDER_TAG,
    ],
    paths: {
      ...describePaths(bindings, options),
      ...describeWatch(),
      ...describeOlderPaths(bindings, options),
    },
    components: {
      securitySchemes: SECURITY_SCHEMES,
      responses: failureResponses(),
      schemas: inOrder(byName),
    },
  };
}
