// What an entry of the journal has to tell. It is read off the entry and those before it alone, so
// the same notices come in the same order whenever it is done.

import { present } from '../../base/assert.js';
import type { CreditNoteRecord } from '../../domain/invoicing/credit.js';
import type { InvoiceDocument } from '../../domain/invoicing/document.js';
import {
  creditNoteNotices,
  invoiceNotices,
  organisationNotices,
  subscriptionNotices,
} from '../../domain/notifications/billing-notices.js';
import type { AlertDocument } from '../../domain/notifications/document.js';
import type { Notice } from '../../domain/notifications/notice.js';
import { thresholdReached } from '../../domain/notifications/threshold-notices.js';
import { newOrganisation, type OrganisationRecord } from '../../domain/organisations/document.js';
import type { SubscriptionRecord } from '../../domain/subscriptions/document.js';
import type {
  Entry,
  LedgerEntry,
  LedgerWrite,
  RecordEntry,
  ThresholdCrossing,
} from '../../journal/entry.js';
import { decodeEntry } from '../../journal/entry-codec.js';
import type { Journal } from '../../journal/journal.js';
import { spendEntry } from '../../journal/spend-entry.js';

export interface FromEntry {
  readonly notice: Notice;
  /** What is open from then on: a threshold that was reached. */
  readonly alert?: Omit<AlertDocument, 'notification_id'>;
}

export function fromEntry(journal: Pick<Journal, 'read'>, entry: Entry): readonly FromEntry[] {
  switch (entry.kind) {
    case 'record':
      return [entry, spendEntry(entry)].flatMap((each) =>
        each === undefined ? [] : crossingsOf(each),
      );
    case 'ledger':
      return entry.writes.flatMap((write) => fromWrite(journal, entry, write));
    default:
      return [];
  }
}

function crossingsOf(entry: RecordEntry): readonly FromEntry[] {
  return entry.thresholds.map((crossing) => fromCrossing(entry, crossing));
}

function fromCrossing(entry: RecordEntry, crossing: ThresholdCrossing): FromEntry {
  const { orgId, meter, scale, atMs } = entry;
  const change = present(entry.counters[crossing.counter], 'the counter of a threshold');
  const alert = {
    meter,
    scale,
    quota_key: crossing.ruleKey,
    percent: crossing.percent,
    limit: `${crossing.limit}`,
    combination: change.combination,
    scope_values: change.scopeValues,
    window_start_ms: change.windowStartMs,
  };
  return { notice: thresholdReached(orgId, alert, entry, atMs), alert };
}

function fromWrite(
  journal: Pick<Journal, 'read'>,
  { atMs, orgId: entryOrgId }: LedgerEntry,
  write: LedgerWrite,
): readonly FromEntry[] {
  if (write.value === '') return [];
  const told = toldBy(journal, write);
  const orgId = write.orgId || (write.kind === ORGANISATION ? write.id : entryOrgId);
  return told.map((each) => ({ notice: { ...each, orgId, atMs } }));
}

const ORGANISATION = 'organization';

function toldBy(journal: Pick<Journal, 'read'>, write: LedgerWrite) {
  const after = <T>() => JSON.parse(write.value) as T;
  switch (write.kind) {
    case 'invoice':
      return invoiceNotices(before(journal, write), after<InvoiceDocument>());
    case 'credit_note':
      return creditNoteNotices(before(journal, write), after<CreditNoteRecord>());
    case 'subscription':
      return subscriptionNotices(before(journal, write), after<SubscriptionRecord>());
    case ORGANISATION:
      return organisationNotices(before(journal, write), after<OrganisationRecord>());
    default:
      return [];
  }
}

/** The record as the entry that wrote it before left it; undefined where it was not. */
function before<T>(journal: Pick<Journal, 'read'>, of: LedgerWrite): T | undefined {
  if (of.previous === 0) return undefined;
  const entry = decodeEntry(journal.read(of.previous).body);
  // Its first use made the organisation.
  if (entry.kind === 'organisation') return newOrganisation(entry.orgId, entry.atMs) as T;
  if (entry.kind !== 'ledger') return undefined;
  const { kind, orgId, id } = of;
  const found = entry.writes.find((w) => w.kind === kind && w.orgId === orgId && w.id === id);
  return found === undefined || found.value === '' ? undefined : (JSON.parse(found.value) as T);
}
