// SubscriptionService, quota overrides: rules for one organisation alone. The hot path reads them
// off its terms, which change in the same transaction.

import type { QuotaOverride } from '../../../generated/ts/tollgate/v1/quota_rule.js';
import type {
  DeleteQuotaOverrideRequest,
  DeleteQuotaOverrideResponse,
  ListQuotaOverridesRequest,
  ListQuotaOverridesResponse,
  PutQuotaOverrideRequest,
  PutQuotaOverrideResponse,
} from '../../../generated/ts/tollgate/v1/subscription_service.js';
import { present } from '../../base/assert.js';
import type { EpochMs } from '../../base/units.js';
import { newOrganisation, type OverrideRecord } from '../../domain/organisations/document.js';
import { compileOverride } from '../../domain/plans/catalogue.js';
import type { OverrideDocument } from '../../domain/plans/document.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { limits } from '../../limits.js';
import { checkQuotas, checkReplaces } from '../../seed/checks.js';
import type { Report } from '../../seed/problem.js';
import { overrideShape } from '../../seed/shapes.js';
import {
  readOrganisation,
  type StoredOrganisation,
  termsChange,
  termsOf,
  withOverrides,
} from '../billing/terms-change.js';
import { change, checkEtag, checkRequestId, create, etagOf, put, remove } from '../change.js';
import { type Answer, type Core, catalogueOf, refuseUnknownOrganisation } from '../core.js';
import { decodePageToken, encodePageToken, pageSizeOf } from '../page.js';
import { listAll } from '../paging.js';
import {
  checkId,
  checkOrgId,
  createFaults,
  type Faults,
  refuseFaults,
  toTimestamp,
} from '../parse.js';
import { invalidField, Refusal } from '../refusal.js';
import { planAt } from '../rules.js';
import { quotaTree } from './from-price.js';
import { fieldText, messageReader, timeTree, tree } from './message-tree.js';
import { meterNotFound } from './meters.js';
import { objectsOf, usableMeters } from './objects.js';
import { toQuotaRule } from './to-price.js';

const KIND = 'override';
const AT = ['quota_override', 'rule'];

type StoredOverride = Stored<typeof KIND>;

export function putQuotaOverride(
  core: Core,
  request: PutQuotaOverrideRequest,
): Promise<Answer<PutQuotaOverrideResponse>> {
  const faults = createFaults();
  checkRequestId(request.requestId, faults);
  const given = request.quotaOverride;
  if (given === undefined) throw invalidField('quota_override', 'is required');
  const { orgId, reason } = given;
  checkOrgId(orgId, 'quota_override.org_id', faults);
  const read = readOverride(given, faults);
  refuseFaults(faults);
  const override = present(read, 'the override without a fault');
  return change(core, {
    action: 'quota_overrides.put',
    orgId,
    reason,
    request,
    async plan(atMs) {
      const stored = await readOrganisation(core, orgId);
      const all = await listOverrides(core, orgId);
      const before = all.find(({ id }) => id === override.key);
      checkEtag(request.etag, live(before) ?? NEVER);
      if (live(before) !== undefined && isSame(before?.value.override, override)) return undefined;
      refuseUnknownOrganisation(core, orgId);
      refuseEnded(override, atMs);
      refuseIfMany(all, override.key);
      return { changes: () => changesOf(core, { orgId, stored, all, before, override, atMs }) };
    },
    reply: (changed) => ({
      quotaOverride: toOverride(present(changed.first(KIND), 'what was put')),
    }),
    async unchanged() {
      const stored = await core.ledger.get(KIND, orgId, override.key);
      return { quotaOverride: stored && toOverride(stored) };
    },
  });
}

interface Putting {
  readonly orgId: string;
  readonly stored: StoredOrganisation;
  readonly all: readonly StoredOverride[];
  readonly before: StoredOverride | undefined;
  readonly override: OverrideDocument;
  readonly atMs: EpochMs;
}

/** In the step that commits: what the catalogue says now holds. */
function changesOf(core: Core, putting: Putting): readonly Change[] {
  const { orgId, stored, all, before, override, atMs } = putting;
  refuseBadRule(core, putting);
  const created_ms = live(before)?.value.created_ms ?? atMs;
  const value: OverrideRecord = { override, source: 'API', created_ms, updated_ms: atMs };
  const isNew = before === undefined;
  const next = all.map((each) => (each === before ? value : each.value));
  const overrides = isNew ? [...next, value] : next;
  const { organisation } = stored;
  return [
    ...(organisation === undefined
      ? [create('organization', '', orgId, newOrganisation(orgId, atMs))]
      : []),
    put(KIND, orgId, override.key, before, value),
    ...termsChange(orgId, stored, withOverrides(termsOf(stored), kept(overrides))),
  ];
}

export async function listQuotaOverrides(
  core: Core,
  request: ListQuotaOverridesRequest,
): Promise<Answer<ListQuotaOverridesResponse>> {
  const faults = createFaults();
  const { orgId, includeExpired, pageSize, pageToken } = request;
  checkOrgId(orgId, 'org_id', faults);
  const list = `quota_overrides/${orgId}/${includeExpired}`;
  const place = decodePageToken(pageToken, list, faults);
  refuseFaults(faults);
  const nowMs = core.clock.wallMs();
  const all = (await listOverrides(core, orgId))
    .filter((each) => live(each) !== undefined)
    .filter(({ value }) => includeExpired || !hasEnded(value.override, nowMs))
    .filter(({ id }) => place === undefined || id > String(place[0]))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const page = all.slice(0, pageSizeOf(pageSize));
  const last = page.at(-1);
  const more = last !== undefined && page.length < all.length;
  const reply = {
    quotaOverrides: page.map(toOverride),
    nextPageToken: more ? encodePageToken(list, [last.id]) : '',
  };
  return { reply, after: core.journal.lastSequence() };
}

export function deleteQuotaOverride(
  core: Core,
  request: DeleteQuotaOverrideRequest,
): Promise<Answer<DeleteQuotaOverrideResponse>> {
  const faults = createFaults();
  const { orgId, quotaKey } = request;
  checkOrgId(orgId, 'org_id', faults);
  checkId(quotaKey, 'quota_key', faults);
  checkRequestId(request.requestId, faults);
  refuseFaults(faults);
  return change(core, {
    action: 'quota_overrides.delete',
    orgId,
    request,
    async plan(atMs) {
      const stored = await readOrganisation(core, orgId);
      const all = await listOverrides(core, orgId);
      const before = live(all.find(({ id }) => id === quotaKey));
      if (before === undefined) throw overrideNotFound(orgId, quotaKey);
      checkEtag(request.etag, before);
      const others = all.filter((each) => each !== before).map(({ value }) => value);
      const terms = withOverrides(termsOf(stored), kept(others));
      const gone = await goneChange(core, before, atMs);
      return { changes: () => [gone, ...termsChange(orgId, stored, terms)] };
    },
    reply: () => ({}),
  });
}

/** Of an organisation that the file names: a mark, so that the file does not bring it back. */
async function goneChange(core: Core, before: StoredOverride, atMs: EpochMs): Promise<Change> {
  const { orgId, id, value } = before;
  const file = await core.ledger.get('file', '', '');
  if (file?.value.organizations.includes(orgId) !== true) return remove(KIND, before);
  const mark = { ...value, source: 'API', deleted: true, updated_ms: atMs } as const;
  return put(KIND, orgId, id, before, mark);
}

function readOverride(given: QuotaOverride, faults: Faults): OverrideDocument | undefined {
  const { rule, replaces, expireTime, reason } = given;
  if (rule === undefined) {
    faults.add('quota_override.rule', 'is required');
    return undefined;
  }
  const expires = timeTree(expireTime, 'quota_override.expire_time', faults);
  const own = quotaTree(rule, 'quota_override.rule', faults);
  const root = { quota_override: { rule: tree({ ...own, replaces, expires, reason }) } };
  return messageReader(root, faults).part(AT, overrideShape);
}

function refuseBadRule(core: Core, putting: Putting): void {
  const { stored, all, override, atMs } = putting;
  const meters = usableMeters(objectsOf(core));
  if (!meters.names.has(override.meter)) {
    throw meterNotFound(`meter "${override.meter}" is not in the catalogue, or archived`);
  }
  const catalogue = catalogueOf(core);
  const faults = createFaults();
  const report: Report = (at, rule) => faults.add(fieldText(at), rule);
  const placed = { at: AT, value: override };
  checkQuotas([placed], meters, report);
  const { quotas } = planAt(catalogue, termsOf(stored), atMs).document;
  const rules = [...quotas, ...catalogue.settings.default_quotas];
  checkReplaces(placed, new Set(rules.map(({ key }) => key)), report);
  refuseFaults(faults);
  const combination = (each: OverrideDocument) => {
    const { rule } = compileOverride(each, catalogue.everyMeter);
    return `${rule.meter}\u0004${rule.combination}`;
  };
  const twin = all.find(({ id, value }) => {
    if (id === override.key || value.deleted || hasEnded(value.override, atMs)) return false;
    return combination(value.override) === combination(override);
  });
  if (twin !== undefined) throw overrideExists(twin.id);
}

function listOverrides(core: Core, orgId: string): Promise<readonly StoredOverride[]> {
  return listAll(core.ledger, { kind: KIND, orgId });
}

/** Undefined where it was deleted and only its mark is left. */
function live(stored: StoredOverride | undefined): StoredOverride | undefined {
  return stored?.value.deleted ? undefined : stored;
}

function kept(all: readonly OverrideRecord[]): readonly OverrideRecord[] {
  return all.filter(({ deleted }) => !deleted);
}

/** No etag is that of what is not there. */
const NEVER = { version: Number.NaN };

function hasEnded({ expires }: OverrideDocument, atMs: EpochMs): boolean {
  return expires !== null && Date.parse(expires) <= atMs;
}

function refuseEnded(override: OverrideDocument, atMs: EpochMs): void {
  if (hasEnded(override, atMs)) {
    throw invalidField('quota_override.expire_time', 'must be later than now');
  }
}

function refuseIfMany(all: readonly StoredOverride[], key: string): void {
  const others = all.filter((each) => live(each) !== undefined && each.id !== key);
  if (others.length < limits.overridesPerOrg) return;
  const text = `the organisation has ${others.length} overrides: delete one that has ended`;
  throw new Refusal('RESOURCE_EXHAUSTED', 'QUOTA_OVERRIDES_EXHAUSTED', text);
}

function isSame(a: OverrideDocument | undefined, b: OverrideDocument): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function toOverride(stored: StoredOverride): QuotaOverride {
  const { override, created_ms, updated_ms } = stored.value;
  const { replaces, expires, reason } = override;
  return {
    orgId: stored.orgId,
    rule: toQuotaRule(override),
    replaces,
    expireTime: expires === null ? undefined : toTimestamp(Date.parse(expires)),
    reason,
    etag: etagOf(stored),
    createTime: toTimestamp(created_ms),
    updateTime: toTimestamp(updated_ms),
  };
}

function overrideNotFound(orgId: string, key: string): Refusal {
  const text = `organisation "${orgId}" has no override "${key}"`;
  return new Refusal('NOT_FOUND', 'QUOTA_OVERRIDE_NOT_FOUND', text);
}

function overrideExists(key: string): Refusal {
  const text = `the override "${key}" counts the same: meter, match, scope and window are equal`;
  return new Refusal('ALREADY_EXISTS', 'QUOTA_OVERRIDE_EXISTS', text);
}
