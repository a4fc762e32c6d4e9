// CatalogService, plans: what is sold. A version never changes; a change makes the next one.

import type {
  ArchivePlanRequest,
  ArchivePlanResponse,
  CreatePlanRequest,
  CreatePlanResponse,
  UpdatePlanRequest,
  UpdatePlanResponse,
} from '../../../generated/ts/tollgate/v1/catalog_service.js';
import type { Plan } from '../../../generated/ts/tollgate/v1/plan.js';
import { present } from '../../base/assert.js';
import type { PlanDocument } from '../../domain/plans/document.js';
import { checkPrices, checkQuotas } from '../../seed/checks.js';
import type { Parts } from '../../seed/parts.js';
import { PLAN_KEYS } from '../../seed/plan-shape.js';
import { organisationNotFound } from '../billing/terms-change.js';
import { checkRequestId } from '../change.js';
import type { Answer, Core } from '../core.js';
import { fieldsOf } from '../field-mask.js';
import { checkId, createFaults, refuseFaults } from '../parse.js';
import { invalidField, Refusal } from '../refusal.js';
import { PLAN_CHANGEABLE, readPlanMessage } from './from-plan.js';
import { archiveHead, type Kind, makeHead, refuseIfMany, updateHead, withFields } from './heads.js';
import { refuseAssignedPlan, refuseDefaultPlan } from './in-use.js';
import { fieldText } from './message-tree.js';
import { moveSubscriptions } from './move-subscriptions.js';
import { type CatalogueObjects, usableMeters } from './objects.js';
import { toPlan } from './to-catalogue.js';

export const PLAN: Kind<PlanDocument> = {
  name: 'plan',
  read: (core, id) => core.ledger.get('plan', '', id),
  written: (changed) => changed.first('plan'),
  notFound: planNotFound,
};

export function createPlan(
  core: Core,
  request: CreatePlanRequest,
): Promise<Answer<CreatePlanResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const given = required(request.plan);
  const parts = readPlanMessage(given, new Set(PLAN_CHANGEABLE), faults);
  refuseFaults(faults);
  const { planId: id, orgId } = given;
  return makeHead(core, {
    kind: PLAN,
    id,
    orgId,
    action: 'plans.create',
    request,
    document: present(parts.document, 'the plan without a fault'),
    async before() {
      if ((await PLAN.read(core, id)) !== undefined) throw exists(id);
      if (orgId === '') return;
      const organisation = await core.ledger.get('organization', '', orgId);
      if (organisation === undefined) throw organisationNotFound(orgId);
    },
    check(objects) {
      refuseIfMany(objects.plans, 'plans');
      refuseBadParts(objects, parts);
    },
    reply: (stored) => ({ plan: toPlan(stored) }),
  });
}

export function updatePlan(
  core: Core,
  request: UpdatePlanRequest,
): Promise<Answer<UpdatePlanResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const given = required(request.plan);
  const { planId: id } = given;
  const fields = fieldsOf(request.updateMask, PLAN_CHANGEABLE, faults);
  const parts = readPlanMessage({ ...given, currency: '', orgId: '' }, fields, faults);
  refuseFaults(faults);
  const read = present(parts.document, 'the plan without a fault');
  return updateHead(core, {
    kind: PLAN,
    id,
    action: 'plans.update',
    request,
    etag: request.etag,
    archived: planArchived,
    next: async (before) => withFields(before, read, fields, PLAN_KEYS),
    check: (objects) => refuseBadParts(objects, parts),
    alongside: request.applyToExisting
      ? (head, atMs) => moveSubscriptions(core, head.document, head.latest, atMs)
      : undefined,
    reply(stored, changed) {
      const moved = changed?.all('subscription') ?? [];
      // Their usage periods end here.
      for (const { orgId } of moved) core.dues.touch(orgId);
      return { plan: toPlan(stored), movedSubscriptionCount: moved.length };
    },
  });
}

export function archivePlan(
  core: Core,
  request: ArchivePlanRequest,
): Promise<Answer<ArchivePlanResponse>> {
  const { planId: id, etag } = request;
  const faults = createFaults();
  checkId(id, 'plan_id', faults);
  checkRequestId(request.requestId, faults);
  refuseFaults(faults);
  return archiveHead(core, {
    kind: PLAN,
    id,
    action: 'plans.archive',
    request,
    etag,
    before: () => refuseAssignedPlan(core, id),
    check: (objects) => refuseDefaultPlan(objects, id),
    reply: (stored) => ({ plan: toPlan(stored) }),
  });
}

export function planNotFound(id: string): Refusal {
  const text = `plan "${id}" is not in the catalogue`;
  return new Refusal('NOT_FOUND', 'PLAN_NOT_FOUND', text);
}

export function planArchived(id: string): Refusal {
  const text = `plan "${id}" is archived`;
  return new Refusal('FAILED_PRECONDITION', 'PLAN_ARCHIVED', text);
}

function refuseBadParts(
  objects: CatalogueObjects,
  { quotas, prices }: Pick<Parts<PlanDocument>, 'quotas' | 'prices'>,
): void {
  const faults = createFaults();
  const meters = usableMeters(objects);
  checkQuotas(quotas, meters, (at, rule) => faults.add(fieldText(at), rule));
  checkPrices(prices, meters, (at, rule) => faults.add(fieldText(at), rule));
  refuseFaults(faults);
}

function required(plan: Plan | undefined): Plan {
  if (plan === undefined) throw invalidField('plan', 'is required');
  return plan;
}

function exists(id: string): Refusal {
  const text = `plan "${id}" is there already, perhaps archived: take another id`;
  return new Refusal('ALREADY_EXISTS', 'PLAN_EXISTS', text);
}
