// What billing an organisation needs to know of it, read from the ledger.

import type { EpochMs } from '../../base/units.js';
import type { BillingRecord } from '../../domain/invoicing/billing.js';
import { LIVE_STATES } from '../../domain/subscriptions/document.js';
import type { TermsDocument } from '../../domain/subscriptions/terms.js';
import type { Stored } from '../../ledger/ledger.js';
import type { Core } from '../core.js';
import { readOrganisation, type StoredOrganisation, termsOf } from './terms-change.js';

export interface AccountState {
  readonly orgId: string;
  readonly stored: StoredOrganisation;
  readonly terms: TermsDocument;
  readonly billing: Stored<'billing'> | undefined;
  /** The live one. */
  readonly subscription: Stored<'subscription'> | undefined;
}

export async function readAccount(core: Core, orgId: string): Promise<AccountState> {
  const stored = await readOrganisation(core, orgId);
  const id = stored.organisation?.value.subscription_id ?? '';
  const found = id === '' ? undefined : await core.ledger.get('subscription', orgId, id);
  return {
    orgId,
    stored,
    terms: termsOf(stored),
    billing: await core.ledger.get('billing', orgId, ''),
    subscription: found !== undefined && isLive(found) ? found : undefined,
  };
}

export function isLive({ value }: Stored<'subscription'>): boolean {
  return LIVE_STATES.includes(value.state);
}

export const NOT_BILLED: BillingRecord = {
  closed_to_ms: 0,
  through_sequence: 0,
  reopened_from_ms: null,
  drafts: [],
};

/** From when on an organisation has something to bill: its making, or usage for a time before. */
export function billedFrom(core: Core, { orgId, stored, billing }: AccountState): EpochMs {
  const closed = billing?.value.closed_to_ms ?? 0;
  if (closed > 0) return closed;
  const made = stored.organisation?.value.created_ms ?? Number.POSITIVE_INFINITY;
  return Math.min(made, firstUsedMs(core, orgId));
}

/** Infinity where it used nothing. */
export function firstUsedMs(core: Core, orgId: string): EpochMs {
  const account = core.fold.account(orgId);
  if (account === undefined) return Number.POSITIVE_INFINITY;
  const { everyMeter } = core.fold.terms(orgId).catalogue;
  let firstMs = Number.POSITIVE_INFINITY;
  for (const key of everyMeter.keys()) {
    firstMs = Math.min(firstMs, core.fold.series(account, key)?.firstMs ?? firstMs);
  }
  return firstMs;
}
