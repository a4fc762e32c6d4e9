// What a call answers that fails: one HTTP code for each gRPC code, the body in one of two forms.

import type { JsonObject } from '@bufbuild/protobuf';
import { reference } from './values.js';

/** Of one operation. */
export interface Failing {
  readonly needsCredential: boolean;
  readonly hasBody: boolean;
  /** What it names may not be there. */
  readonly mayMiss: boolean;
  /** Something may be in its way. */
  readonly mayConflict: boolean;
  readonly takesVersion: boolean;
}

/** google.rpc.Status, or `{"detail": text}`: the names of their schemas. */
export type ErrorForm = 'Status' | 'Detail';

interface Failure {
  readonly status: number;
  readonly name: string;
  readonly text: string;
  /** The same without the contract's words; absent where no older path fails so. */
  readonly older?: string;
  readonly retryAfter?: true;
  readonly appliesTo: (operation: Failing) => boolean;
}

const FAILURES: readonly Failure[] = [
  {
    status: 400,
    name: 'BadRequest',
    text: 'INVALID_ARGUMENT or OUT_OF_RANGE: BadRequest names the fields. Do not retry unchanged.',
    older: 'A field is not as it must be; the text names it. Do not retry unchanged.',
    appliesTo: ({ needsCredential }) => needsCredential,
  },
  {
    status: 401,
    name: 'Unauthenticated',
    text: 'UNAUTHENTICATED: no credential, or one that is not known, ended or revoked.',
    older: '`Missing API key`, or `Invalid API key`: not known, ended or revoked.',
    appliesTo: ({ needsCredential }) => needsCredential,
  },
  {
    status: 403,
    name: 'PermissionDenied',
    text: 'PERMISSION_DENIED: the credential lacks the permission, or is for others.',
    older: 'The credential lacks the permission, or is for others.',
    appliesTo: ({ needsCredential }) => needsCredential,
  },
  {
    status: 404,
    name: 'NotFound',
    text: 'NOT_FOUND: there is no such object, or no such path.',
    older: 'There is no such object, or no such path.',
    appliesTo: ({ mayMiss }) => mayMiss,
  },
  {
    status: 409,
    name: 'Conflict',
    text: 'ALREADY_EXISTS or FAILED_PRECONDITION: the reason says what is in the way.',
    older: 'The text says what is in the way.',
    appliesTo: ({ mayConflict }) => mayConflict,
  },
  {
    status: 412,
    name: 'EtagMismatch',
    text: 'ABORTED (ETAG_MISMATCH): the object has changed; read it again and decide anew.',
    appliesTo: ({ takesVersion }) => takesVersion,
  },
  {
    status: 413,
    name: 'BodyTooLarge',
    text: 'The body is larger than is taken.',
    older: 'The body is larger than is taken.',
    appliesTo: ({ hasBody }) => hasBody,
  },
  {
    status: 415,
    name: 'NotJson',
    text: 'The body is not `application/json`.',
    older: 'The body is not `application/json`.',
    appliesTo: ({ hasBody }) => hasBody,
  },
  {
    status: 429,
    name: 'ResourceExhausted',
    text: 'RESOURCE_EXHAUSTED: a rate, a quota or a bound; the reason says whether waiting helps.',
    older: 'A rate or a bound; waiting helps where `Retry-After` is given.',
    retryAfter: true,
    appliesTo: ({ needsCredential }) => needsCredential,
  },
  {
    status: 500,
    name: 'Internal',
    text: 'INTERNAL or UNKNOWN: the outcome is not known; the server log says more.',
    older: 'The outcome is not known; the server log says more.',
    appliesTo: () => true,
  },
  {
    status: 503,
    name: 'Unavailable',
    text: 'UNAVAILABLE, or a full disk or journal: nothing was changed. Retry with the same ids.',
    older: 'Not now, and nothing was changed: `Billing not initialized` while the server starts.',
    retryAfter: true,
    appliesTo: () => true,
  },
];

const RETRY_AFTER: JsonObject = {
  description: 'Seconds to wait at least.',
  schema: { type: 'integer', minimum: 0 },
};

/** By status code, for one operation. */
export function failuresOf(operation: Failing, form: ErrorForm): JsonObject {
  const fitting = FAILURES.filter(({ appliesTo }) => appliesTo(operation));
  return Object.fromEntries(
    fitting.map(({ status, name }) => [
      status,
      { $ref: `#/components/responses/${responseName(name, form)}` },
    ]),
  );
}

/** What `failuresOf` refers to. */
export function failureResponses(): JsonObject {
  return {
    ...Object.fromEntries(FAILURES.map((failure) => responseOf(failure, failure.text, 'Status'))),
    ...Object.fromEntries(
      FAILURES.flatMap((failure) =>
        failure.older === undefined ? [] : [responseOf(failure, failure.older, 'Detail')],
      ),
    ),
  };
}

function responseOf({ name, retryAfter }: Failure, description: string, form: ErrorForm) {
  const response: JsonObject = {
    description,
    ...(retryAfter ? { headers: { 'Retry-After': RETRY_AFTER } } : {}),
    content: { 'application/json': { schema: reference(form) } },
  };
  return [responseName(name, form), response] as const;
}

function responseName(name: string, form: ErrorForm): string {
  return form === 'Status' ? name : `Older${name}`;
}
