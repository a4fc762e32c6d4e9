// NotificationService: which operation serves which RPC.

import type { Server } from '@grpc/grpc-js';
import {
  type NotificationServiceServer,
  NotificationServiceService,
} from '../../generated/ts/tollgate/v1/notification_service.js';
import {
  listDeadLetters,
  listDeliveries,
  replayDelivery,
} from '../operations/notifications/deliveries.js';
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  getWebhookEndpoint,
  listWebhookEndpoints,
  rotateWebhookSecret,
  updateWebhookEndpoint,
} from '../operations/notifications/endpoints.js';
import { COUNTED, type Serve } from './cold-services.js';
import { type Edge, slowUnary } from './unary.js';

export function addNotificationService(server: Server, edge: Edge): void {
  const serve: Serve = (method, operation) => slowUnary(edge, method, operation, COUNTED);
  const handlers: NotificationServiceServer = {
    createWebhookEndpoint: serve('CreateWebhookEndpoint', createWebhookEndpoint),
    getWebhookEndpoint: serve('GetWebhookEndpoint', getWebhookEndpoint),
    listWebhookEndpoints: serve('ListWebhookEndpoints', listWebhookEndpoints),
    updateWebhookEndpoint: serve('UpdateWebhookEndpoint', updateWebhookEndpoint),
    deleteWebhookEndpoint: serve('DeleteWebhookEndpoint', deleteWebhookEndpoint),
    rotateWebhookSecret: serve('RotateWebhookSecret', rotateWebhookSecret),
    listDeliveries: serve('ListDeliveries', listDeliveries),
    replayDelivery: serve('ReplayDelivery', replayDelivery),
    listDeadLetters: serve('ListDeadLetters', listDeadLetters),
  };
  server.addService(NotificationServiceService, handlers);
}
