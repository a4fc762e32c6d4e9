// What a call answers that fails: google.rpc.Status in JSON, one HTTP code for each gRPC code.

import type { FileRegistry, JsonObject } from '@bufbuild/protobuf';
import { present } from '../../base/assert.js';
import { takesVersion } from '../call-headers.js';
import type { CommentOf } from './comments.js';
import type { Located } from './located.js';
import { reference } from './values.js';

interface Failure {
  readonly status: number;
  readonly name: string;
  readonly text: string;
  readonly retryAfter?: true;
  readonly appliesTo: (operation: Operation) => boolean;
}

interface Operation {
  readonly binding: Located;
  /** The comment of the RPC. */
  readonly comment: string;
}

const always = () => true;
/** Asked for denials as errors, it answers a suspension so. */
const DENYING: ReadonlySet<string> = new Set(['CheckQuota']);
const hasBody = ({ binding }: Operation) => binding.body === 'whole';

const FAILURES: readonly Failure[] = [
  {
    status: 400,
    name: 'BadRequest',
    text: 'INVALID_ARGUMENT or OUT_OF_RANGE: BadRequest names the fields. Do not retry unchanged.',
    appliesTo: always,
  },
  {
    status: 401,
    name: 'Unauthenticated',
    text: 'UNAUTHENTICATED: no credential, or one that is not known, ended or revoked.',
    appliesTo: always,
  },
  {
    status: 403,
    name: 'PermissionDenied',
    text: 'PERMISSION_DENIED: the credential lacks the permission, or is for others.',
    appliesTo: always,
  },
  {
    status: 404,
    name: 'NotFound',
    text: 'NOT_FOUND: there is no such object, or no such path.',
    appliesTo: ({ binding, comment }) =>
      binding.variables.length > 0 || comment.includes('NOT_FOUND'),
  },
  {
    status: 409,
    name: 'Conflict',
    text: 'ALREADY_EXISTS or FAILED_PRECONDITION: the reason says what is in the way.',
    appliesTo: ({ binding, comment }) =>
      binding.verb !== 'GET' ||
      /ALREADY_EXISTS|FAILED_PRECONDITION/.test(comment) ||
      DENYING.has(binding.method.name),
  },
  {
    status: 412,
    name: 'EtagMismatch',
    text: 'ABORTED (ETAG_MISMATCH): the object has changed; read it again and decide anew.',
    appliesTo: ({ binding }) => takesVersion(binding.method.input),
  },
  {
    status: 413,
    name: 'BodyTooLarge',
    text: 'The body is larger than is taken.',
    appliesTo: hasBody,
  },
  {
    status: 415,
    name: 'NotJson',
    text: 'The body is not `application/json`.',
    appliesTo: hasBody,
  },
  {
    status: 429,
    name: 'ResourceExhausted',
    text: 'RESOURCE_EXHAUSTED: a rate, a quota or a bound; the reason says whether waiting helps.',
    retryAfter: true,
    appliesTo: always,
  },
  {
    status: 500,
    name: 'Internal',
    text: 'INTERNAL or UNKNOWN: the outcome is not known; the server log says more.',
    appliesTo: always,
  },
  {
    status: 503,
    name: 'Unavailable',
    text: 'UNAVAILABLE, or a full disk or journal: nothing was changed. Retry with the same ids.',
    retryAfter: true,
    appliesTo: always,
  },
];

const RETRY_AFTER: JsonObject = {
  description: 'Seconds to wait at least.',
  schema: { type: 'integer', minimum: 0 },
};

/** By status code, for one operation. */
export function failuresOf(operation: Operation): JsonObject {
  const fitting = FAILURES.filter(({ appliesTo }) => appliesTo(operation));
  return Object.fromEntries(
    fitting.map(({ status, name }) => [status, { $ref: `#/components/responses/${name}` }]),
  );
}

/** What `failuresOf` refers to. */
export function failureResponses(): JsonObject {
  return Object.fromEntries(
    FAILURES.map(({ name, text, retryAfter }) => [
      name,
      {
        description: text,
        ...(retryAfter ? { headers: { 'Retry-After': RETRY_AFTER } } : {}),
        content: { 'application/json': { schema: reference('Status') } },
      },
    ]),
  );
}

const DETAILS = ['ErrorInfo', 'BadRequest', 'QuotaFailure', 'RetryInfo'] as const;

/** The status and each of its details, which name their type as `Any` does. */
export function statusSchemas(registry: FileRegistry, commentOf: CommentOf): JsonObject {
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
