// What a call rejects with. Branch on `code` and `retriable`, never on the text.

import { type Metadata, type StatusObject, status } from '@grpc/grpc-js';
import {
  BadRequest,
  ErrorInfo,
  RetryInfo,
  Status,
} from '../../generated/ts/google/rpc/error_details.js';
import type { DurationMs } from '../base/units.js';

/** A field that the server refused, and why. */
export interface BadField {
  readonly field: string;
  readonly description: string;
}

export interface TollgateErrorOptions {
  readonly retriable?: boolean;
  readonly fields?: readonly BadField[];
  readonly cause?: unknown;
}

export class TollgateError extends Error {
  override readonly name: string = 'TollgateError';
  /**
   * Stable: the reason of the server's `google.rpc.ErrorInfo` (`FIELD_INVALID`, `ORG_MISMATCH`, …),
   * else the name of the gRPC status, else one of the client's own: `BUFFER_FULL`, `CLOSED`.
   */
  readonly code: string;
  /** True: the same call, with the same ids, may succeed later, and cannot count twice. */
  readonly retriable: boolean;
  /** Empty where no field is to blame. */
  readonly fields: readonly BadField[];

  constructor(code: string, message: string, options: TollgateErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retriable = options.retriable ?? false;
    this.fields = options.fields ?? [];
  }
}

/** No answer could be had within the deadline. What was sent may have been counted: retry by id. */
export class TollgateUnavailable extends TollgateError {
  override readonly name = 'TollgateUnavailable';

  constructor(
    code: string,
    message: string,
    options: Omit<TollgateErrorOptions, 'retriable'> = {},
  ) {
    super(code, message, { ...options, retriable: true });
  }
}

/** A call that ended other than OK, read once. */
export interface CallTrouble {
  /** Number of the gRPC status. */
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly retriable: boolean;
  readonly fields: readonly BadField[];
  /** How long the server asks to wait; 0 where it does not say. */
  readonly retryDelayMs: DurationMs;
}

/** The outcome is not known or the server asks for patience: metering_service.proto, "fails". */
const RETRIABLE: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.INTERNAL,
  status.UNKNOWN,
  // A stream that ended well with events unanswered lost them all the same.
  status.OK,
]);

/** Nothing was recorded, and there will be room again. */
const RETRIABLE_REASONS: ReadonlySet<string> = new Set([
  'RATE_LIMITED',
  'JOURNAL_FULL',
  'DISK_FULL',
]);

export function readTrouble(
  ended: Pick<StatusObject, 'code' | 'details' | 'metadata'>,
): CallTrouble {
  const { reason, fields, retryDelayMs } = detailsOf(ended.metadata);
  const code = reason === '' ? (status[ended.code] ?? String(ended.code)) : reason;
  return {
    status: ended.code,
    code,
    // grpc-js ends with a note that is mostly empty.
    message: ended.details.replace(/\.? Resolution note: *$/, ''),
    retriable: RETRIABLE.has(ended.code) || RETRIABLE_REASONS.has(reason),
    fields,
    retryDelayMs,
  };
}

export function errorOf(trouble: CallTrouble): TollgateError {
  const { code, message, retriable, fields } = trouble;
  return new TollgateError(code, `${code}: ${message}`, { retriable, fields });
}

export function unavailable(trouble: CallTrouble, deadlineMs: DurationMs): TollgateUnavailable {
  const { code, message } = trouble;
  return new TollgateUnavailable(code, `no answer within ${deadlineMs} ms: ${code}: ${message}`);
}

/** For trouble that is not the server's. */
export function ownTrouble(code: string, message: string): CallTrouble {
  return { status: status.UNKNOWN, code, message, retriable: true, fields: [], retryDelayMs: 0 };
}

/** Retriable by another client. */
export function closedError(): TollgateError {
  return new TollgateError('CLOSED', 'CLOSED: the client is closed', { retriable: true });
}

interface Details {
  readonly reason: string;
  readonly fields: readonly BadField[];
  readonly retryDelayMs: DurationMs;
}

const NO_DETAILS: Details = { reason: '', fields: [], retryDelayMs: 0 };

function detailsOf(metadata: Metadata | undefined): Details {
  const [bytes] = metadata?.get('grpc-status-details-bin') ?? [];
  if (!(bytes instanceof Buffer)) return NO_DETAILS;
  try {
    return decodeDetails(bytes);
  } catch {
    // A proxy in between may answer with details of its own making: the status must do then.
    return NO_DETAILS;
  }
}

function decodeDetails(bytes: Buffer): Details {
  let { reason, fields, retryDelayMs } = NO_DETAILS;
  for (const { typeUrl, value } of Status.decode(bytes).details) {
    if (typeUrl.endsWith('/google.rpc.ErrorInfo')) reason = ErrorInfo.decode(value).reason;
    if (typeUrl.endsWith('/google.rpc.BadRequest'))
      fields = BadRequest.decode(value).fieldViolations;
    if (typeUrl.endsWith('/google.rpc.RetryInfo')) {
      const delay = RetryInfo.decode(value).retryDelay;
      if (delay !== undefined) retryDelayMs = Number(delay.seconds) * 1000 + delay.nanos / 1e6;
    }
  }
  return { reason, fields, retryDelayMs };
}
