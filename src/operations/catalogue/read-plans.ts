// CatalogService, reading plans: one, in its latest version or an older one; all; the versions.

import type {
  GetPlanRequest,
  GetPlanResponse,
  ListPlansRequest,
  ListPlansResponse,
  ListPlanVersionsRequest,
  ListPlanVersionsResponse,
} from '../../../generated/ts/tollgate/v1/catalog_service.js';
import type { Plan } from '../../../generated/ts/tollgate/v1/plan.js';
import { mayTouch } from '../../domain/access/principal.js';
import { planKey } from '../../domain/plans/catalogue.js';
import type { PlanDocument, VersionDocument } from '../../domain/plans/document.js';
import type { Answer, Core } from '../core.js';
import { nextToken, pagingOf } from '../paging.js';
import { checkId, checkOrgId, createFaults, refuseFaults } from '../parse.js';
import { find, type StoredHead } from './heads.js';
import { bytesOf, fitsPage, listHeads } from './lists.js';
import { PLAN, planNotFound } from './plans.js';
import { toPlan, toPlanVersion } from './to-catalogue.js';

export async function getPlan(
  core: Core,
  { planId, version }: GetPlanRequest,
): Promise<Answer<GetPlanResponse>> {
  const faults = createFaults();
  checkId(planId, 'plan_id', faults);
  if (version < 0) faults.add('version', 'must be 1 or more, or 0 for the latest');
  refuseFaults(faults);
  const stored = await findVisible(core, planId);
  const plan = version === 0 ? toPlan(stored) : await readVersion(core, stored, version);
  if (plan === undefined) throw planNotFound(planKey(planId, version));
  return { reply: { plan }, after: core.journal.lastSequence() };
}

export async function listPlans(
  core: Core,
  request: ListPlansRequest,
): Promise<Answer<ListPlansResponse>> {
  const faults = createFaults();
  const { orgId, selfServe, includeArchived } = request;
  if (orgId !== '') checkOrgId(orgId, 'org_id', faults);
  const list = `plans/${orgId}/${selfServe}/${includeArchived}`;
  const paging = pagingOf(request, list, faults);
  refuseFaults(faults);
  const page = await listHeads(
    (at) => core.ledger.list({ kind: 'plan', order: 'oldest', ...at }),
    paging,
    ({ value: { document, archived } }) =>
      (includeArchived || !archived) &&
      (selfServe === undefined || (document.self_serve ?? false) === selfServe) &&
      (orgId === '' || document.org_id === undefined || document.org_id === orgId),
  );
  const reply = { plans: page.records.map(toPlan), nextPageToken: nextToken(list, page) };
  return { reply, after: core.journal.lastSequence() };
}

/** A plan for an organisation that the caller may not touch is not there for them. */
async function findVisible(core: Core, planId: string): Promise<StoredHead<PlanDocument>> {
  const stored = await find(core, PLAN, planId);
  const { org_id: owner } = stored.value.document;
  if (owner !== undefined && !mayTouch(core.caller.principal, owner)) throw planNotFound(planId);
  return stored;
}

/** Newest first. A page's place is the version that comes next. */
export async function listPlanVersions(
  core: Core,
  request: ListPlanVersionsRequest,
): Promise<Answer<ListPlanVersionsResponse>> {
  const faults = createFaults();
  const { planId } = request;
  checkId(planId, 'plan_id', faults);
  const list = `plan_versions/${planId}`;
  const paging = pagingOf(request, list, faults);
  refuseFaults(faults);
  const stored = await findVisible(core, planId);
  const plans: Plan[] = [];
  let bytes = 0;
  let version = paging.after === undefined ? stored.value.latest : Number(paging.after);
  for (; version > 0 && plans.length < paging.limit; version--) {
    const kept = await core.ledger.get('plan_version', '', planKey(planId, version));
    if (kept === undefined) continue;
    bytes += bytesOf(kept.value.document);
    if (plans.length > 0 && !fitsPage(bytes)) break;
    plans.push(toVersion(stored, kept.value));
  }
  const next = version > 0 ? `${version}` : undefined;
  const reply = { plans, nextPageToken: nextToken(list, { next }) };
  return { reply, after: core.journal.lastSequence() };
}

async function readVersion(
  core: Core,
  stored: StoredHead<PlanDocument>,
  version: number,
): Promise<Plan | undefined> {
  const key = planKey(stored.value.document.id, version);
  const kept = await core.ledger.get('plan_version', '', key);
  return kept && toVersion(stored, kept.value);
}

function toVersion(stored: StoredHead<PlanDocument>, kept: VersionDocument<PlanDocument>): Plan {
  return kept.version === stored.value.latest ? toPlan(stored) : toPlanVersion(stored, kept);
}
