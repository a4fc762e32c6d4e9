// How far an organisation is invoiced, as the hot path needs it: usage for a time before that is
// late, and makes its period change.

import type { EpochMs, Sequence } from '../base/units.js';
import type { BillingRecord } from '../domain/invoicing/billing.js';
import type { LedgerWrite } from '../journal/entry.js';
import type { Records } from './records.js';
import { keys, type Tables } from './tables.js';
import { NONE_CHANGED, type Organisation } from './values.js';

export const BILLING = 'billing';

export function closedTo(records: Records, orgId: string): EpochMs {
  const record = records.get(BILLING, orgId, '');
  if (record === undefined) return 0;
  return (JSON.parse(record.value) as BillingRecord).closed_to_ms;
}

/** Hot path: one comparison where nothing is late. */
export function noteChanged(
  tables: Tables,
  organisation: Organisation,
  eventTimeMs: EpochMs,
  sequence: Sequence,
): void {
  if (eventTimeMs >= organisation.closedToMs) return;
  tables.organisations.touch(organisation);
  organisation.changedFromMs = Math.min(organisation.changedFromMs, eventTimeMs);
  organisation.changedSequence = sequence;
}

/**
 * Periods were invoiced with all usage through a sequence. What came since then, before this very
 * entry, was not late yet when it came: the periods closed now may have changed by it.
 */
export function applyBilling(
  tables: Tables,
  records: Records,
  { orgId, value }: LedgerWrite,
  sequence: Sequence,
): void {
  const organisation = tables.organisations.get(keys.organisation(orgId));
  if (organisation === undefined) return;
  tables.organisations.touch(organisation);
  if (value === '') {
    organisation.closedToMs = closedTo(records, orgId);
    return;
  }
  const { closed_to_ms, through_sequence, reopened_from_ms } = JSON.parse(value) as BillingRecord;
  const before = organisation.closedToMs;
  if (organisation.changedSequence <= through_sequence) organisation.changedFromMs = NONE_CHANGED;
  if (through_sequence < sequence - 1) {
    organisation.changedFromMs = Math.min(organisation.changedFromMs, before);
    organisation.changedSequence = sequence;
  }
  if (reopened_from_ms !== null) {
    organisation.changedFromMs = Math.min(organisation.changedFromMs, reopened_from_ms);
    organisation.changedSequence = sequence;
  }
  organisation.closedToMs = closed_to_ms;
}
