// ListAuditEntries: who changed what, newest first. Each entry is read from the journal, with what
// was there before; what is secret is masked.

import type {
  ListAuditEntriesRequest,
  ListAuditEntriesResponse,
} from '../../../generated/ts/tollgate/v1/admin_service.js';
import {
  AuditOutcome,
  type AuditEntry as Shown,
} from '../../../generated/ts/tollgate/v1/audit_entry.js';
import { hash32 } from '../../base/hash.js';
import { DAY_MS, type EpochMs } from '../../base/units.js';
import { redacted } from '../../domain/notifications/redacted.js';
import type { AuditEntry } from '../../ledger/ledger.js';
import { checkText } from '../checks.js';
import type { Answer, Core } from '../core.js';
import { nextToken, type Paging, pagingOf } from '../paging.js';
import {
  checkOrgId,
  createFaults,
  type Faults,
  parseTime,
  refuseFaults,
  toTimestamp,
} from '../parse.js';
import { actionName, actorName, isDenial } from './audit-names.js';
import { isAny, type Target, targetOf } from './audit-target.js';
import { openSteps } from './steps.js';

/** Entries read for one page: a filter that few meet must not go on for ever. */
const SCANNED_MAX = 5000;
/** Of all texts of a page: with the rest it stays below what clients take by default. */
const PAGE_CHARS = 2 * 1024 * 1024;
/** Of one text; instead of a longer one its length stands there. */
const TEXT_CHARS = 512 * 1024;
/** How far a clock may have been set back: entries stand in the order of being made. */
const CLOCK_MS = DAY_MS;

export async function listAuditEntries(
  core: Core,
  request: ListAuditEntriesRequest,
): Promise<Answer<ListAuditEntriesResponse>> {
  const faults = createFaults();
  const filter = filterOf(request, faults);
  const list = `audit/${hash32(JSON.stringify(filter))}`;
  const paging = pagingOf(request, list, faults);
  refuseFaults(faults);
  const { entries, next } = await read(core, filter, paging);
  const reply = { entries, nextPageToken: nextToken(list, { next }) };
  return { reply, after: core.journal.lastSequence() };
}

interface Filter {
  readonly actor: string;
  readonly action: string;
  readonly orgId: string;
  readonly kind: string;
  readonly id: string;
  readonly startMs: EpochMs;
  readonly endMs: EpochMs;
}

function filterOf(request: ListAuditEntriesRequest, faults: Faults): Filter {
  const { actor, action, orgId, targetKind, targetId } = request;
  if (orgId !== '') checkOrgId(orgId, 'org_id', faults);
  const texts = { actor, action, target_kind: targetKind, target_id: targetId };
  for (const [field, text] of Object.entries(texts)) checkText(text, field, { max: 256 }, faults);
  const startMs = parseTime(request.startTime, 'start_time', faults) ?? Number.MIN_SAFE_INTEGER;
  const endMs = parseTime(request.endTime, 'end_time', faults) ?? Number.MAX_SAFE_INTEGER;
  if (endMs <= startMs) faults.add('end_time', 'must be after start_time');
  return { actor, action, orgId, kind: targetKind, id: targetId, startMs, endMs };
}

interface Found {
  readonly entries: Shown[];
  readonly next: string | undefined;
}

async function read(core: Core, filter: Filter, { limit, after }: Paging): Promise<Found> {
  const steps = openSteps(core);
  const entries: Shown[] = [];
  const scope = filter.orgId === '' ? {} : { orgId: filter.orgId };
  let chars = 0;
  let place = after;
  for (let scanned = 0; scanned < SCANNED_MAX; scanned++) {
    const at = place === undefined ? {} : { after: place };
    // One at a time: reading them is what takes long.
    const page = await core.ledger.audit({ ...scope, order: 'newest', limit: 1, ...at });
    const [entry] = page.entries;
    if (entry === undefined || entry.atMs < filter.startMs - CLOCK_MS)
      return { entries, next: undefined };
    const target = targetOf(entry, filter);
    if (meets(entry, target, filter)) {
      const shown = toShown(entry, target);
      chars += shown.before.length + shown.after.length;
      if (entries.length > 0 && chars > PAGE_CHARS) return { entries, next: place };
      entries.push(shown);
    }
    place = page.next;
    if (place === undefined || entries.length === limit) return { entries, next: place };
    if (steps.due()) await steps.turn();
  }
  return { entries, next: place };
}

function meets(entry: AuditEntry, target: Target | undefined, filter: Filter): boolean {
  const { actor, action, startMs, endMs } = filter;
  return (
    entry.atMs >= startMs &&
    entry.atMs < endMs &&
    (actor === '' || actorName(entry.actor) === actor) &&
    (action === '' || actionName(entry.action) === action) &&
    (target !== undefined || isAny(filter))
  );
}

function toShown(entry: AuditEntry, target: Target | undefined): Shown {
  const { requestId } = entry;
  return {
    sequence: BigInt(entry.position),
    time: toTimestamp(entry.atMs),
    actor: actorName(entry.actor),
    sourceAddress: entry.source,
    action: actionName(entry.action),
    orgId: entry.orgId,
    targetKind: target?.kind ?? '',
    targetId: target?.id ?? '',
    outcome: isDenial(entry.action)
      ? AuditOutcome.AUDIT_OUTCOME_DENIED
      : AuditOutcome.AUDIT_OUTCOME_SUCCEEDED,
    reason: entry.reason,
    catalogueVersion: BigInt(entry.catalogueVersion),
    // In the ledger it stands behind its organisation, whose id has no slash.
    requestId: requestId.slice(requestId.indexOf('/') + 1),
    before: textOf(target?.before),
    after: textOf(target?.value),
    chainHash: entry.chain,
  };
}

function textOf(value: unknown): string {
  if (value === undefined) return '';
  const text = JSON.stringify(redacted(value));
  return text.length <= TEXT_CHARS ? text : JSON.stringify({ omitted_chars: text.length });
}
