// Why a call fails: the status code says what kind of trouble, the reason which rule, the
// violations which fields. A denial or a duplicate is no refusal but data in an OK reply.

/** Of every ErrorInfo. */
export const ERROR_DOMAIN = 'tollgate.dev';

export type RefusalStatus =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'OUT_OF_RANGE'
  | 'FAILED_PRECONDITION'
  | 'RESOURCE_EXHAUSTED'
  | 'ABORTED'
  | 'UNIMPLEMENTED'
  | 'UNAVAILABLE'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED';

export interface Violation {
  /** Path of the field in the request: `event.dimensions["tool"]`. */
  readonly field: string;
  readonly description: string;
}

export interface QuotaViolation {
  readonly subject: string;
  readonly description: string;
}

export interface RefusalDetail {
  readonly violations?: readonly Violation[];
  readonly quotaViolations?: readonly QuotaViolation[];
  readonly retryMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: RefusalStatus;
  /** UPPER_SNAKE, of ErrorInfo. */
  readonly reason: string;
  readonly detail: RefusalDetail;

  constructor(status: RefusalStatus, reason: string, message: string, detail: RefusalDetail = {}) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.detail = detail;
  }
}

export function invalid(violations: readonly Violation[]): Refusal {
  const text = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  return new Refusal('INVALID_ARGUMENT', 'FIELD_INVALID', text, { violations });
}

export function invalidField(field: string, description: string): Refusal {
  return invalid([{ field, description }]);
}
