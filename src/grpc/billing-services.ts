// SubscriptionService, InvoiceService and CorrectionService: which operation serves which RPC.

import type { Server } from '@grpc/grpc-js';
import { CorrectionServiceService } from '../../generated/ts/tollgate/v1/correction_service.js';
import { InvoiceServiceService } from '../../generated/ts/tollgate/v1/invoice_service.js';
import { SubscriptionServiceService } from '../../generated/ts/tollgate/v1/subscription_service.js';
import { listInvoices } from '../operations/billing/read-invoices.js';
import { amendEvent, voidEvent } from '../operations/corrections/correct.js';
import {
  createCreditGrant,
  getCreditBalance,
  listCreditGrants,
  voidCreditGrant,
} from '../operations/invoices/credit-grants.js';
import {
  createCreditNote,
  getCreditNote,
  listCreditNotes,
} from '../operations/invoices/credit-notes.js';
import {
  deleteDraftInvoice,
  finalizeInvoice,
  generateInvoice,
  previewInvoice,
} from '../operations/invoices/generate-invoice.js';
import { openInvoicePdf } from '../operations/invoices/invoice-pdf.js';
import {
  addInvoiceAdjustment,
  markInvoicePaid,
  markInvoiceUncollectible,
} from '../operations/invoices/pay-invoice.js';
import { voidInvoice } from '../operations/invoices/void-invoice.js';
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
import { COUNTED, quotaCalls } from './cold-services.js';
import { type Edge, type SlowOperation, slowUnary } from './unary.js';

export function addBillingServices(server: Server, edge: Edge): void {
  server.addService(SubscriptionServiceService, subscriptions(edge));
  server.addService(InvoiceServiceService, invoices(edge));
  server.addService(CorrectionServiceService, corrections(edge));
}

function subscriptions(edge: Edge) {
  const serve = <Request, Reply>(method: string, operation: SlowOperation<Request, Reply>) =>
    slowUnary(edge, method, operation, COUNTED);
  return {
    createSubscription: serve('CreateSubscription', createSubscription),
    getSubscription: serve('GetSubscription', getSubscription),
    listSubscriptions: serve('ListSubscriptions', listSubscriptions),
    previewSubscriptionChange: serve('PreviewSubscriptionChange', previewSubscriptionChange),
    changeSubscription: serve('ChangeSubscription', changeSubscription),
    cancelSubscription: serve('CancelSubscription', cancelSubscription),
    resumeSubscription: serve('ResumeSubscription', resumeSubscription),
    suspendSubscription: serve('SuspendSubscription', suspendSubscription),
    ...quotaCalls(serve),
  };
}

function invoices(edge: Edge) {
  const serve = <Request, Reply>(method: string, operation: SlowOperation<Request, Reply>) =>
    slowUnary(edge, method, operation, COUNTED);
  return {
    generateInvoice: serve('GenerateInvoice', generateInvoice),
    previewInvoice: serve('PreviewInvoice', previewInvoice),
    listInvoices: serve('ListInvoices', listInvoices),
    finalizeInvoice: serve('FinalizeInvoice', finalizeInvoice),
    deleteDraftInvoice: serve('DeleteDraftInvoice', deleteDraftInvoice),
    voidInvoice: serve('VoidInvoice', voidInvoice),
    markInvoicePaid: serve('MarkInvoicePaid', markInvoicePaid),
    markInvoiceUncollectible: serve('MarkInvoiceUncollectible', markInvoiceUncollectible),
    addInvoiceAdjustment: serve('AddInvoiceAdjustment', addInvoiceAdjustment),
    createCreditNote: serve('CreateCreditNote', createCreditNote),
    getCreditNote: serve('GetCreditNote', getCreditNote),
    listCreditNotes: serve('ListCreditNotes', listCreditNotes),
    createCreditGrant: serve('CreateCreditGrant', createCreditGrant),
    listCreditGrants: serve('ListCreditGrants', listCreditGrants),
    voidCreditGrant: serve('VoidCreditGrant', voidCreditGrant),
    getCreditBalance: serve('GetCreditBalance', getCreditBalance),
    getInvoicePdf: serve('GetInvoicePdf', openInvoicePdf()),
  };
}

function corrections(edge: Edge) {
  const serve = <Request, Reply>(method: string, operation: SlowOperation<Request, Reply>) =>
    slowUnary(edge, method, operation, COUNTED);
  return {
    voidEvent: serve('VoidEvent', voidEvent),
    amendEvent: serve('AmendEvent', amendEvent),
  };
}
