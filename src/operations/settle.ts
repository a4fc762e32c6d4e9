// Settle: turn a hold into usage and end it, in one step. Never denied: the work is done, and usage
// is a fact. After expiry or release it records all the same and says `late`.

import type {
  SettleRequest,
  SettleResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { Outcome, type UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { hash32 } from '../base/hash.js';
import type { EpochMs } from '../base/units.js';
import type { EndEntry, HoldItem } from '../journal/entry.js';
import { limits } from '../limits.js';
import { commit } from '../state/commit.js';
import { checkEvent } from './check-event.js';
import { type Answer, type Core, refuseIfFull, refuseIfUnable } from './core.js';
import { type ParsedEvent, parseEvent } from './event.js';
import { settleVerdict } from './event-result.js';
import {
  checkOrgId,
  checkReservationId,
  createFaults,
  type Faults,
  refuseFaults,
} from './parse.js';
import { createPending } from './pending.js';
import { reasonToText } from './quota-status.js';
import { checkDurability, countRejection, refusalOf } from './record.js';
import { ended, findEnded, notFound, settledResults } from './reservation.js';

/** What is settled: an open hold, or one that ended without usage. */
interface Source {
  readonly fingerprint: number;
  readonly createdMs: EpochMs;
  readonly expiresMs: EpochMs;
  readonly items: readonly HoldItem[];
  readonly late: boolean;
}

export function settle(core: Core, request: SettleRequest): Answer<SettleResponse> {
  refuseIfUnable(core);
  const { orgId, reservationId } = request;
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  checkReservationId(reservationId, faults);
  checkDurability(request.durability, faults);
  const { length } = request.events;
  if (length > limits.settleEvents) {
    faults.add('events', `must hold at most ${limits.settleEvents} events, holds ${length}`);
  }
  refuseFaults(faults);

  const past = findEnded(core, orgId, reservationId);
  const source = sourceOf(core, orgId, reservationId, past?.entry);
  const events = request.events.map((event, index) =>
    complete(core, event, index, request, source.items, faults),
  );
  refuseFaults(faults);
  const parsed = parseAll(events, faults);
  const settleFingerprint = hash32(
    parsed.map((event) => `${event.eventId}\u0000${event.fingerprint}`).join('\u0003'),
  );
  if (past?.entry.kind === 'settle')
    return again(core, past.entry, settleFingerprint, past.sequence);
  return recordAll(core, request, source, parsed, settleFingerprint);
}

function sourceOf(
  core: Core,
  orgId: string,
  reservationId: string,
  past: EndEntry | undefined,
): Source {
  const hold = core.fold.holds.find(orgId, reservationId);
  if (hold !== undefined) return { ...hold, late: false };
  if (past === undefined) throw notFound(reservationId);
  const { fingerprint, createdMs, expiresMs, items } = past;
  return { fingerprint, createdMs, expiresMs, items, late: true };
}

/** Fills in what a settled event inherits: organisation, id, the labels its hold is scoped by. */
function complete(
  core: Core,
  event: UsageEvent,
  index: number,
  request: SettleRequest,
  items: readonly HoldItem[],
  faults: Faults,
): UsageEvent {
  const field = `events[${index}]`;
  if (event.orgId !== '' && event.orgId !== request.orgId) {
    faults.add(`${field}.org_id`, `must be the reservation's "${request.orgId}" or absent`);
  }
  const dimensions = new Map(event.dimensions);
  const scopeKeys = scopeKeysOf(core, request.orgId, event.meter);
  const scopes = items
    .filter(({ meter }) => meter === event.meter)
    .map(({ labels }) => labels.filter(([key]) => scopeKeys.has(key)));
  const fitting = scopes.filter((scope) =>
    scope.every(([key, value]) => (dimensions.get(key) ?? value) === value),
  );
  const [chosen] = fitting;
  if (chosen !== undefined) for (const [key, value] of chosen) dimensions.set(key, value);
  const strange = scopes[0]?.find(([key, value]) => (dimensions.get(key) ?? value) !== value);
  if (chosen === undefined && strange !== undefined) {
    const [key, value] = strange;
    const text = `must be "${value}" as in the reservation, or absent`;
    faults.add(`${field}.dimensions[${JSON.stringify(key)}]`, text);
  }
  if (new Set(fitting.map((scope) => JSON.stringify(scope))).size > 1) {
    faults.add(`${field}.dimensions`, `must say which of ${[...scopeKeys].join(', ')} it is`);
  }
  const eventId = event.eventId || `rsv:${request.reservationId}:${index}`;
  return { ...event, orgId: request.orgId, eventId, dimensions };
}

function scopeKeysOf(core: Core, orgId: string, meter: string): ReadonlySet<string> {
  const terms = core.terms.of(orgId, core.clock.wallMs());
  return new Set(terms.meter(meter).counted.flatMap(({ rule }) => rule.scope));
}

function parseAll(events: readonly UsageEvent[], faults: Faults): readonly ParsedEvent[] {
  const seen = new Set<string>();
  const parsed = events.flatMap((event, index) => {
    const field = `events[${index}]`;
    if (seen.has(event.eventId)) faults.add(`${field}.event_id`, 'stands in this request twice');
    seen.add(event.eventId);
    return parseEvent(event, field, faults) ?? [];
  });
  refuseFaults(faults);
  return parsed;
}

/** All events are checked before one is recorded: a refusal leaves the hold as it was. */
function recordAll(
  core: Core,
  request: SettleRequest,
  source: Source,
  parsed: readonly ParsedEvent[],
  settleFingerprint: number,
): Answer<SettleResponse> {
  const { orgId, reservationId } = request;
  const nowMs = core.clock.wallMs();
  const pending = createPending();
  for (const event of parsed) {
    const verdict = checkEvent(core, event, { enforce: false, isSettled: true, nowMs, pending });
    if (verdict.kind !== 'rejected') continue;
    countRejection(core, verdict);
    throw refusalOf(verdict);
  }
  refuseIfFull(core, 'ending');
  const results = parsed.map((event, index) => {
    const sent = request.events[index] as UsageEvent;
    const verdict = checkEvent(core, event, { enforce: false, isSettled: true, nowMs });
    const late = source.late ? 'late' : 'in time';
    const held = source.late ? [] : source.items;
    const settled = { late, held } as const;
    const options = { enforce: false, nowMs, field: '', reservationId, settled } as const;
    return settleVerdict(core, verdict, sent, { ...options, roomFor: 'command' }).result;
  });
  const { fingerprint, createdMs, expiresMs, items, late } = source;
  const { sequence } = commit(core, {
    kind: 'settle',
    atMs: nowMs,
    orgId,
    reservationId,
    fingerprint,
    createdMs,
    expiresMs,
    items,
    late,
    settleFingerprint,
    settled: results.map(({ eventId, outcome, reason }) => ({
      eventId,
      recorded: outcome === Outcome.OUTCOME_RECORDED,
      reason: reasonToText(reason),
    })),
  });
  core.metrics.reservations.settled.add();
  return { reply: { results, late }, after: sequence };
}

function again(
  core: Core,
  entry: EndEntry,
  settleFingerprint: number,
  sequence: number,
): Answer<SettleResponse> {
  if (entry.settleFingerprint !== settleFingerprint) throw ended(entry);
  return { reply: { results: settledResults(core, entry), late: entry.late }, after: sequence };
}
