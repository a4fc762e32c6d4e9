// Refusal → gRPC status, in one table. Every error that our code raises carries ErrorInfo in
// `grpc-status-details-bin`, so that callers branch on a reason and never on a text.

import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import {
  BadRequest,
  ErrorInfo,
  QuotaFailure,
  RetryInfo,
  Status,
} from '../../generated/ts/google/rpc/error_details.js';
import { toDuration } from '../operations/parse.js';
import {
  ERROR_DOMAIN,
  type Refusal,
  type RefusalStatus,
  type Violation,
} from '../operations/refusal.js';

const DETAILS_KEY = 'grpc-status-details-bin';
const TYPE = 'type.googleapis.com/google.rpc.';
/**
 * C and Java clients refuse trailers over 8 KiB and then see no reason at all. Texts are percent or
 * base64 encoded on the wire, so their bytes are bounded well below that.
 */
const MESSAGE_BYTES_MAX = 700;
const TEXT_BYTES_MAX = 300;
const VIOLATIONS_BYTES_MAX = 3000;

const CODE: Record<RefusalStatus, status> = {
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  NOT_FOUND: status.NOT_FOUND,
  ALREADY_EXISTS: status.ALREADY_EXISTS,
  OUT_OF_RANGE: status.OUT_OF_RANGE,
  FAILED_PRECONDITION: status.FAILED_PRECONDITION,
  RESOURCE_EXHAUSTED: status.RESOURCE_EXHAUSTED,
  ABORTED: status.ABORTED,
  UNIMPLEMENTED: status.UNIMPLEMENTED,
  UNAVAILABLE: status.UNAVAILABLE,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
};

type StatusReply = Pick<ServiceError, 'code' | 'details' | 'metadata' | 'name' | 'message'>;

export function toServiceError(refusal: Refusal): StatusReply {
  const code = CODE[refusal.status];
  const message = cut(refusal.message, MESSAGE_BYTES_MAX);
  const metadata = new Metadata();
  const details = detailsOf(refusal);
  metadata.set(DETAILS_KEY, Buffer.from(Status.encode({ code, message, details }).finish()));
  return { name: 'Refusal', code, message, details: message, metadata };
}

/** A bug or a failure of the machine: nothing of it is told but that it is ours. */
export function internalError(): StatusReply {
  const message = 'internal error; the server log says more';
  const info = ErrorInfo.encode({ reason: 'INTERNAL', domain: ERROR_DOMAIN, metadata: new Map() });
  const details = [{ typeUrl: `${TYPE}ErrorInfo`, value: Buffer.from(info.finish()) }];
  const metadata = new Metadata();
  const bytes = Status.encode({ code: status.INTERNAL, message, details }).finish();
  metadata.set(DETAILS_KEY, Buffer.from(bytes));
  return { name: 'Internal', code: status.INTERNAL, message, details: message, metadata };
}

function detailsOf(refusal: Refusal) {
  const { reason, detail } = refusal;
  const metadata = new Map(Object.entries(detail.metadata ?? {}));
  const details = [any('ErrorInfo', ErrorInfo.encode({ reason, domain: ERROR_DOMAIN, metadata }))];
  const { violations, quotaViolations, retryMs } = detail;
  if (violations !== undefined) {
    const fieldViolations = shown(violations).map(([field, description]) => ({
      field,
      description,
    }));
    details.push(any('BadRequest', BadRequest.encode({ fieldViolations })));
  }
  if (quotaViolations !== undefined) {
    const quotas = quotaViolations.map((v) => ({ field: v.subject, description: v.description }));
    const failing = shown(quotas).map(([subject, description]) => ({ subject, description }));
    details.push(any('QuotaFailure', QuotaFailure.encode({ violations: failing })));
  }
  if (retryMs !== undefined) {
    details.push(any('RetryInfo', RetryInfo.encode({ retryDelay: toDuration(retryMs) })));
  }
  return details;
}

function any(name: string, message: { finish: () => Uint8Array }) {
  return { typeUrl: `${TYPE}${name}`, value: Buffer.from(message.finish()) };
}

/** As many as fit; the first ones matter most. */
function shown(violations: readonly Violation[]): [string, string][] {
  const list: [string, string][] = [];
  let bytes = 0;
  for (const violation of violations) {
    const field = cut(violation.field, TEXT_BYTES_MAX);
    const description = cut(violation.description, TEXT_BYTES_MAX);
    bytes += Buffer.byteLength(field) + Buffer.byteLength(description);
    if (bytes > VIOLATIONS_BYTES_MAX) break;
    list.push([field, description]);
  }
  return list;
}

/** Bytes as the wire counts them: what is not ASCII takes three for each. */
function cut(text: string, bytesMax: number): string {
  let bytes = 0;
  let kept = '';
  for (const character of text) {
    const own = Buffer.byteLength(character);
    bytes += own === 1 ? 1 : 3 * own;
    if (bytes > bytesMax) return `${kept}...`;
    kept += character;
  }
  return text;
}
