// One notification to every endpoint that takes it.

import type { EpochMs } from '../../base/units.js';
import { newDelivery } from '../../domain/notifications/delivery.js';
import type { DeliveryRecord, WebhookEndpointRecord } from '../../domain/notifications/document.js';
import type { Notice } from '../../domain/notifications/notice.js';
import type { Change } from '../../ledger/ledger.js';
import { create } from '../change.js';
import type { Core } from '../core.js';
import { listAll } from '../paging.js';

/** Of one transaction, about: it must fit a batch of the journal. */
export const DELIVERIES_AT_ONCE = 100;

export async function readEndpoints(core: Core): Promise<readonly WebhookEndpointRecord[]> {
  const stored = await listAll(core.ledger, { kind: 'webhook_endpoint' });
  return stored.map(({ value }) => value);
}

export function deliveriesOf(
  endpoints: readonly WebhookEndpointRecord[],
  notificationId: string,
  notice: Notice,
  atMs: EpochMs,
): readonly DeliveryRecord[] {
  return endpoints.map((endpoint) => newDelivery(endpoint, notificationId, notice, atMs));
}

export function madeChanges(deliveries: readonly DeliveryRecord[]): readonly Change[] {
  return deliveries.map((each) => create('delivery', '', each.delivery_id, each));
}
