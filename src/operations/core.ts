// What every operation works on. Operations are synchronous: no await stands between reading the
// state and changing it (I5). What a reply depends on is named by a sequence; the edge waits for
// it.

import { present } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import type { IdSource } from '../base/ids.js';
import { type DurationMs, type EpochMs, HOUR_MS, SECOND_MS, type Sequence } from '../base/units.js';
import type { Interval } from '../domain/metering/calendar.js';
import type { Catalogue } from '../domain/plans/catalogue.js';
import type { History } from '../journal/identity.js';
import type { Journal } from '../journal/journal.js';
import type { Snapshot } from '../journal/snapshot.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Fold } from '../state/fold.js';
import type { Indexes } from '../state/index/indexes.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { AccessDenials } from './access/access-denials.js';
import type { KeyChanges } from './access/key-changes.js';
import type { SystemStatus } from './admin/system-status.js';
import type { Dues } from './billing/dues.js';
import type { Caller } from './caller.js';
import type { Denials } from './denials.js';
import type { Holders } from './holders.js';
import type { Notices } from './notifications/notices.js';
import type { Queues } from './notifications/queues.js';
import { Refusal } from './refusal.js';
import type { TermsBook } from './rules.js';
import type { Watchers } from './watchers.js';

export interface Settings {
  readonly eventPastMs: DurationMs;
  readonly eventFutureMs: DurationMs;
  readonly idRetentionMs: DurationMs;
  readonly scopeIdleMs: DurationMs;
  /** Usage of a period is waited for so long before its invoice is closed. */
  readonly invoiceGraceMs: DurationMs;
  readonly invoiceDueMs: DurationMs;
}

export interface Core {
  /** Whom this is done for: a call has a core of its own, and all else in common. */
  readonly caller: Caller;
  readonly fold: Fold;
  readonly journal: Journal;
  /** Which line of history the journal is on. */
  readonly history: History;
  /** The journal's files as they stand now, for a backup; to be closed. */
  readonly snapshot: () => Snapshot;
  readonly ledger: Ledger;
  readonly indexes: Indexes;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly metrics: Metrics;
  readonly denials: Denials;
  readonly terms: TermsBook;
  /** Who holds what. */
  readonly holders: Holders;
  /** When each organisation has something to close. */
  readonly dues: Dues;
  /** Entries that may have something to tell. */
  readonly notices: Notices;
  /** Who watches usage as it is recorded. */
  readonly watchers: Watchers;
  /** Deliveries that wait to be sent. */
  readonly queues: Queues;
  /** Refusals of access that are not in the audit log yet. */
  readonly accessDenials: AccessDenials;
  /** Keys that are no longer what they were. */
  readonly keyChanges: KeyChanges;
  /** What the process knows of itself. */
  readonly status: SystemStatus;
  /** The UTC month that holds a time; the last answer is remembered. */
  readonly monthAt: (atMs: EpochMs) => Interval;
  readonly settings: Settings;
  /** A tier that no table knows: logged once per value. */
  readonly onUnknownTier: (tier: string) => void;
  /** Set while the process stops: new work is refused. */
  readonly draining: () => boolean;
}

/** A reply, and the last entry that must be durable before it may be sent. */
export interface Answer<T> {
  readonly reply: T;
  readonly after: Sequence;
}

/** A reply that may go at once: it says nothing that a crash could take back. */
export function advisory<T>(reply: T): Answer<T> {
  return { reply, after: 0 };
}

export function catalogueOf(core: Core): Catalogue {
  return present(core.fold.catalogue(), 'the catalogue');
}

/** Whether `unknown_org: reject` keeps an organisation out. */
export function isUnknownOrganisation(core: Core, orgId: string): boolean {
  if (catalogueOf(core).acceptsUnknownOrganisations) return false;
  if (core.fold.account(orgId) !== undefined) return false;
  return core.fold.records.get('organization', '', orgId) === undefined;
}

export function unknownOrganisationText(orgId: string): string {
  return `organisation "${orgId}" is not known and unknown_org is "reject"`;
}

export function refuseUnknownOrganisation(core: Core, orgId: string): void {
  if (!isUnknownOrganisation(core, orgId)) return;
  throw new Refusal('NOT_FOUND', 'ORGANIZATION_NOT_FOUND', unknownOrganisationText(orgId));
}

/** First check of every command that writes: own state and bounds. */
export function refuseIfUnable(core: Core): void {
  if (core.draining()) throw draining();
  const refusal = core.indexes.saturated() ? 'OVERLOADED' : core.journal.refusal('ordinary');
  if (refusal === 'OVERLOADED') throw overloaded();
}

/** Last check: room on the disk. `ending` commands have a reserve of their own. */
export function refuseIfFull(core: Core, use: 'ordinary' | 'ending'): void {
  const refusal = core.journal.refusal(use);
  if (refusal === undefined) return;
  if (refusal === 'OVERLOADED') throw overloaded();
  const text =
    refusal === 'DISK_FULL'
      ? 'the disk has no room left above its reserve; it recovers when room returns'
      : 'the journal has reached its bound (journal_bytes_max)';
  throw new Refusal('RESOURCE_EXHAUSTED', refusal, text, { retryMs: 10 * SECOND_MS });
}

export function draining(): Refusal {
  return new Refusal('UNAVAILABLE', 'DRAINING', 'shutting down; try again elsewhere or soon', {
    retryMs: SECOND_MS,
  });
}

function overloaded(): Refusal {
  return new Refusal('UNAVAILABLE', 'OVERLOADED', 'too much is waiting for the disk; try again', {
    retryMs: 100,
  });
}

/** A hint to retry helps a caller only where the reset is near. */
export function retryHintMs(resetMs: EpochMs | undefined, nowMs: EpochMs): number | undefined {
  if (resetMs === undefined || resetMs - nowMs >= HOUR_MS) return undefined;
  return Math.max(0, resetMs - nowMs);
}
