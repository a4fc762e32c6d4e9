// The ledger in this process: transactions are journal entries, records a fold over them. Checking
// and committing are one synchronous step; `commit` then waits until its entry is durable.

import { assert } from '../base/assert.js';
import type { EpochMs, Sequence } from '../base/units.js';
import { newOrganisation } from '../domain/organisations/document.js';
import { BOOKKEEPER, type LedgerEntry, type LedgerWrite } from '../journal/entry.js';
import { decodeEntry } from '../journal/entry-codec.js';
import type { Journal } from '../journal/journal.js';
import { chained } from '../journal/ledger-codec.js';
import { commit } from '../state/commit.js';
import type { Fold } from '../state/fold.js';
import { requestIdKey } from '../state/id-key.js';
import type { Indexes } from '../state/index/indexes.js';
import { AUDIT, EVERY_ORGANISATION, readAuditId } from '../state/records.js';
import type { LedgerRecord } from '../state/values.js';
import type {
  AuditEntry,
  AuditQuery,
  Change,
  Changed,
  Ledger,
  Outcome,
  Query,
  Stored,
  Transaction,
  Version,
} from './ledger.js';
import type { RecordKind, RecordValues } from './records.js';

/** Records read for one page: a filter that few meet must not hold the event loop. */
const SCANNED_MAX = 2000;

export interface EmbeddedOptions {
  readonly fold: Fold;
  readonly journal: Journal;
  readonly indexes: Indexes;
  /** A transaction of anybody but the bookkeeper was committed; it may not be durable yet. */
  readonly onCommit?: (sequence: Sequence) => void;
}

export function openEmbeddedLedger(options: EmbeddedOptions): Ledger {
  const { fold, journal, indexes } = options;
  const { records } = fold;

  const synced = (sequence: Sequence) =>
    new Promise<void>((resolve) => journal.whenSynced(sequence, resolve));

  function stored<K extends RecordKind>(kind: K, orgId: string, id: string): Stored<K> | undefined {
    const record = records.get(kind, orgId, id);
    return record && toStored(orgId, id, record);
  }

  /** What a list goes through does not stay in memory. */
  function listed<K extends RecordKind>(kind: K, orgId: string, id: string): Stored<K> | undefined {
    const record = records.peek(kind, orgId, id);
    return record && toStored(orgId, id, record);
  }

  /** Sequences ascend in the trail. */
  function positionOf(sequence: Sequence): number {
    let low = 0;
    let high = records.count(AUDIT, EVERY_ORGANISATION);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const [each] = readAuditId(records.at(AUDIT, EVERY_ORGANISATION, middle).id);
      if (each < sequence) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  }

  function firstOf(request: NonNullable<Transaction['request']>): Outcome | undefined {
    const found = indexes.findId(requestIdKey(request.id));
    if (found === undefined) return undefined;
    if (found.fingerprint !== request.fingerprint) return { kind: 'request_reused' };
    const { writes } = readLedgerEntry(journal, found.sequence);
    return { kind: 'repeated', sequence: found.sequence, changed: writes.map(toChanged) };
  }

  function isStale({ kind, orgId, id, replaces }: Change): boolean {
    const exists = records.get(kind, orgId, id) !== undefined;
    return replaces === 0 ? exists : !exists || records.version(kind, orgId, id) !== replaces;
  }

  function toWrite({ kind, orgId, id, value }: Change): LedgerWrite {
    const version = records.version(kind, orgId, id) + 1;
    const previous = records.sequence(kind, orgId, id);
    const text = value === undefined ? '' : JSON.stringify(value);
    return { kind, orgId, id, version, previous, value: text };
  }

  /** Without an await: what was checked holds until all of it is in the journal. */
  function apply(transaction: Transaction): Outcome {
    const { request, series, atMs, actor, source = '', action, orgId, reason } = transaction;
    const first = request && firstOf(request);
    if (first !== undefined) return first;
    const drawn = series === undefined ? undefined : drawFrom(series);
    const number = drawn?.value.last ?? 0;
    const changes = transaction.changes(number);
    const stale = changes.find(isStale);
    if (stale !== undefined) return { kind: 'stale', record: stale };
    const all = drawn === undefined ? changes : [...changes, drawn];
    const places = new Set(all.map(({ kind, orgId, id }) => `${kind}\u0004${orgId}\u0004${id}`));
    assert(places.size === all.length, 'a transaction changes a record once');
    const entry: Omit<LedgerEntry, 'chain'> = {
      kind: 'ledger',
      atMs,
      actor,
      source,
      action,
      orgId,
      reason,
      requestId: request?.id ?? '',
      fingerprint: request?.fingerprint ?? 0,
      writes: all.map(toWrite),
    };
    const { sequence } = commit({ journal, fold }, chained(entry, fold.chain()));
    if (actor !== BOOKKEEPER) options.onCommit?.(sequence);
    return {
      kind: 'committed',
      sequence,
      // Not everybody looks.
      get changed() {
        return entry.writes.map(toChanged);
      },
    };
  }

  function drawFrom(series: string): Change & { readonly value: RecordValues['series'] } {
    const last = stored('series', '', series);
    const value = { last: (last?.value.last ?? 0) + 1 };
    return { kind: 'series', orgId: '', id: series, replaces: last?.version ?? 0, value };
  }

  return {
    get: async (kind, orgId, id) => stored(kind, orgId, id),
    async list(query) {
      const scope = query.orgId ?? EVERY_ORGANISATION;
      const found: Stored<typeof query.kind>[] = [];
      const { places, next } = walk(records.count(query.kind, scope), query, (place) => {
        const at = records.at(query.kind, scope, place);
        const record = listed(query.kind, at.orgId, at.id);
        if (record === undefined || !meets(record.value, query.where)) return false;
        found.push(record);
        return true;
      });
      return { records: found, next: places === 0 ? undefined : next };
    },
    async history<K extends RecordKind>(kind: K, orgId: string, id: string, sinceMs: EpochMs) {
      const versions: Version<K>[] = [];
      for (let sequence = records.sequence(kind, orgId, id); sequence !== 0; ) {
        const { entry, write } = writeIn(journal, sequence, { kind, orgId, id });
        if (write === undefined) break;
        const { atMs } = entry;
        const value = parsed(write.value) as RecordValues[K] | undefined;
        versions.push({ version: write.version, atMs, value });
        if (atMs <= sinceMs) break;
        sequence = write.previous;
      }
      return versions;
    },
    async commit(transaction) {
      const outcome = apply(transaction);
      if ('sequence' in outcome) await synced(outcome.sequence);
      return outcome;
    },
    isKnown: async (requestId) => indexes.findId(requestIdKey(requestId)) !== undefined,
    async audit(query) {
      const scope = query.orgId ?? EVERY_ORGANISATION;
      const entries: AuditEntry[] = [];
      const { next } = walk(records.count(AUDIT, scope), query, (place) => {
        const [sequence, catalogueVersion] = readAuditId(records.at(AUDIT, scope, place).id);
        const position = positionOf(sequence);
        entries.push({ ...auditEntry(journal, sequence), position, catalogueVersion });
        return true;
      });
      const last = Math.max(0, ...entries.map(({ sequence }) => sequence));
      await synced(last);
      return { entries, next };
    },
  };
}

/** Visits places of a list until `limit` are taken, or enough were read. */
function walk(
  total: number,
  { order, limit, after }: Pick<AuditQuery, 'order' | 'limit' | 'after'>,
  take: (place: number) => boolean,
): { readonly places: number; readonly next: string | undefined } {
  const step = order === 'oldest' ? 1 : -1;
  const start = order === 'oldest' ? 0 : total - 1;
  let place = after === undefined ? start : Number(after);
  let taken = 0;
  let places = 0;
  while (place >= 0 && place < total) {
    if (taken === limit || places === SCANNED_MAX) return { places, next: `${place}` };
    if (take(place)) taken++;
    places++;
    place += step;
  }
  return { places, next: undefined };
}

function meets<K extends RecordKind>(value: object, where: Query<K>['where']): boolean {
  if (where === undefined) return true;
  return Object.entries(where).every(([field, wanted]) => {
    const found: unknown = Reflect.get(value, field);
    return wanted.some((each) => each === found);
  });
}

function readLedgerEntry(journal: Journal, sequence: Sequence): LedgerEntry {
  const entry = decodeEntry(journal.read(sequence).body);
  if (entry.kind !== 'ledger') throw new Error(`sequence ${sequence} is no ledger entry`);
  return entry;
}

function toStored<K extends RecordKind>(
  orgId: string,
  id: string,
  { version, value }: LedgerRecord,
): Stored<K> {
  return { orgId, id, version, value: JSON.parse(value) as RecordValues[K] };
}

function toChanged({ kind, orgId, id, version, value }: LedgerWrite): Changed {
  return { kind, orgId, id, version, value: parsed(value) };
}

function parsed(text: string): unknown {
  return text === '' ? undefined : JSON.parse(text);
}

function auditEntry(
  journal: Journal,
  sequence: Sequence,
): Omit<AuditEntry, 'position' | 'catalogueVersion'> {
  const entry = readLedgerEntry(journal, sequence);
  const { atMs, actor, source, action, orgId, reason, requestId, chain } = entry;
  const changed = entry.writes.map((write) => ({
    ...toChanged(write),
    before: beforeOf(journal, write),
  }));
  return { sequence, atMs, actor, source, action, orgId, reason, requestId, changed, chain };
}

/** The record as the entry that wrote it before left it. */
function beforeOf(journal: Journal, of: LedgerWrite): unknown {
  if (of.previous === 0) return undefined;
  const { entry, write } = writeIn(journal, of.previous, of);
  // The first use of an organisation made it.
  if (entry.kind === 'organisation') return newOrganisation(entry.orgId, entry.atMs);
  return write && parsed(write.value);
}

function writeIn(
  journal: Journal,
  sequence: Sequence,
  { kind, orgId, id }: Pick<LedgerWrite, 'kind' | 'orgId' | 'id'>,
) {
  const entry = decodeEntry(journal.read(sequence).body);
  const writes = entry.kind === 'ledger' ? entry.writes : [];
  const write = writes.find((w) => w.kind === kind && w.orgId === orgId && w.id === id);
  return { entry, write };
}
