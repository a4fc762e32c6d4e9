// The bodies of errors: google.rpc.Status with its details, and what older callers parse.

import type { FileRegistry, JsonObject } from '@bufbuild/protobuf';
import { present } from '../../base/assert.js';
import type { CommentOf } from './comments.js';
import { reference } from './values.js';

const DETAILS = ['ErrorInfo', 'BadRequest', 'QuotaFailure', 'RetryInfo'] as const;

/** The status and each of its details, which name their type as `Any` does; the older form. */
export function errorSchemas(registry: FileRegistry, commentOf: CommentOf): JsonObject {
  const about = (name: string) =>
    commentOf(present(registry.getMessage(`google.rpc.${name}`), name));
  const detail = (name: (typeof DETAILS)[number], properties: JsonObject): JsonObject => ({
    type: 'object',
    description: about(name),
    required: ['@type', ...Object.keys(properties)],
    properties: { '@type': { const: typeUrl(name) }, ...properties },
  });
  const texts = (...names: readonly string[]): JsonObject => ({
    type: 'array',
    items: {
      type: 'object',
      required: [...names],
      properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
    },
  });
  return {
    Detail: {
      type: 'object',
      description: 'Why a call over an older path failed. Branch on the HTTP status.',
      required: ['detail'],
      properties: { detail: { type: 'string', description: 'For people. Do not parse it.' } },
    },
    Status: {
      type: 'object',
      description: 'Why a call failed. Branch on the `reason` of the ErrorInfo.',
      required: ['code', 'message', 'details'],
      properties: {
        code: { type: 'integer', format: 'int32', description: 'gRPC status code.' },
        message: { type: 'string', description: 'For developers. Do not parse it.' },
        details: {
          type: 'array',
          items: {
            oneOf: DETAILS.map(reference),
            discriminator: {
              propertyName: '@type',
              mapping: Object.fromEntries(
                DETAILS.map((name) => [typeUrl(name), `#/components/schemas/${name}`]),
              ),
            },
          },
        },
      },
    },
    ErrorInfo: detail('ErrorInfo', {
      reason: { type: 'string', description: 'Stable, for example EVENT_ID_REUSED.' },
      domain: { const: 'tollgate.dev' },
      metadata: { type: 'object', additionalProperties: { type: 'string' } },
    }),
    BadRequest: detail('BadRequest', { field_violations: texts('field', 'description') }),
    QuotaFailure: detail('QuotaFailure', { violations: texts('subject', 'description') }),
    RetryInfo: detail('RetryInfo', {
      retry_delay: { type: 'string', pattern: '^[0-9]+(\\.[0-9]{1,9})?s$' },
    }),
  };
}

function typeUrl(name: string): string {
  return `type.googleapis.com/google.rpc.${name}`;
}
