// An endpoint and a delivery as the contract shows them. A secret is told by the calls that make
// one and by nothing else.

import {
  type Delivery,
  DeliveryState as State,
} from '../../../generated/ts/tollgate/v1/delivery.js';
import type { WebhookEndpoint } from '../../../generated/ts/tollgate/v1/webhook_endpoint.js';
import type { DeliveryState } from '../../domain/notifications/document.js';
import type { Stored } from '../../ledger/ledger.js';
import { timeOf } from '../billing/to-invoice.js';
import { etagOf } from '../change.js';
import { toTimestamp } from '../parse.js';

export const STATE: Record<DeliveryState, State> = {
  PENDING: State.DELIVERY_STATE_PENDING,
  DELIVERED: State.DELIVERY_STATE_DELIVERED,
  DEAD: State.DELIVERY_STATE_DEAD,
};

export function toEndpoint(stored: Stored<'webhook_endpoint'>): WebhookEndpoint {
  const { value } = stored;
  return {
    endpointId: value.endpoint_id,
    url: value.url,
    eventTypes: [...value.event_types],
    description: value.description,
    disabled: value.disabled,
    etag: etagOf(stored),
    createTime: toTimestamp(value.created_ms),
    updateTime: toTimestamp(value.updated_ms),
  };
}

export function toDelivery(stored: Stored<'delivery'>): Delivery {
  const { value } = stored;
  return {
    deliveryId: value.delivery_id,
    notificationId: value.notification_id,
    endpointId: value.endpoint_id,
    eventType: value.event_type,
    orgId: value.org_id,
    state: STATE[value.state],
    attempts: value.attempts,
    nextAttemptTime: timeOf(value.next_attempt_ms),
    lastStatus: value.last_status,
    lastError: value.last_error,
    deliveredTime: timeOf(value.delivered_ms),
    payload: value.payload,
    etag: etagOf(stored),
    createTime: toTimestamp(value.created_ms),
    updateTime: toTimestamp(value.updated_ms),
  };
}
