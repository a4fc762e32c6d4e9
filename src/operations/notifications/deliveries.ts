// ListDeliveries, ListDeadLetters, ReplayDelivery.

import { DeliveryState } from '../../../generated/ts/tollgate/v1/delivery.js';
import type {
  ListDeadLettersRequest,
  ListDeadLettersResponse,
  ListDeliveriesRequest,
  ListDeliveriesResponse,
  ReplayDeliveryRequest,
  ReplayDeliveryResponse,
} from '../../../generated/ts/tollgate/v1/notification_service.js';
import { hash32 } from '../../base/hash.js';
import type { EpochMs } from '../../base/units.js';
import { replayed } from '../../domain/notifications/delivery.js';
import type { DeliveryRecord } from '../../domain/notifications/document.js';
import { change, checkEtag, checkRequestId, put } from '../change.js';
import type { Answer, Core } from '../core.js';
import { nextToken, type PageRequest, pagingOf } from '../paging.js';
import {
  checkId,
  checkOrgId,
  createFaults,
  type Faults,
  parseTime,
  refuseFaults,
} from '../parse.js';
import { Refusal } from '../refusal.js';
import { endpointNotFound } from './endpoints.js';
import { STATE, toDelivery } from './to-endpoint.js';

const KIND = 'delivery';

export async function listDeliveries(
  core: Core,
  request: ListDeliveriesRequest,
): Promise<Answer<ListDeliveriesResponse>> {
  const { endpointId, eventType, notificationId, orgId } = request;
  const faults = createFaults();
  if (orgId !== '') checkOrgId(orgId, 'org_id', faults);
  const fromMs = parseTime(request.startTime, 'start_time', faults) ?? Number.NEGATIVE_INFINITY;
  const toMs = parseTime(request.endTime, 'end_time', faults) ?? Number.POSITIVE_INFINITY;
  const asked = {
    endpoint_id: endpointId,
    event_type: eventType,
    notification_id: notificationId,
    org_id: orgId,
    state: stateOf(request.state, faults),
  };
  return list(core, request, { asked, fromMs, toMs }, faults);
}

export async function listDeadLetters(
  core: Core,
  request: ListDeadLettersRequest,
): Promise<Answer<ListDeadLettersResponse>> {
  const { endpointId, eventType } = request;
  const asked = { endpoint_id: endpointId, event_type: eventType, state: 'DEAD' };
  const whenever = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };
  return list(core, request, { asked, ...whenever }, createFaults());
}

export async function replayDelivery(
  core: Core,
  request: ReplayDeliveryRequest,
): Promise<Answer<ReplayDeliveryResponse>> {
  const { deliveryId: id, etag } = request;
  const faults = createFaults();
  checkId(id, 'delivery_id', faults);
  checkRequestId(request.requestId, faults);
  refuseFaults(faults);
  return change(core, {
    action: 'deliveries.replay',
    orgId: '',
    request,
    etag,
    async plan(atMs) {
      const stored = await core.ledger.get(KIND, '', id);
      if (stored === undefined) throw notFound(id);
      checkEtag(etag, stored);
      await refuseUnlessEnabled(core, stored.value);
      return { changes: () => [put(KIND, '', id, stored, replayed(stored.value, atMs))] };
    },
    reply(changed) {
      const stored = changed.first(KIND);
      if (stored !== undefined) core.queues.add(stored.value);
      return { delivery: stored && toDelivery(stored) };
    },
  });
}

async function refuseUnlessEnabled(core: Core, delivery: DeliveryRecord): Promise<void> {
  const { endpoint_id: id, endpoint_made_after } = delivery;
  const endpoint = (await core.ledger.get('webhook_endpoint', '', id))?.value;
  // Another one may have taken the id of one that was deleted.
  if (endpoint?.made_after !== endpoint_made_after) throw endpointNotFound(id);
  if (!endpoint.disabled) return;
  const text = `webhook endpoint ${id} is disabled: enable it first`;
  throw new Refusal('FAILED_PRECONDITION', 'WEBHOOK_ENDPOINT_DISABLED', text);
}

interface Filter {
  /** '' for any. */
  readonly asked: Readonly<Record<string, string>>;
  readonly fromMs: EpochMs;
  readonly toMs: EpochMs;
}

async function list(
  core: Core,
  request: PageRequest,
  { asked, fromMs, toMs }: Filter,
  faults: Faults,
): Promise<Answer<ListDeliveriesResponse>> {
  const given = Object.entries(asked).filter(([, value]) => value !== '');
  const name = `deliveries ${hash32(JSON.stringify([given, `${fromMs}`, `${toMs}`]))}`;
  const paging = pagingOf(request, name, faults);
  refuseFaults(faults);
  const where = Object.fromEntries(given.map(([field, value]) => [field, [value]]));
  const page = await core.ledger.list({ kind: KIND, order: 'newest', ...paging, where });
  const deliveries = page.records
    .filter(({ value }) => value.created_ms >= fromMs && value.created_ms < toMs)
    .map(toDelivery);
  const reply = { deliveries, nextPageToken: nextToken(name, page) };
  return { reply, after: core.journal.lastSequence() };
}

function stateOf(asked: DeliveryState, faults: Faults): string {
  if (asked === DeliveryState.DELIVERY_STATE_UNSPECIFIED) return '';
  const found = Object.entries(STATE).find(([, value]) => value === asked)?.[0];
  if (found === undefined) faults.add('state', 'is not a known state');
  return found ?? '';
}

function notFound(id: string): Refusal {
  const text = `there is no delivery ${JSON.stringify(id)}, or it is no longer kept`;
  return new Refusal('NOT_FOUND', 'DELIVERY_NOT_FOUND', text);
}
