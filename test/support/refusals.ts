// A call that must fail: its status and the google.rpc details that came with it.

import { type ServiceError, status } from '@grpc/grpc-js';
import {
  BadRequest,
  ErrorInfo,
  QuotaFailure,
  RetryInfo,
  Status,
} from '../../generated/ts/google/rpc/error_details.js';

export interface Refused {
  /** "INVALID_ARGUMENT". */
  readonly code: string;
  readonly message: string;
  /** Of ErrorInfo; '' where the error carries none. */
  readonly reason: string;
  readonly domain: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** Of BadRequest, in order. */
  readonly fields: readonly string[];
  /** Of QuotaFailure. */
  readonly subjects: readonly string[];
  /** Of RetryInfo; undefined where there is none. */
  readonly retrySeconds: number | undefined;
  /** Names of the details, in order. */
  readonly details: readonly string[];
  /** What the status takes up in the trailers: many clients refuse more than 8 KiB. */
  readonly trailerBytes: number;
}

/** Waits for the call to fail; an answer is an error here. */
export async function refused(answer: Promise<unknown>): Promise<Refused> {
  const reply = await answer.then(
    (value) => ({ value }),
    (error: ServiceError) => refusedOf(error),
  );
  if ('value' in reply) throw new Error(`answered instead of failing: ${show(reply.value)}`);
  return reply;
}

export function refusedOf(error: ServiceError): Refused {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const { details } = bytes === undefined ? { details: [] } : Status.decode(bytes as Buffer);
  const find = (name: string) =>
    details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`)?.value;
  const info = ErrorInfo.decode(find('ErrorInfo') ?? new Uint8Array());
  const bad = BadRequest.decode(find('BadRequest') ?? new Uint8Array());
  const quota = QuotaFailure.decode(find('QuotaFailure') ?? new Uint8Array());
  const retry = find('RetryInfo');
  const delay = retry === undefined ? undefined : RetryInfo.decode(retry).retryDelay;
  return {
    code: status[error.code] ?? `${error.code}`,
    message: error.details,
    reason: info.reason,
    domain: info.domain,
    metadata: info.metadata,
    fields: bad.fieldViolations.map(({ field }) => field),
    subjects: quota.violations.map(({ subject }) => subject),
    retrySeconds: delay && Number(delay.seconds) + delay.nanos / 1e9,
    details: details.map(({ typeUrl }) => typeUrl.slice(typeUrl.lastIndexOf('.') + 1)),
    trailerBytes: encodeURI(error.details).length + Math.ceil(((bytes?.length ?? 0) * 4) / 3),
  };
}

function show(value: unknown): string {
  const plain = (_key: string, part: unknown) =>
    typeof part === 'bigint' ? `${part}` : part instanceof Map ? [...part] : part;
  return JSON.stringify(value, plain).slice(0, 500);
}
