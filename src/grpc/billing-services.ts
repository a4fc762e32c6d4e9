// SubscriptionService and InvoiceService: which operation serves which RPC.

import type { Server } from '@grpc/grpc-js';
import { InvoiceServiceService } from '../../generated/ts/tollgate/v1/invoice_service.js';
import { SubscriptionServiceService } from '../../generated/ts/tollgate/v1/subscription_service.js';
import { listInvoices } from '../operations/billing/read-invoices.js';
import {
  changeSubscription,
  previewSubscriptionChange,
} from '../operations/subscriptions/change-subscription.js';
import { createSubscription } from '../operations/subscriptions/create-subscription.js';
import {
  cancelSubscription,
  resumeSubscription,
  suspendSubscription,
} from '../operations/subscriptions/end-subscription.js';
import {
  getSubscription,
  listSubscriptions,
} from '../operations/subscriptions/read-subscriptions.js';
import { type Edge, type SlowOperation, slowUnary } from './unary.js';

export function addBillingServices(server: Server, edge: Edge): void {
  server.addService(SubscriptionServiceService, subscriptions(edge));
  server.addService(InvoiceServiceService, invoices(edge));
}

function subscriptions(edge: Edge) {
  const serve = <Request, Reply>(method: string, operation: SlowOperation<Request, Reply>) =>
    slowUnary(edge, method, operation, 'SubscriptionService');
  return {
    createSubscription: serve('CreateSubscription', createSubscription),
    getSubscription: serve('GetSubscription', getSubscription),
    listSubscriptions: serve('ListSubscriptions', listSubscriptions),
    previewSubscriptionChange: serve('PreviewSubscriptionChange', previewSubscriptionChange),
    changeSubscription: serve('ChangeSubscription', changeSubscription),
    cancelSubscription: serve('CancelSubscription', cancelSubscription),
    resumeSubscription: serve('ResumeSubscription', resumeSubscription),
    suspendSubscription: serve('SuspendSubscription', suspendSubscription),
  };
}

function invoices(edge: Edge) {
  const serve = <Request, Reply>(method: string, operation: SlowOperation<Request, Reply>) =>
    slowUnary(edge, method, operation, 'InvoiceService');
  return {
    listInvoices: serve('ListInvoices', listInvoices),
  };
}
