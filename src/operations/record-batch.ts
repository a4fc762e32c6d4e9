// RecordBatch: each event has its own outcome; one sync for all. What is not an event's own fault
// fails the call before anything is recorded, so a retry of the whole batch is safe.

import type {
  RecordBatchRequest,
  RecordBatchResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { Outcome, type UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import type { EpochMs, Sequence } from '../base/units.js';
import { limits } from '../limits.js';
import { checkEvent, type Verdict } from './check-event.js';
import { type Answer, type Core, refuseIfFull, refuseIfUnable } from './core.js';
import { parseEvent } from './event.js';
import { type EventAnswer, emptyResult, recordOne, settleVerdict } from './event-result.js';
import { checkOrgId, createFaults, refuseFaults } from './parse.js';
import { createPending } from './pending.js';
import { checkDurability } from './record.js';
import { conflict, invalidEvent } from './rejection.js';

export function recordBatch(core: Core, request: RecordBatchRequest): Answer<RecordBatchResponse> {
  refuseIfUnable(core);
  const faults = createFaults();
  checkDurability(request.durability, faults);
  if (request.orgId !== '') checkOrgId(request.orgId, 'org_id', faults);
  const { length } = request.events;
  if (length === 0 || length > limits.batchEvents) {
    faults.add('events', `must hold 1 to ${limits.batchEvents} events, holds ${length}`);
  }
  refuseFaults(faults);
  refuseIfFull(core, 'ordinary');
  const nowMs = core.clock.wallMs();
  const events = request.events.map((event) => inOrganisation(event, request.orgId));
  const answers = request.atomic
    ? recordAtomically(core, request, events, nowMs)
    : events.map((event, index) => {
        const foreign = foreignOrganisation(event, request.orgId, index);
        const options = optionsFor(request.enforceQuota, nowMs, index);
        return foreign === undefined
          ? recordOne(core, event, options)
          : settleVerdict(core, foreign, event, options);
      });
  return {
    reply: { results: answers.map(({ result }) => result) },
    after: answers.reduce((latest: Sequence, { after }) => Math.max(latest, after), 0),
  };
}

/** The batch's organisation stands for one that an event leaves out. */
function inOrganisation(event: UsageEvent, orgId: string): UsageEvent {
  return event.orgId === '' && orgId !== '' ? { ...event, orgId } : event;
}

function foreignOrganisation(event: UsageEvent, orgId: string, index: number): Verdict | undefined {
  if (orgId === '' || event.orgId === orgId) return undefined;
  const description = `must be the batch's org_id "${orgId}" or absent`;
  return invalidEvent([{ field: `events[${index}].org_id`, description }]);
}

function optionsFor(enforce: boolean, nowMs: EpochMs, index: number) {
  const field = `events[${index}]`;
  return { enforce, nowMs, field, reservationId: '', roomFor: 'command' } as const;
}

/**
 * RECORDED and DUPLICATE pass; one other outcome and nothing is recorded. The events are first
 * checked together, each seeing what those before it would add, then recorded one by one.
 */
function recordAtomically(
  core: Core,
  request: RecordBatchRequest,
  events: readonly UsageEvent[],
  nowMs: EpochMs,
): EventAnswer[] {
  const verdicts = checkTogether(core, request, events, nowMs);
  const failed = verdicts.some(({ kind }) => kind === 'rejected' || kind === 'denied');
  return events.map((event, index) => {
    const options = optionsFor(false, nowMs, index);
    const verdict = verdicts[index] as Together;
    const passes = verdict.kind === 'recordable' || verdict.kind === 'repeat';
    if (!passes) return settleVerdict(core, verdict, event, options);
    if (!failed) return recordOne(core, event, options);
    core.metrics.events.not_applied.add();
    const result = { ...emptyResult(event.eventId), outcome: Outcome.OUTCOME_NOT_APPLIED };
    return { result, after: 0 };
  });
}

/** `repeat`: the same event stands earlier in the batch. */
type Together = Verdict | { readonly kind: 'repeat' };

function checkTogether(
  core: Core,
  request: RecordBatchRequest,
  events: readonly UsageEvent[],
  nowMs: EpochMs,
): readonly Together[] {
  const seen = new Map<string, number>();
  const pending = createPending();
  return events.map((event, index): Together => {
    const foreign = foreignOrganisation(event, request.orgId, index);
    if (foreign !== undefined) return foreign;
    const faults = createFaults();
    const parsed = parseEvent(event, `events[${index}]`, faults);
    if (parsed === undefined) return invalidEvent(faults.list);
    const place = `${parsed.orgId}\u0000${parsed.eventId}`;
    const earlier = parsed.eventId === '' ? undefined : seen.get(place);
    if (earlier !== undefined) {
      return earlier === parsed.fingerprint ? { kind: 'repeat' } : conflict(parsed.eventId);
    }
    const enforce = request.enforceQuota;
    const verdict = checkEvent(core, parsed, { enforce, nowMs, pending });
    if (verdict.kind !== 'recordable') return verdict;
    seen.set(place, parsed.fingerprint);
    return verdict;
  });
}
