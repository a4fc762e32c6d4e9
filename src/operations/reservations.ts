// Release, extend, get and list: what else is done with a reservation.

import type {
  ExtendReservationRequest,
  ExtendReservationResponse,
  GetReservationRequest,
  GetReservationResponse,
  ListReservationsRequest,
  ListReservationsResponse,
  ReleaseRequest,
  ReleaseResponse,
} from '../../generated/ts/tollgate/v1/metering_service.js';
import { ReservationState } from '../../generated/ts/tollgate/v1/reservation.js';
import { present } from '../base/assert.js';
import type { EndEntry } from '../journal/entry.js';
import { limits } from '../limits.js';
import { commit } from '../state/commit.js';
import type { Hold } from '../state/values.js';
import { type Answer, type Core, refuseIfFull, refuseIfUnable } from './core.js';
import { decodePageToken, encodePageToken, pageSizeOf } from './page.js';
import {
  checkOrgId,
  checkReservationId,
  createFaults,
  parseDuration,
  refuseFaults,
} from './parse.js';
import { ended, endedReservation, findEnded, notFound, openReservation } from './reservation.js';

const TTL = { fallbackMs: limits.reservationTtlDefaultMs, maxMs: limits.reservationTtlMs };

interface Named {
  readonly orgId: string;
  readonly reservationId: string;
}

/** Idempotent: releasing again, or after expiry, answers the same. */
export function release(core: Core, request: ReleaseRequest): Answer<ReleaseResponse> {
  refuseIfUnable(core);
  checkNames(request);
  const { orgId, reservationId } = request;
  const hold = core.fold.holds.find(orgId, reservationId);
  if (hold === undefined) {
    const past = findEnded(core, orgId, reservationId);
    if (past === undefined) throw notFound(reservationId);
    if (past.entry.kind === 'settle') throw ended(past.entry);
    return { reply: { reservation: endedReservation(core, past.entry) }, after: past.sequence };
  }
  refuseIfFull(core, 'ending');
  const entry = endingOf(hold, 'release', core.clock.wallMs());
  const { sequence } = commit(core, entry);
  core.metrics.reservations.released.add();
  return { reply: { reservation: endedReservation(core, entry) }, after: sequence };
}

/** The entry that ends a hold without usage. */
export function endingOf(hold: Hold, kind: 'release' | 'expire', atMs: number): EndEntry {
  const { orgId, reservationId, fingerprint, createdMs, expiresMs, items } = hold;
  return {
    kind,
    atMs,
    orgId,
    reservationId,
    fingerprint,
    createdMs,
    expiresMs,
    items,
    late: false,
    settleFingerprint: 0,
    settled: [],
  };
}

export function extendReservation(
  core: Core,
  request: ExtendReservationRequest,
): Answer<ExtendReservationResponse> {
  refuseIfUnable(core);
  const faults = createFaults();
  const { orgId, reservationId } = request;
  checkOrgId(orgId, 'org_id', faults);
  checkReservationId(reservationId, faults);
  const ttlMs = parseDuration(request.ttl, 'ttl', TTL, faults);
  refuseFaults(faults);
  if (core.fold.holds.find(orgId, reservationId) === undefined) {
    const past = findEnded(core, orgId, reservationId);
    throw past === undefined ? notFound(reservationId) : ended(past.entry);
  }
  refuseIfFull(core, 'ordinary');
  const atMs = core.clock.wallMs();
  const { sequence } = commit(core, { kind: 'extend', atMs, orgId, reservationId, ttlMs });
  const extended = present(core.fold.holds.find(orgId, reservationId), 'the extended hold');
  return { reply: { reservation: openReservation(extended) }, after: sequence };
}

export function getReservation(
  core: Core,
  request: GetReservationRequest,
): Answer<GetReservationResponse> {
  checkNames(request);
  const { orgId, reservationId } = request;
  const hold = core.fold.holds.find(orgId, reservationId);
  const after = core.journal.lastSequence();
  if (hold !== undefined) return { reply: { reservation: openReservation(hold) }, after };
  const past = findEnded(core, orgId, reservationId);
  if (past === undefined) throw notFound(reservationId);
  return { reply: { reservation: endedReservation(core, past.entry) }, after };
}

/** Open ones, newest first. An ended one is read by its id. */
export function listReservations(
  core: Core,
  request: ListReservationsRequest,
): Answer<ListReservationsResponse> {
  const faults = createFaults();
  checkOrgId(request.orgId, 'org_id', faults);
  const { state } = request;
  const { RESERVATION_STATE_UNSPECIFIED, RESERVATION_STATE_OPEN } = ReservationState;
  if (state !== RESERVATION_STATE_UNSPECIFIED && state !== RESERVATION_STATE_OPEN) {
    faults.add('state', 'must be OPEN or absent: an ended reservation is read by its id');
  }
  const list = `reservations ${request.orgId}`;
  const from = decodePageToken(request.pageToken, list, faults);
  refuseFaults(faults);
  const size = pageSizeOf(request.pageSize);
  const open = [...core.fold.holds.ofOrganisation(request.orgId)].sort(newestFirst);
  const start = from === undefined ? 0 : open.findIndex((hold) => comesAfter(hold, from));
  const rest = start < 0 ? [] : open.slice(start);
  const page = rest.slice(0, size);
  const last = page.at(-1);
  const more = rest.length > page.length && last !== undefined;
  const token = () => encodePageToken(list, [last?.createdMs ?? 0, last?.reservationId ?? '']);
  return {
    reply: { reservations: page.map(openReservation), nextPageToken: more ? token() : '' },
    after: core.journal.lastSequence(),
  };
}

function newestFirst(a: Hold, b: Hold): number {
  return b.createdMs - a.createdMs || (a.reservationId < b.reservationId ? -1 : 1);
}

function comesAfter(hold: Hold, [createdMs, id]: readonly (string | number)[]): boolean {
  if (hold.createdMs !== createdMs) return hold.createdMs < Number(createdMs);
  return hold.reservationId > String(id);
}

function checkNames({ orgId, reservationId }: Named): void {
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  checkReservationId(reservationId, faults);
  refuseFaults(faults);
}
