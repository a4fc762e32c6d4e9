// Refusal → HTTP: the status in one table, the body google.rpc.Status in JSON with the same details
// as over gRPC.

import { unreachable } from '../base/assert.js';
import { ERROR_DOMAIN, type Refusal, type RefusalStatus } from '../operations/refusal.js';

export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: StatusBody;
}

export interface StatusBody {
  /** google.rpc.Code. */
  readonly code: number;
  readonly message: string;
  readonly details: readonly object[];
}

const TYPE = 'type.googleapis.com/google.rpc.';
/** A body of many faults is not answered with as many words. */
const VIOLATIONS_MAX = 100;
const MESSAGE_CHARS_MAX = 2000;

interface Row {
  readonly code: number;
  readonly http: number;
}

/** google/rpc/code.proto; where several codes share one HTTP status, the body tells them apart. */
const ROWS: Readonly<Record<RefusalStatus, Row>> = {
  INVALID_ARGUMENT: { code: 3, http: 400 },
  NOT_FOUND: { code: 5, http: 404 },
  ALREADY_EXISTS: { code: 6, http: 409 },
  PERMISSION_DENIED: { code: 7, http: 403 },
  RESOURCE_EXHAUSTED: { code: 8, http: 429 },
  FAILED_PRECONDITION: { code: 9, http: 409 },
  // If-Match did not match.
  UNIMPLEMENTED: { code: 12, http: 501 },
  ABORTED: { code: 10, http: 412 },
  OUT_OF_RANGE: { code: 11, http: 400 },
  UNAVAILABLE: { code: 14, http: 503 },
  UNAUTHENTICATED: { code: 16, http: 401 },
};

/** No caller has too much of these: the server has. */
const NO_ROOM: ReadonlySet<string> = new Set(['DISK_FULL', 'JOURNAL_FULL']);

export function problemOf(refusal: Refusal): Problem {
  const { status, reason, message, detail } = refusal;
  const { code, http } = ROWS[status];
  const { retryMs } = detail;
  return {
    status: NO_ROOM.has(reason) ? 503 : http,
    headers: {
      ...(retryMs === undefined ? {} : { 'retry-after': `${Math.ceil(retryMs / 1000)}` }),
      ...(status === 'UNAUTHENTICATED' ? { 'www-authenticate': 'Bearer' } : {}),
    },
    body: {
      code,
      message: message.slice(0, MESSAGE_CHARS_MAX),
      details: detailsOf(refusal),
    },
  };
}

function detailsOf({ reason, detail }: Refusal): readonly object[] {
  const { metadata = {}, violations, quotaViolations, retryMs } = detail;
  const details: object[] = [errorInfo(reason, metadata)];
  if (violations !== undefined) {
    details.push({
      '@type': `${TYPE}BadRequest`,
      field_violations: violations.slice(0, VIOLATIONS_MAX),
    });
  }
  if (quotaViolations !== undefined) {
    details.push({ '@type': `${TYPE}QuotaFailure`, violations: quotaViolations });
  }
  if (retryMs !== undefined) {
    details.push({ '@type': `${TYPE}RetryInfo`, retry_delay: `${retryMs / 1000}s` });
  }
  return details;
}

function errorInfo(reason: string, metadata: object): object {
  return { '@type': `${TYPE}ErrorInfo`, reason, domain: ERROR_DOMAIN, metadata };
}

/** What HTTP itself refuses, before there is a call. */
export type Fault =
  | 'no such path'
  | 'no such method'
  | 'too large'
  | 'not JSON'
  | 'malformed'
  | 'timed out'
  | 'headers too large'
  | 'overloaded'
  | 'internal';

export function problemOfFault(fault: Fault, message: string): Problem {
  const { http, code, reason } = rowOf(fault);
  const headers = fault === 'overloaded' ? { 'retry-after': '1' } : {};
  return { status: http, headers, body: { code, message, details: [errorInfo(reason, {})] } };
}

function rowOf(fault: Fault): Row & { readonly reason: string } {
  switch (fault) {
    case 'no such path':
      return { http: 404, code: 5, reason: 'PATH_NOT_FOUND' };
    case 'no such method':
      return { http: 405, code: 12, reason: 'METHOD_NOT_ALLOWED' };
    case 'too large':
      return { http: 413, code: 3, reason: 'BODY_TOO_LARGE' };
    case 'not JSON':
      return { http: 415, code: 3, reason: 'CONTENT_TYPE_INVALID' };
    case 'malformed':
      return { http: 400, code: 3, reason: 'REQUEST_MALFORMED' };
    case 'timed out':
      return { http: 408, code: 4, reason: 'REQUEST_TIMED_OUT' };
    case 'headers too large':
      return { http: 431, code: 3, reason: 'HEADERS_TOO_LARGE' };
    case 'overloaded':
      return { http: 503, code: 14, reason: 'OVERLOADED' };
    case 'internal':
      return { http: 500, code: 13, reason: 'INTERNAL' };
    default:
      return unreachable(fault);
  }
}
