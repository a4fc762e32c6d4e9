// Record: one event, durable before the reply. With `enforce_quota` the check and the recording are
// one step; `validate_only` says what would be and records nothing.

import type {
  RecordRequest,
  RecordResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { Durability, Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { formatDecimal, formatUnits } from '../base/decimal.js';
import type { Fraction } from '../base/fraction.js';
import { type Asked, type RuleState, standing } from '../domain/quota/decide.js';
import { checkEvent, type Denied, type Duplicate, type Recordable } from './check-event.js';
import {
  type Answer,
  advisory,
  type Core,
  catalogueOf,
  refuseIfFull,
  refuseIfUnable,
} from './core.js';
import {
  beginEstimate,
  intendedBy,
  keepEstimate,
  marginalAmount,
  toAmount,
} from './estimate-amount.js';
import { type ParsedEvent, parseEvent } from './event.js';
import { matchingStates } from './matching-states.js';
import { createFaults, type Faults, refuseFaults, toTimestamp } from './parse.js';
import { toReason, toStatus } from './quota-status.js';
import { recordEvent } from './record-event.js';
import { invalidField, Refusal } from './refusal.js';
import type { Rejection } from './rejection.js';

export function record(core: Core, request: RecordRequest): Answer<RecordResponse> {
  refuseIfUnable(core);
  const { event } = request;
  if (event === undefined) throw invalidField('event', 'is required');
  const faults = createFaults();
  checkDurability(request.durability, faults);
  const parsed = parseEvent(event, 'event', faults);
  if (parsed === undefined) core.metrics.events.invalid.add();
  refuseFaults(faults);
  if (parsed === undefined) throw invalidField('event', 'is not valid');
  const nowMs = core.clock.wallMs();
  const verdict = checkEvent(core, parsed, { enforce: request.enforceQuota, nowMs });
  switch (verdict.kind) {
    case 'rejected':
      countRejection(core, verdict);
      throw refusalOf(verdict);
    case 'duplicate':
      return duplicate(core, verdict);
    case 'denied':
      return denied(core, verdict, parsed);
    case 'recordable':
      return request.validateOnly ? validated(core, verdict) : recorded(core, verdict);
  }
}

export function checkDurability(durability: Durability, faults: Faults): void {
  switch (durability) {
    case Durability.DURABILITY_UNSPECIFIED:
    case Durability.DURABILITY_FSYNC:
    case Durability.DURABILITY_WRITE:
      return;
    case Durability.DURABILITY_LEDGER:
      faults.add('durability', 'LEDGER needs a shared ledger, and this sidecar has none');
      return;
    default:
      faults.add('durability', 'is not a known level');
  }
}

export function countRejection(core: Core, { outcome }: Rejection): void {
  const { events } = core.metrics;
  if (outcome === Outcome.OUTCOME_CONFLICT) {
    events.conflict.add();
    core.metrics.conflicts.add();
  } else if (outcome === Outcome.OUTCOME_TOO_OLD) events.too_old.add();
  else if (outcome === Outcome.OUTCOME_IN_FUTURE) events.in_future.add();
  else if (outcome === Outcome.OUTCOME_UNKNOWN_METER) events.unknown_meter.add();
  else if (outcome === Outcome.OUTCOME_LABEL_SETS_EXHAUSTED) events.label_sets_exhausted.add();
  else events.invalid.add();
}

export function countDenial(core: Core, verdict: Denied, orgId: string): void {
  const { metrics, denials } = core;
  metrics.events.denied.add();
  metrics.denials[verdict.suspended ? 'suspended' : 'hard'].add();
  const key = verdict.suspended ? 'suspended' : (verdict.decision.states[0]?.rule.key ?? '');
  denials.note(orgId, key, 'HARD', verdict.request.nowMs);
}

export function countDuplicate(core: Core): void {
  core.metrics.events.duplicate.add();
  core.metrics.duplicates.add();
}

export function refusalOf(rejection: Rejection): Refusal {
  const { status, reason, message, violations } = rejection;
  return new Refusal(status, reason, message, violations.length > 0 ? { violations } : {});
}

function recorded(core: Core, checked: Recordable): Answer<RecordResponse> {
  refuseIfFull(core, 'ordinary');
  const { estimate, amount } = checked.spend ?? estimateOf(core, checked);
  const { sequence, states } = recordEvent(core, checked, '');
  if (checked.spend === undefined) keepEstimate(estimate, checked.request);
  const reply = replyOf(checked, states, amount, 'recorded');
  return { reply: { ...reply, sequence: BigInt(sequence) }, after: sequence };
}

/** What Record would answer: the rules as if the event were in. */
function validated(core: Core, checked: Recordable): Answer<RecordResponse> {
  const { usage, spend } = checked;
  const { amount } = spend ?? estimateOf(core, checked);
  const states = spend === undefined ? usage.states : [...usage.states, ...spend.states];
  return advisory({ ...replyOf(checked, states, amount, 'requested'), recordedTime: undefined });
}

function estimateOf(core: Core, { account, terms, nowMs, request }: Recordable) {
  const estimate = beginEstimate(core, account, terms, nowMs);
  return { estimate, amount: marginalAmount(estimate, intendedBy(request)) };
}

function replyOf(
  checked: Recordable,
  states: readonly RuleState[],
  amount: Fraction,
  asked: Asked,
): RecordResponse {
  const { meter, event, nowMs, terms } = checked;
  const decision = standing(states, asked);
  const quotas = decision.states.map((state) => toStatus(state, event.dimensions, asked));
  return {
    outcome: Outcome.OUTCOME_RECORDED,
    eventId: checked.eventId,
    quantity: formatUnits(checked.quanta, meter.scale),
    sequence: 0n,
    recordedTime: toTimestamp(nowMs),
    reason: toReason(decision.reason),
    message: '',
    plan: terms.terms.plan.id,
    quotas,
    estimatedAmount: formatDecimal(toAmount(amount)),
    currency: terms.terms.plan.currency,
  };
}

function duplicate(core: Core, verdict: Duplicate): Answer<RecordResponse> {
  countDuplicate(core);
  const { first, sequence } = verdict;
  const nowMs = core.clock.wallMs();
  const catalogue = catalogueOf(core);
  const { terms } = core.terms.of(first.orgId, nowMs);
  const dimensions = new Map(first.labels);
  const meter = catalogue.meters.get(first.meter);
  const states = meter === undefined ? [] : matchingStates(core, first.orgId, meter, dimensions);
  const decision = standing(states, 'recorded');
  const reply: RecordResponse = {
    outcome: Outcome.OUTCOME_DUPLICATE,
    eventId: first.eventId,
    quantity: formatUnits(first.quanta, first.scale),
    sequence: BigInt(sequence),
    recordedTime: toTimestamp(first.atMs),
    reason: toReason(decision.reason),
    message: '',
    plan: terms.plan.id,
    quotas: decision.states.map((s) => toStatus(s, dimensions, 'recorded')),
    estimatedAmount: '',
    currency: terms.plan.currency,
  };
  return { reply, after: sequence };
}

/** Released when what it was decided by is durable. */
function denied(core: Core, verdict: Denied, event: ParsedEvent): Answer<RecordResponse> {
  const { request, decision, terms } = verdict;
  countDenial(core, verdict, event.orgId);
  const { meter, dimensions, quanta } = request;
  const reply: RecordResponse = {
    outcome: Outcome.OUTCOME_DENIED,
    eventId: event.eventId,
    quantity: formatUnits(quanta, meter.scale),
    sequence: 0n,
    recordedTime: undefined,
    reason: toReason(decision.reason),
    message: denialText(verdict),
    plan: terms.terms.plan.id,
    quotas: decision.states.map((s) => toStatus(s, dimensions, 'requested')),
    estimatedAmount: '',
    currency: terms.terms.plan.currency,
  };
  return { reply, after: core.journal.lastSequence() };
}

export function denialText(verdict: Denied): string {
  if (verdict.suspended) return 'the organisation is suspended';
  const state = verdict.decision.states[0];
  if (state === undefined) return '';
  const { key, limit, window } = state.rule;
  const { scale } = state;
  return (
    `quota "${key}": used ${formatUnits(state.used, scale)}, reserved ` +
    `${formatUnits(state.reserved, scale)}, requested ${formatUnits(state.requested, scale)} ` +
    `of ${formatUnits(limit ?? 0n, scale)} in ${window}`
  );
}
