// OrganizationService: who is billed. One that was first seen by its usage is there as well.

import {
  type Organization,
  OrganizationState,
} from '../../generated/ts/tollgate/v1/organization.js';
import type {
  CreateOrganizationRequest,
  CreateOrganizationResponse,
  GetOrganizationRequest,
  GetOrganizationResponse,
  ListOrganizationsRequest,
  ListOrganizationsResponse,
  ResumeOrganizationRequest,
  ResumeOrganizationResponse,
  SuspendOrganizationRequest,
  SuspendOrganizationResponse,
  UpdateOrganizationRequest,
  UpdateOrganizationResponse,
} from '../../generated/ts/tollgate/v1/organization_service.js';
import { present } from '../base/assert.js';
import type { OrganisationRecord } from '../domain/organisations/document.js';
import { newOrganisation } from '../domain/organisations/document.js';
import { withFallbackPlan } from '../domain/subscriptions/tenures.js';
import { unsubscribed } from '../domain/subscriptions/terms.js';
import type { Stored } from '../ledger/ledger.js';
import {
  organisationNotFound,
  readOrganisation,
  type StoredOrganisation,
  termsChange,
  termsOf,
} from './billing/terms-change.js';
import { toParty } from './billing/to-invoice.js';
import {
  type Committed,
  change,
  checkEtag,
  checkRequestId,
  create,
  etagOf,
  put,
} from './change.js';
import {
  checkMetadata,
  checkParty,
  checkReason,
  checkTaxRates,
  checkText,
  checkZone,
} from './checks.js';
import { type Answer, type Core, catalogueOf } from './core.js';
import { fieldsOf } from './field-mask.js';
import { nextToken, pagingOf } from './paging.js';
import {
  checkId,
  checkOrgId,
  createFaults,
  type Faults,
  refuseFaults,
  toTimestamp,
} from './parse.js';
import { invalidField, Refusal } from './refusal.js';

const KIND = 'organization';
const CHANGEABLE = [
  'display_name',
  'billing_party',
  'time_zone',
  'plan',
  'tax_rates',
  'payment_method',
  'metadata',
] as const;

export function createOrganization(
  core: Core,
  request: CreateOrganizationRequest,
): Promise<Answer<CreateOrganizationResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const given = required(request.organization);
  const { orgId } = given;
  checkOrgId(orgId, 'organization.org_id', faults);
  const fields = read(core, given, 'organization', faults);
  refuseFaults(faults);
  return change(core, {
    action: 'organizations.create',
    orgId,
    request,
    async plan(atMs) {
      const stored = await readOrganisation(core, orgId);
      if (stored.organisation !== undefined) throw exists(orgId);
      const value = { ...newOrganisation(orgId, atMs), ...fields, source: 'API' as const };
      const terms = {
        ...termsOf(stored),
        zone: value.time_zone,
        tenures: [unsubscribed(value.plan)],
      };
      return {
        changes: () => [create(KIND, '', orgId, value), ...termsChange(orgId, stored, terms)],
      };
    },
    reply: replyOf,
  });
}

export async function getOrganization(
  core: Core,
  { orgId }: GetOrganizationRequest,
): Promise<Answer<GetOrganizationResponse>> {
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  refuseFaults(faults);
  const stored = await core.ledger.get(KIND, '', orgId);
  if (stored === undefined) throw organisationNotFound(orgId);
  const reply = { organization: toOrganization(stored) };
  return { reply, after: core.journal.lastSequence() };
}

export async function listOrganizations(
  core: Core,
  request: ListOrganizationsRequest,
): Promise<Answer<ListOrganizationsResponse>> {
  const faults = createFaults();
  const suspended = suspendedOf(request.state, faults);
  const list = `organizations/${request.state}`;
  const paging = pagingOf(request, list, faults);
  refuseFaults(faults);
  const where = suspended === undefined ? {} : { where: { suspended: [suspended] } };
  const page = await core.ledger.list({ kind: KIND, order: 'oldest', ...paging, ...where });
  const organizations = page.records.map(toOrganization);
  const reply = { organizations, nextPageToken: nextToken(list, page) };
  return { reply, after: core.journal.lastSequence() };
}

export function updateOrganization(
  core: Core,
  request: UpdateOrganizationRequest,
): Promise<Answer<UpdateOrganizationResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const given = required(request.organization);
  const { orgId } = given;
  checkOrgId(orgId, 'organization.org_id', faults);
  const named = fieldsOf(request.updateMask, CHANGEABLE, faults);
  const fields = read(core, given, 'organization', faults);
  refuseFaults(faults);
  const wanted = Object.entries(fields).filter(([field]) => {
    return named.has(field === 'party' ? 'billing_party' : field);
  });
  return changeOne(core, 'organizations.update', { ...request, orgId, reason: '' }, (value) => ({
    ...value,
    ...Object.fromEntries(wanted),
  }));
}

export function suspendOrganization(
  core: Core,
  request: SuspendOrganizationRequest,
): Promise<Answer<SuspendOrganizationResponse>> {
  const { reason } = request;
  checkCall(request, 1);
  return changeOne(core, 'organizations.suspend', request, (value) => {
    return { ...value, suspended: true, suspend_reason: reason };
  });
}

export function resumeOrganization(
  core: Core,
  request: ResumeOrganizationRequest,
): Promise<Answer<ResumeOrganizationResponse>> {
  checkCall(request, 0);
  return changeOne(core, 'organizations.resume', request, (value) => {
    return { ...value, suspended: false, suspend_reason: '' };
  });
}

interface OneCall {
  readonly orgId: string;
  readonly reason: string;
  readonly requestId: string;
  readonly etag: string;
}

function checkCall({ orgId, reason, requestId }: OneCall, reasonMin: 0 | 1): void {
  const faults = createFaults();
  checkOrgId(orgId, 'org_id', faults);
  checkReason(reason, reasonMin, faults);
  checkRequestId(requestId, faults);
  refuseFaults(faults);
}

function changeOne(
  core: Core,
  action: string,
  call: OneCall,
  next: (value: OrganisationRecord) => OrganisationRecord,
): Promise<Answer<{ organization: Organization | undefined }>> {
  const { orgId, reason, etag } = call;
  return change(core, {
    action,
    orgId,
    reason,
    etag,
    request: call,
    async plan(atMs) {
      const stored = await readOrganisation(core, orgId);
      const { organisation } = stored;
      if (organisation === undefined) throw organisationNotFound(orgId);
      checkEtag(etag, organisation);
      const changed = next(organisation.value);
      const value = { ...changed, source: 'API' as const, updated_ms: atMs };
      const terms = await termsWith(core, stored, value, atMs);
      return {
        changes: () => [
          put(KIND, '', orgId, organisation, value),
          ...termsChange(orgId, stored, terms),
        ],
      };
    },
    reply: replyOf,
  });
}

/** A live subscription keeps the zone that it began in. */
async function termsWith(
  core: Core,
  stored: StoredOrganisation,
  value: OrganisationRecord,
  atMs: number,
) {
  const before = present(stored.organisation, 'the organisation').value;
  const terms = termsOf(stored);
  const { subscription_id } = value;
  const subscription =
    subscription_id === ''
      ? undefined
      : await core.ledger.get('subscription', value.org_id, subscription_id);
  let { tenures } = terms;
  if (value.plan !== before.plan) tenures = withFallbackPlan(tenures, atMs, value.plan);
  const suspended = value.suspended || subscription?.value.state === 'SUSPENDED';
  return { ...terms, zone: value.time_zone, suspended, tenures };
}

function required(organization: Organization | undefined): Organization {
  if (organization === undefined) throw invalidField('organization', 'is required');
  return organization;
}

type Fields = Pick<
  OrganisationRecord,
  'display_name' | 'party' | 'time_zone' | 'plan' | 'tax_rates' | 'payment_method' | 'metadata'
>;

function read(core: Core, given: Organization, at: string, faults: Faults): Fields {
  checkText(given.displayName, `${at}.display_name`, { max: 256 }, faults);
  checkText(given.paymentMethod, `${at}.payment_method`, { max: 256 }, faults);
  if (given.plan !== '') {
    checkId(given.plan, `${at}.plan`, faults);
    const plan = catalogueOf(core).plan(given.plan, 0);
    if (plan === undefined) faults.add(`${at}.plan`, 'names no plan of the catalogue');
    else if (plan.document.org_id !== undefined && plan.document.org_id !== given.orgId) {
      faults.add(`${at}.plan`, 'names a plan for another organisation');
    }
  }
  return {
    display_name: given.displayName,
    party: checkParty(given.billingParty, `${at}.billing_party`, faults),
    time_zone: checkZone(given.timeZone, `${at}.time_zone`, faults),
    plan: given.plan,
    tax_rates: checkTaxRates(given.taxRates, `${at}.tax_rates`, faults),
    payment_method: given.paymentMethod,
    metadata: checkMetadata(given.metadata, `${at}.metadata`, faults),
  };
}

function suspendedOf(state: OrganizationState, faults: Faults): boolean | undefined {
  switch (state) {
    case OrganizationState.ORGANIZATION_STATE_UNSPECIFIED:
      return undefined;
    case OrganizationState.ORGANIZATION_STATE_ACTIVE:
      return false;
    case OrganizationState.ORGANIZATION_STATE_SUSPENDED:
      return true;
    default:
      faults.add('state', 'is not a known state');
      return undefined;
  }
}

function replyOf(changed: Committed) {
  const stored = changed.first(KIND);
  return { organization: stored && toOrganization(stored) };
}

function toOrganization(stored: Stored<typeof KIND>): Organization {
  const { value } = stored;
  return {
    orgId: value.org_id,
    displayName: value.display_name,
    billingParty: toParty(value.party),
    timeZone: value.time_zone,
    plan: value.plan,
    taxRates: value.tax_rates.map(({ name, percent }) => ({ name, percent })),
    paymentMethod: value.payment_method,
    metadata: new Map(Object.entries(value.metadata)),
    state: value.suspended
      ? OrganizationState.ORGANIZATION_STATE_SUSPENDED
      : OrganizationState.ORGANIZATION_STATE_ACTIVE,
    suspendReason: value.suspend_reason,
    subscriptionId: value.subscription_id,
    providerCustomerId: value.provider_customer_id,
    etag: etagOf(stored),
    createTime: toTimestamp(value.created_ms),
    updateTime: toTimestamp(value.updated_ms),
  };
}

function exists(orgId: string): Refusal {
  const text = `organisation "${orgId}" is there already; update it`;
  return new Refusal('ALREADY_EXISTS', 'ORGANIZATION_EXISTS', text);
}
