// ListFeatureFlags, SetFeatureFlag: switches that callers read. There are few of them: each page of
// the list goes through all.

import type {
  ListFeatureFlagsRequest,
  ListFeatureFlagsResponse,
  SetFeatureFlagRequest,
  SetFeatureFlagResponse,
} from '../../../generated/ts/tollgate/v1/admin_service.js';
import type { FeatureFlag } from '../../../generated/ts/tollgate/v1/feature_flag.js';
import type { EpochMs } from '../../base/units.js';
import type { FeatureFlagRecord } from '../../domain/organisations/feature-flag.js';
import type { Stored } from '../../ledger/ledger.js';
import { limits } from '../../limits.js';
import { change, checkEtag, checkRequestId, etagOf, put, remove } from '../change.js';
import { checkReason, checkText } from '../checks.js';
import { type Answer, type Core, refuseUnknownOrganisation } from '../core.js';
import { decodePageToken, encodePageToken, pageSizeOf } from '../page.js';
import { checkOrgId, createFaults, refuseFaults, toTimestamp } from '../parse.js';
import { Refusal } from '../refusal.js';
import { openRanking } from './ranking.js';
import { scanRecords } from './scan-records.js';
import { openSteps } from './steps.js';

const KIND = 'feature_flag';
const KEY = /^[a-z0-9_.-]{1,64}$/;

type StoredFlag = Stored<typeof KIND>;

export async function listFeatureFlags(
  core: Core,
  request: ListFeatureFlagsRequest,
): Promise<Answer<ListFeatureFlagsResponse>> {
  const { orgId } = request;
  const faults = createFaults();
  if (orgId !== '') checkOrgId(orgId, 'org_id', faults);
  const list = `feature_flags/${orgId}`;
  const place = decodePageToken(request.pageToken, list, faults);
  refuseFaults(faults);
  const [key = '', org_id = ''] = place?.map(String) ?? [];
  const after = place && { value: { key, org_id } };
  const ranking = openRanking<Place, StoredFlag>(pageSizeOf(request.pageSize), order, after);
  const own = orgId === '' ? undefined : await keysOf(core, orgId);
  for await (const flag of scanRecords(core, openSteps(core), KIND)) {
    if (own === undefined || holdsFor(orgId, own, flag)) ranking.add(flag);
  }
  const page = ranking.first();
  const last = page.at(-1)?.value;
  const isMore = ranking.isMore() && last !== undefined;
  const nextPageToken = isMore ? encodePageToken(list, [last.key, last.org_id]) : '';
  const reply = { flags: page.map(toFlag), nextPageToken };
  return { reply, after: core.journal.lastSequence() };
}

interface Place {
  readonly value: Pick<FeatureFlagRecord, 'key' | 'org_id'>;
}

/** The flag for all comes before those of organisations. */
function order({ value: a }: Place, { value: b }: Place): number {
  const [i, j] = a.key === b.key ? [a.org_id, b.org_id] : [a.key, b.key];
  return i < j ? -1 : Number(i > j);
}

async function keysOf(core: Core, orgId: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for await (const { id } of scanRecords(core, openSteps(core), KIND, { orgId })) found.add(id);
  return found;
}

/** Its own flags, and those for all that it has none of. */
function holdsFor(orgId: string, own: ReadonlySet<string>, flag: StoredFlag): boolean {
  return flag.orgId === orgId || (flag.orgId === '' && !own.has(flag.id));
}

export async function setFeatureFlag(
  core: Core,
  request: SetFeatureFlagRequest,
): Promise<Answer<SetFeatureFlagResponse>> {
  const { key, orgId, reason, etag, enabled } = request;
  check(request);
  if (orgId !== '' && enabled !== undefined) refuseUnknownOrganisation(core, orgId);
  return change<SetFeatureFlagResponse>(core, {
    action: 'feature_flags.set',
    orgId,
    reason,
    etag,
    request,
    async plan(atMs) {
      const stored = await core.ledger.get(KIND, orgId, key);
      checkEtag(etag, stored ?? ABSENT);
      const next = nextOf(request, stored?.value, atMs);
      if (isSame(stored?.value, next)) return undefined;
      if (stored === undefined) await refuseIfMany(core);
      const changed =
        next === undefined && stored !== undefined
          ? remove(KIND, stored)
          : put(KIND, orgId, key, stored, next as FeatureFlagRecord);
      return { changes: () => [changed] };
    },
    reply: (changed) => replyOf(changed.first(KIND)),
    unchanged: async () => replyOf(await core.ledger.get(KIND, orgId, key)),
  });
}

/** No version is that of a flag that is not there. */
const ABSENT = { version: 0 };

function check(request: SetFeatureFlagRequest): void {
  const faults = createFaults();
  if (!KEY.test(request.key)) faults.add('key', 'must be 1 to 64 characters of a-z 0-9 _ . -');
  if (request.orgId !== '') checkOrgId(request.orgId, 'org_id', faults);
  checkText(request.description ?? '', 'description', { max: limits.reasonChars }, faults);
  checkReason(request.reason, 0, faults);
  checkRequestId(request.requestId, faults);
  refuseFaults(faults);
}

/** Undefined: it is removed. */
function nextOf(
  { key, orgId, enabled, description }: SetFeatureFlagRequest,
  before: FeatureFlagRecord | undefined,
  atMs: EpochMs,
): FeatureFlagRecord | undefined {
  if (enabled === undefined) return undefined;
  return {
    key,
    org_id: orgId,
    enabled,
    description: description ?? before?.description ?? '',
    created_ms: before?.created_ms ?? atMs,
    updated_ms: atMs,
  };
}

function isSame(
  before: FeatureFlagRecord | undefined,
  next: FeatureFlagRecord | undefined,
): boolean {
  return before?.enabled === next?.enabled && before?.description === next?.description;
}

async function refuseIfMany(core: Core): Promise<void> {
  let count = 0;
  for await (const _ of scanRecords(core, openSteps(core), KIND)) count++;
  if (count < limits.featureFlags) return;
  const text = `there are ${limits.featureFlags} feature flags: remove some`;
  throw new Refusal('RESOURCE_EXHAUSTED', 'FEATURE_FLAGS_EXHAUSTED', text);
}

function replyOf(stored: StoredFlag | undefined): SetFeatureFlagResponse {
  return { flag: stored && toFlag(stored) };
}

function toFlag(stored: StoredFlag): FeatureFlag {
  const { key, org_id: orgId, enabled, description, created_ms, updated_ms } = stored.value;
  return {
    key,
    orgId,
    enabled,
    description,
    etag: etagOf(stored),
    createTime: toTimestamp(created_ms),
    updateTime: toTimestamp(updated_ms),
  };
}
