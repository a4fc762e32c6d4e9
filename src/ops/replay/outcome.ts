// Outcomes under the names of the final table. In unary calls the server reports most of them as
// errors; `ErrorInfo.reason` says which.

import { status } from '@grpc/grpc-js';
import type { EventResult } from '../../../generated/ts/tollgate/v1/event_result.js';

/** In the order in which they are printed; in that of the contract's numbers. */
export const OUTCOMES = [
  'unspecified',
  'recorded',
  'duplicate',
  'denied',
  'invalid',
  'conflict',
  'too_old',
  'in_future',
  'unknown_meter',
  'label_sets_exhausted',
  'not_applied',
] as const;
export type OutcomeName = (typeof OUTCOMES)[number];

export interface Decision {
  readonly outcome: OutcomeName;
  /** The server's explanation; empty for a success. */
  readonly message: string;
}

export const RECORDED: Decision = { outcome: 'recorded', message: '' };

/** An outcome that a later server may add is `unspecified`: not known to be recorded. */
export function decisionOf(result: Pick<EventResult, 'outcome' | 'message'>): Decision {
  return { outcome: nameOf(result.outcome), message: result.message };
}

export function isSuccess(outcome: OutcomeName): boolean {
  return outcome === 'recorded' || outcome === 'duplicate';
}

const OUTCOME_OF_REASON: ReadonlyMap<string, OutcomeName> = new Map([
  ['FIELD_INVALID', 'invalid'],
  ['METER_UNKNOWN', 'unknown_meter'],
  ['EVENT_ID_REUSED', 'conflict'],
  ['EVENT_TOO_OLD', 'too_old'],
  ['EVENT_IN_FUTURE', 'in_future'],
  ['LABEL_SETS_EXHAUSTED', 'label_sets_exhausted'],
  ['QUOTA_EXCEEDED', 'denied'],
]);

/** What a failed unary call says about its one event; undefined where the call itself failed. */
export function outcomeOfError(code: number, reason: string): OutcomeName | undefined {
  // On this path only a suspension is a failed precondition (a denial told as an error).
  if (code === status.FAILED_PRECONDITION) return 'denied';
  return OUTCOME_OF_REASON.get(reason);
}

function nameOf(outcome: number): OutcomeName {
  return OUTCOMES[outcome] ?? 'unspecified';
}
