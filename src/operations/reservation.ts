// What is known of a reservation: open (in memory), ended (its last entry, found by the id index),
// or nothing. Ended ones are kept as long as event ids.

import type { EventResult } from '../../generated/ts/tollgate/v1/event_result.js';
import {
  type Reservation,
  type ReservationItem,
  ReservationState,
} from '../../generated/ts/tollgate/v1/reservation.js';
import { Outcome } from '../../generated/ts/tollgate/v1/usage_event.js';
import { formatUnits } from '../base/decimal.js';
import type { Sequence } from '../base/units.js';
import type { EndEntry, Ending, HoldItem } from '../journal/entry.js';
import { decodeEntry } from '../journal/entry-codec.js';
import { eventIdKey, reservationIdKey } from '../state/id-key.js';
import type { Hold } from '../state/values.js';
import { readFirst } from './check-event.js';
import type { Core } from './core.js';
import { emptyResult } from './event-result.js';
import { toTimestamp } from './parse.js';
import { reasonFromText } from './quota-status.js';
import { Refusal } from './refusal.js';

export interface Ended {
  readonly entry: EndEntry;
  readonly sequence: Sequence;
}

export function findEnded(core: Core, orgId: string, reservationId: string): Ended | undefined {
  const found = core.indexes.findId(reservationIdKey(orgId, reservationId));
  if (found === undefined) return undefined;
  const entry = decodeEntry(core.journal.read(found.sequence).body);
  if (entry.kind !== 'settle' && entry.kind !== 'release' && entry.kind !== 'expire') {
    throw new Error(`sequence ${found.sequence} ends no reservation`);
  }
  return { entry, sequence: found.sequence };
}

export function notFound(reservationId: string): Refusal {
  const text = `reservation ${JSON.stringify(reservationId)} is not known`;
  return new Refusal('NOT_FOUND', 'RESERVATION_NOT_FOUND', text);
}

const ENDED_AS: Record<Ending, string> = {
  settle: 'settled',
  release: 'released',
  expire: 'expired',
};

export function ended(entry: EndEntry): Refusal {
  const text = `reservation ${JSON.stringify(entry.reservationId)} was ${ENDED_AS[entry.kind]}`;
  return new Refusal('FAILED_PRECONDITION', 'RESERVATION_ENDED', text);
}

const STATE: Record<Ending, ReservationState> = {
  settle: ReservationState.RESERVATION_STATE_SETTLED,
  release: ReservationState.RESERVATION_STATE_RELEASED,
  expire: ReservationState.RESERVATION_STATE_EXPIRED,
};

export function openReservation(hold: Hold): Reservation {
  return {
    orgId: hold.orgId,
    reservationId: hold.reservationId,
    state: ReservationState.RESERVATION_STATE_OPEN,
    items: hold.items.map(toItem),
    createTime: toTimestamp(hold.createdMs),
    expireTime: toTimestamp(hold.expiresMs),
    endTime: undefined,
    results: [],
    late: false,
  };
}

export function endedReservation(core: Core, entry: EndEntry): Reservation {
  return {
    orgId: entry.orgId,
    reservationId: entry.reservationId,
    state: STATE[entry.kind],
    items: entry.items.map(toItem),
    createTime: toTimestamp(entry.createdMs),
    expireTime: toTimestamp(entry.expiresMs),
    endTime: toTimestamp(entry.atMs),
    results: settledResults(core, entry),
    late: entry.late,
  };
}

/** The settled events again, read from the journal. */
export function settledResults(core: Core, entry: EndEntry): EventResult[] {
  return entry.settled.map(({ eventId, recorded, reason }) => {
    const found = core.indexes.findId(eventIdKey(entry.orgId, eventId));
    if (found === undefined) return emptyResult(eventId);
    const { first, sequence } = readFirst(core, found.sequence);
    return {
      ...emptyResult(eventId),
      outcome: recorded ? Outcome.OUTCOME_RECORDED : Outcome.OUTCOME_DUPLICATE,
      quantity: formatUnits(first.quanta, first.scale),
      sequence: BigInt(sequence),
      reason: reasonFromText(reason),
      recordedTime: toTimestamp(first.atMs),
    };
  });
}

export function toItem(item: HoldItem): ReservationItem {
  const quantity = formatUnits(item.quanta, item.scale);
  return {
    meter: item.meter,
    quantity,
    requestedQuantity: formatUnits(item.requested, item.scale),
    dimensions: new Map(item.labels),
  };
}
