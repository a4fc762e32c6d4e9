// What a failed call asks of its caller: try again, or give up. Follows the comments of
// metering_service.proto ("When a call fails").

import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { ErrorInfo, RetryInfo, Status } from '../../../generated/ts/google/rpc/error_details.js';
import { Failure } from '../../base/failure.js';
import type { DurationMs } from '../../base/units.js';

export type CallStatus = Pick<StatusObject, 'code' | 'details' | 'metadata'>;

export interface ErrorDetails {
  /** `ErrorInfo.reason`; empty where the error carries none. */
  readonly reason: string;
  /** How long the server asks to wait; 0 where it does not say. */
  readonly retryDelayMs: DurationMs;
}

/** The outcome is not known or the server asks for patience; the same ids cannot count twice. */
const RETRIABLE: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.INTERNAL,
  status.UNKNOWN,
  // A stream that ended well with items unanswered lost them all the same.
  status.OK,
]);

export function isRetriable(error: CallStatus, details: ErrorDetails): boolean {
  return RETRIABLE.has(error.code) || details.reason === 'RATE_LIMITED';
}

export function callFailure(error: CallStatus, details: ErrorDetails, after: string): Failure {
  const name = status[error.code] ?? String(error.code);
  const reason = details.reason === '' ? '' : ` (${details.reason})`;
  // grpc-js ends with a note that is mostly empty.
  const said = error.details.replace(/\.? Resolution note: *$/, '');
  const text = said === '' ? '' : `: ${said}`;
  return new Failure('REPLAY_CALL', `the call failed with ${name}${reason}${after}${text}`);
}

export function isCallStatus(error: unknown): error is CallStatus {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'number' &&
    'details' in error &&
    'metadata' in error &&
    error.metadata instanceof Metadata
  );
}

const NO_DETAILS: ErrorDetails = { reason: '', retryDelayMs: 0 };

export function detailsOf(error: CallStatus): ErrorDetails {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  if (!(bytes instanceof Buffer)) return NO_DETAILS;
  try {
    return decodeDetails(bytes);
  } catch {
    // A proxy in between may answer with details of its own making: the code must do then.
    return NO_DETAILS;
  }
}

function decodeDetails(bytes: Buffer): ErrorDetails {
  let { reason, retryDelayMs } = NO_DETAILS;
  for (const { typeUrl, value } of Status.decode(bytes).details) {
    if (typeUrl.endsWith('/google.rpc.ErrorInfo')) reason = ErrorInfo.decode(value).reason;
    if (typeUrl.endsWith('/google.rpc.RetryInfo')) {
      const delay = RetryInfo.decode(value).retryDelay;
      if (delay !== undefined) retryDelayMs = Number(delay.seconds) * 1000 + delay.nanos / 1e6;
    }
  }
  return { reason, retryDelayMs };
}
