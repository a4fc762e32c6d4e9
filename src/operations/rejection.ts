// Why an event is not taken: each reason with its status code, outcome and text.

import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import type { Meter } from '../domain/metering/meter.js';
import { unknownOrganisationText } from './core.js';
import type { PolicyFault } from './meter-policies.js';
import type { RefusalStatus, Violation } from './refusal.js';

/** An event's own fault: a status code alone, an outcome of its own in a batch or stream. */
export interface Rejection {
  readonly kind: 'rejected';
  readonly outcome: Outcome;
  readonly status: RefusalStatus;
  readonly reason: string;
  readonly message: string;
  readonly violations: readonly Violation[];
}

export function rejected(
  outcome: Outcome,
  status: RefusalStatus,
  reason: string,
  message: string,
  violations: readonly Violation[] = [],
): Rejection {
  return { kind: 'rejected', outcome, status, reason, message, violations };
}

export function invalidEvent(violations: readonly Violation[]): Rejection {
  const text = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  const { OUTCOME_INVALID } = Outcome;
  return rejected(OUTCOME_INVALID, 'INVALID_ARGUMENT', 'FIELD_INVALID', text, violations);
}

export function conflict(eventId: string): Rejection {
  const text =
    `event_id ${JSON.stringify(eventId)} was recorded with another meter, amount or labels; ` +
    'nothing was applied. Use a new id for a new event';
  return rejected(Outcome.OUTCOME_CONFLICT, 'ALREADY_EXISTS', 'EVENT_ID_REUSED', text);
}

export function unknownMeter(meter: string): Rejection {
  const text = `meter "${meter}" is not in the catalogue`;
  return rejected(Outcome.OUTCOME_UNKNOWN_METER, 'NOT_FOUND', 'METER_UNKNOWN', text);
}

export function keptByTollgate(field: string): Rejection {
  const description = 'is kept by Tollgate: record what was used, its price is added here';
  return invalidEvent([{ field: `${field}.meter`, description }]);
}

export function refusedByPolicy({ key }: Meter, fault: PolicyFault): Rejection {
  if (fault === 'late') {
    const text = `the period of event_time is invoiced, and meter "${key}" takes nothing late`;
    return rejected(Outcome.OUTCOME_TOO_OLD, 'OUT_OF_RANGE', 'EVENT_TOO_OLD', text);
  }
  const text = `no price covers this usage of meter "${key}", which takes none without one`;
  return rejected(Outcome.OUTCOME_INVALID, 'FAILED_PRECONDITION', 'USAGE_UNPRICED', text);
}

export function unknownOrganisation(orgId: string): Rejection {
  const text = unknownOrganisationText(orgId);
  return rejected(Outcome.OUTCOME_INVALID, 'NOT_FOUND', 'ORGANIZATION_NOT_FOUND', text);
}

export function exhausted(text: string): Rejection {
  const { OUTCOME_LABEL_SETS_EXHAUSTED: outcome } = Outcome;
  const message = `${text}; retrying does not help`;
  return rejected(outcome, 'RESOURCE_EXHAUSTED', 'LABEL_SETS_EXHAUSTED', message);
}

export function tooOldToEnforce(rule: string): Rejection {
  const text = `with enforce_quota, event_time must lie in the current or last window of ${rule}`;
  return rejected(Outcome.OUTCOME_TOO_OLD, 'OUT_OF_RANGE', 'EVENT_TOO_OLD', text);
}
