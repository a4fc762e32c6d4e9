// A catalogue that a file gives, as changes of the ledger. Importing it again changes nothing; a
// changed file adds versions of what changed in it; what is not in it any more is archived. An
// object that a call changed since keeps that version, and the file's is named in `kept`.

import type { EpochMs } from '../../base/units.js';
import {
  newOrganisation,
  type OrganisationRecord,
  type OverrideRecord,
} from '../organisations/document.js';
import type { SubscriptionRecord } from '../subscriptions/document.js';
import { withFallbackPlan } from '../subscriptions/tenures.js';
import { NO_TERMS, type TermsDocument, unsubscribed } from '../subscriptions/terms.js';
import type {
  CatalogueDocument,
  Head,
  OrganisationDocument,
  OverrideDocument,
  SettingsDocument,
  VersionDocument,
} from './document.js';

/** The ledger as the import reads it. */
export interface Known {
  readonly get: <T>(kind: string, orgId: string, id: string) => T | undefined;
  readonly list: <T>(kind: string, orgId?: string) => readonly (Place & { readonly value: T })[];
}

export interface Place {
  readonly orgId: string;
  readonly id: string;
}

export interface Change extends Place {
  readonly kind: string;
  /** Undefined: removed. */
  readonly value: unknown;
}

export interface Import {
  readonly changes: readonly Change[];
  /** `plan "pro"`: differs from the file and stays as it is. */
  readonly kept: readonly string[];
}

export function importCatalogue(known: Known, file: CatalogueDocument, atMs: EpochMs): Import {
  const changes: Change[] = [];
  const kept: string[] = [];
  const at: Importing = { known, atMs, changes, kept };
  importObjects(at, 'meter', file.meters, ({ key }) => key);
  importObjects(at, 'price_list', file.price_lists, ({ id }) => id);
  importObjects(at, 'plan', file.plans, ({ id }) => id);
  importHead(at, 'settings', '', settingsOf(file));
  importOrganisations(at, file.organizations);
  return { changes, kept };
}

interface Importing {
  readonly known: Known;
  readonly atMs: EpochMs;
  readonly changes: Change[];
  readonly kept: string[];
}

export function settingsOf(file: CatalogueDocument): SettingsDocument {
  const { default_plan, unknown_org, default_quotas, run_units, seller } = file;
  const common = { default_plan, unknown_org, default_quotas, run_units };
  return seller === undefined ? common : { ...common, seller };
}

function importObjects<T>(
  at: Importing,
  kind: string,
  documents: readonly T[],
  idOf: (document: T) => string,
): void {
  const given = new Set(documents.map(idOf));
  for (const document of documents) importHead(at, kind, idOf(document), document);
  for (const { id, value } of at.known.list<Head<T>>(kind)) {
    if (given.has(id) || value.archived || value.source !== 'FILE') continue;
    at.changes.push({
      kind,
      orgId: '',
      id,
      value: { ...value, archived: true, updated_ms: at.atMs },
    });
  }
}

function importHead<T>(at: Importing, kind: string, id: string, document: T): void {
  const { known, atMs, changes, kept } = at;
  const head = known.get<Head<T>>(kind, '', id);
  const same = head !== undefined && isSame(head.document, document);
  if (same && !head.archived) return;
  if (head?.source === 'API') {
    kept.push(id === '' ? kind : `${kind} "${id}"`);
    return;
  }
  changes.push(...headChanges(kind, id, nextHead(head, document, 'FILE', atMs), head));
}

/** The head of an object after a change of its document; the same document is the same version. */
export function nextHead<T>(
  head: Head<T> | undefined,
  document: T,
  source: Head<T>['source'],
  atMs: EpochMs,
): Head<T> {
  const isNew = head === undefined || !isSame(head.document, document);
  const latest = (head?.latest ?? 0) + (isNew ? 1 : 0);
  const created_ms = head?.created_ms ?? atMs;
  return { latest, document, source, archived: false, created_ms, updated_ms: atMs };
}

/** The head, and beside it the version that it comes to, unless that is there. */
export function headChanges<T>(
  kind: string,
  id: string,
  head: Head<T>,
  before?: Head<T>,
): readonly Change[] {
  const change = { kind, orgId: '', id, value: head };
  if (kind === 'settings' || before?.latest === head.latest) return [change];
  const { latest: version, document, updated_ms: created_ms, source } = head;
  const written = source === 'API' ? { source } : {};
  const value: VersionDocument<T> = { version, document, ...written, created_ms };
  return [change, { kind: `${kind}_version`, orgId: '', id: `${id}@${version}`, value }];
}

/** The organisations that the file named last: they are few, all others are not looked at. */
interface FileRecord {
  readonly organizations: readonly string[];
}

function importOrganisations(at: Importing, given: readonly OrganisationDocument[]): void {
  const organizations = given.map(({ id }) => id);
  const before = at.known.get<FileRecord>('file', '', '') ?? { organizations: [] };
  for (const document of given) importOrganisation(at, document);
  for (const id of before.organizations) {
    if (organizations.includes(id)) continue;
    importOrganisation(at, { id, plan: '', suspended: false, quota_overrides: [] });
  }
  if (isSame(before.organizations, organizations)) return;
  at.changes.push({ kind: 'file', orgId: '', id: '', value: { organizations } });
}

function importOrganisation(at: Importing, file: OrganisationDocument): void {
  const { known, atMs, changes, kept } = at;
  const before = known.get<OrganisationRecord>('organization', '', file.id);
  const terms = known.get<TermsDocument>('terms', file.id, '') ?? NO_TERMS;
  let next: TermsDocument = terms;
  const same = before?.plan === file.plan && before.suspended === file.suspended;
  if (!same && before?.source === 'API') kept.push(`organization "${file.id}"`);
  else if (!same) {
    const { plan, suspended } = file;
    const organisation = before ?? newOrganisation(file.id, atMs);
    const value = { ...organisation, plan, suspended, updated_ms: atMs };
    changes.push({ kind: 'organization', orgId: '', id: file.id, value });
    const tenures =
      before === undefined ? [unsubscribed(plan)] : withFallbackPlan(terms.tenures, atMs, plan);
    next = { ...terms, suspended: suspended || isSuspended(known, organisation), tenures };
  }
  next = { ...next, overrides: importOverrides(at, file) };
  if (isSame(next, terms)) return;
  changes.push({ kind: 'terms', orgId: file.id, id: '', value: next });
}

/** By its subscription, which the file knows nothing of. */
function isSuspended(known: Known, { org_id, subscription_id: id }: OrganisationRecord): boolean {
  if (id === '') return false;
  return known.get<SubscriptionRecord>('subscription', org_id, id)?.state === 'SUSPENDED';
}

function importOverrides(
  { known, atMs, changes, kept }: Importing,
  { id: orgId, quota_overrides: given }: OrganisationDocument,
): readonly OverrideDocument[] {
  const kind = 'override';
  const own = known.list<OverrideRecord>(kind, orgId);
  const byKey = new Map(own.map(({ id, value }) => [id, value]));
  for (const override of given) {
    const before = byKey.get(override.key);
    const same = before !== undefined && isSame(before.override, override);
    if (same && before.deleted !== true) continue;
    if (before?.source === 'API') {
      kept.push(`override "${override.key}" of "${orgId}"`);
      continue;
    }
    const created_ms = before?.created_ms ?? atMs;
    const value: OverrideRecord = { override, source: 'FILE', created_ms, updated_ms: atMs };
    byKey.set(override.key, value);
    changes.push({ kind, orgId, id: override.key, value });
  }
  const named = new Set(given.map(({ key }) => key));
  for (const [key, { source }] of byKey) {
    if (named.has(key) || source === 'API') continue;
    byKey.delete(key);
    changes.push({ kind, orgId, id: key, value: undefined });
  }
  return [...byKey.values()].flatMap(({ override, deleted }) => (deleted ? [] : [override]));
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
