// What holds for an organisation is told to the hot path in one record, written in the same
// transaction as whatever changes it.

import type { OrganisationRecord, OverrideRecord } from '../../domain/organisations/document.js';
import { newOrganisation } from '../../domain/organisations/document.js';
import { NO_TERMS, type TermsDocument, unsubscribed } from '../../domain/subscriptions/terms.js';
import type { Change, Stored } from '../../ledger/ledger.js';
import { put } from '../change.js';
import type { Core } from '../core.js';
import { Refusal } from '../refusal.js';

export interface StoredOrganisation {
  readonly organisation: Stored<'organization'> | undefined;
  readonly terms: Stored<'terms'> | undefined;
}

export async function readOrganisation(core: Core, orgId: string): Promise<StoredOrganisation> {
  return {
    organisation: await core.ledger.get('organization', '', orgId),
    terms: await core.ledger.get('terms', orgId, ''),
  };
}

export function organisationNotFound(orgId: string): Refusal {
  const text = `organisation "${orgId}" is not known`;
  return new Refusal('NOT_FOUND', 'ORGANIZATION_NOT_FOUND', text);
}

/** One that is not known is made, as its first use would. */
export function knownOrNew(
  { organisation }: StoredOrganisation,
  orgId: string,
  atMs: number,
): OrganisationRecord {
  return organisation?.value ?? newOrganisation(orgId, atMs);
}

export function termsOf({ terms, organisation }: StoredOrganisation): TermsDocument {
  if (terms !== undefined) return terms.value;
  const plan = organisation?.value.plan ?? '';
  return plan === '' ? NO_TERMS : { ...NO_TERMS, tenures: [unsubscribed(plan)] };
}

/** None where the terms stay as they are. */
export function termsChange(
  orgId: string,
  stored: StoredOrganisation,
  next: TermsDocument,
): readonly Change[] {
  if (JSON.stringify(next) === JSON.stringify(termsOf(stored))) return [];
  return [put('terms', orgId, '', stored.terms, next)];
}

export function withOverrides(
  terms: TermsDocument,
  overrides: readonly OverrideRecord[],
): TermsDocument {
  return { ...terms, overrides: overrides.map(({ override }) => override) };
}
