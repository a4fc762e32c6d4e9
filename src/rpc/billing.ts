// SubscriptionService, InvoiceService and CorrectionService: what each RPC needs, and which
// operation it is.

import type * as correction from '../../generated/ts/tollgate/v1/correction_service.js';
import type { InvoiceServiceService } from '../../generated/ts/tollgate/v1/invoice_service.js';
import type * as subscription from '../../generated/ts/tollgate/v1/subscription_service.js';
import type { Permission } from '../domain/access/roles.js';
import { listInvoices } from '../operations/billing/read-invoices.js';
import { getEffectiveQuotas } from '../operations/catalogue/effective-quotas.js';
import {
  deleteQuotaOverride,
  listQuotaOverrides,
  putQuotaOverride,
} from '../operations/catalogue/quota-overrides.js';
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
import { ANY_ORG, ONE_ORG, type OrgRule, orgIn, type RpcTable } from './rpc.js';

const ADMIN = of('billing.admin', ONE_ORG);
/** Of what the id alone may name. */
const ADMIN_BY_ID = of('billing.admin', ANY_ORG);
const READ = of('billing.read', ONE_ORG);
const READ_ANY = of('billing.read', ANY_ORG);
const CHANGE = of('billing.write', ONE_ORG);
const QUOTAS = of('usage.read', ONE_ORG);

export const subscriptions: RpcTable<subscription.SubscriptionServiceService> = {
  createSubscription: { ...CHANGE, run: createSubscription },
  getSubscription: { ...READ, run: getSubscription },
  listSubscriptions: { ...READ_ANY, run: listSubscriptions },
  previewSubscriptionChange: { ...READ, run: previewSubscriptionChange },
  changeSubscription: { ...CHANGE, run: changeSubscription },
  cancelSubscription: { ...CHANGE, run: cancelSubscription },
  resumeSubscription: { ...CHANGE, run: resumeSubscription },
  suspendSubscription: { ...ADMIN, run: suspendSubscription },
  getEffectiveQuotas: { ...QUOTAS, run: getEffectiveQuotas },
  putQuotaOverride: { ...of('billing.admin', orgIn('quotaOverride')), run: putQuotaOverride },
  listQuotaOverrides: { ...QUOTAS, run: listQuotaOverrides },
  deleteQuotaOverride: { ...ADMIN, run: deleteQuotaOverride },
};

/** It remembers the last one that it drew. */
export function openInvoices(): RpcTable<InvoiceServiceService> {
  return {
    generateInvoice: { ...ADMIN, run: generateInvoice },
    previewInvoice: { ...READ, run: previewInvoice },
    listInvoices: { ...READ_ANY, run: listInvoices },
    finalizeInvoice: { ...ADMIN_BY_ID, run: finalizeInvoice },
    deleteDraftInvoice: { ...ADMIN_BY_ID, run: deleteDraftInvoice },
    voidInvoice: { ...ADMIN_BY_ID, run: voidInvoice },
    markInvoicePaid: { ...ADMIN_BY_ID, run: markInvoicePaid },
    markInvoiceUncollectible: { ...ADMIN_BY_ID, run: markInvoiceUncollectible },
    addInvoiceAdjustment: { ...ADMIN_BY_ID, run: addInvoiceAdjustment },
    createCreditNote: { ...ADMIN_BY_ID, run: createCreditNote },
    getCreditNote: { ...READ_ANY, run: getCreditNote },
    listCreditNotes: { ...READ_ANY, run: listCreditNotes },
    createCreditGrant: { ...of('billing.admin', orgIn('creditGrant')), run: createCreditGrant },
    listCreditGrants: { ...READ, run: listCreditGrants },
    voidCreditGrant: { ...ADMIN, run: voidCreditGrant },
    getCreditBalance: { ...READ, run: getCreditBalance },
    getInvoicePdf: { ...READ_ANY, run: openInvoicePdf() },
  };
}

export const corrections: RpcTable<correction.CorrectionServiceService> = {
  voidEvent: { ...ADMIN, run: voidEvent },
  amendEvent: { ...ADMIN, run: amendEvent },
};

function of<Request>(needs: Permission, org: OrgRule<Request>) {
  return { kind: 'administration', needs, org } as const;
}
