// One event of a batch, stream or settlement: its own outcome, in its own result.

import type { EventResult } from '../../generated/ts/tollgate/v1/event_result.js';
import { Reason } from '../../generated/ts/tollgate/v1/quota.js';
import { Outcome, type UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { formatUnits } from '../base/decimal.js';
import type { EpochMs, Quanta, Sequence } from '../base/units.js';
import { type RuleState, standing } from '../domain/quota/decide.js';
import type { HoldItem } from '../journal/entry.js';
import { checkEvent, type Recordable, type Verdict } from './check-event.js';
import { type Core, refuseIfFull } from './core.js';
import { parseEvent } from './event.js';
import { createFaults, toTimestamp } from './parse.js';
import { toReason } from './quota-status.js';
import { countDenial, countDuplicate, countRejection, denialText } from './record.js';
import { recordEvent } from './record-event.js';
import { invalidEvent, type Rejection } from './rejection.js';

/** Of a settlement. */
export interface Settled {
  readonly late: 'late' | 'in time';
  /** What its hold reserves until the settlement is complete: it no longer counts. */
  readonly held: readonly HoldItem[];
}

export interface ResultOptions {
  readonly enforce: boolean;
  readonly nowMs: EpochMs;
  readonly field: string;
  readonly reservationId: string;
  /** `command`: it looked for room before its first event, and is not broken off in its midst. */
  readonly roomFor: 'command' | 'event';
  readonly settled?: Settled;
}

export interface EventAnswer {
  readonly result: EventResult;
  /** What the result depends on. */
  readonly after: Sequence;
}

/** Parses, checks and records one event. */
export function recordOne(core: Core, event: UsageEvent, options: ResultOptions): EventAnswer {
  const faults = createFaults();
  const parsed = parseEvent(event, options.field, faults);
  if (parsed === undefined) {
    return settleVerdict(core, invalidEvent(faults.list), event, options);
  }
  return settleVerdict(core, checkEvent(core, parsed, options), event, options);
}

/** Carries out what was found about an event and says so. */
export function settleVerdict(
  core: Core,
  verdict: Verdict,
  event: UsageEvent,
  options: ResultOptions,
): EventAnswer {
  switch (verdict.kind) {
    case 'rejected':
      countRejection(core, verdict);
      return { result: rejectedResult(verdict, event), after: core.journal.lastSequence() };
    case 'denied': {
      countDenial(core, verdict, event.orgId);
      const { reason } = verdict.decision;
      const result = {
        ...emptyResult(event.eventId),
        outcome: Outcome.OUTCOME_DENIED,
        reason: toReason(reason),
        message: denialText(verdict),
      };
      return { result, after: core.journal.lastSequence() };
    }
    case 'duplicate': {
      countDuplicate(core);
      const { first, sequence } = verdict;
      const result = {
        ...emptyResult(first.eventId),
        outcome: Outcome.OUTCOME_DUPLICATE,
        quantity: formatUnits(first.quanta, first.scale),
        sequence: BigInt(sequence),
        recordedTime: toTimestamp(first.atMs),
      };
      return { result, after: sequence };
    }
    case 'recordable':
      return recordChecked(core, verdict, options);
  }
}

function recordChecked(core: Core, verdict: Recordable, options: ResultOptions): EventAnswer {
  const { reservationId, settled } = options;
  if (options.roomFor === 'event') refuseIfFull(core, 'ordinary');
  const { sequence, states } = recordEvent(core, verdict, reservationId, settled?.late);
  if (settled !== undefined) {
    for (const state of states) state.reserved -= heldIn(settled, state);
  }
  const result: EventResult = {
    outcome: Outcome.OUTCOME_RECORDED,
    eventId: verdict.eventId,
    quantity: formatUnits(verdict.quanta, verdict.meter.scale),
    sequence: BigInt(sequence),
    reason: toReason(standing(states, 'recorded').reason),
    message: '',
    clientSequence: 0n,
    recordedTime: toTimestamp(verdict.nowMs),
  };
  return { result, after: sequence };
}

function heldIn(settled: Settled, state: RuleState): Quanta {
  let sum = 0n;
  for (const { meter, counters } of settled.held) {
    if (meter !== state.rule.meter) continue;
    for (const { combination, scopeValues, reserved } of counters) {
      const same = combination === state.rule.combination && scopeValues === state.scopeValues;
      if (same) sum += reserved;
    }
  }
  return sum;
}

export function rejectedResult(rejection: Rejection, event: UsageEvent): EventResult {
  const { outcome, message } = rejection;
  return { ...emptyResult(event.eventId), outcome, message };
}

export function emptyResult(eventId: string): EventResult {
  return {
    outcome: Outcome.OUTCOME_UNSPECIFIED,
    eventId,
    quantity: '',
    sequence: 0n,
    reason: Reason.REASON_UNSPECIFIED,
    message: '',
    clientSequence: 0n,
    recordedTime: undefined,
  };
}
