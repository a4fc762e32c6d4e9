// The ledger: the system of record for what is not on the hot path. A port: one implementation
// keeps it in the journal of this process, another may keep it in a database that many share. It
// knows records by kind, organisation and id; what they mean is the operations' business.
//
// A transaction is atomic, durable when `commit` resolves, and leaves one entry in the audit trail,
// unless its actor is the BOOKKEEPER. Records carry versions from 1: a change names the version
// that it replaces, and where that is not the latest any more nothing is changed. Cost: one journal
// entry and one durable batch, which transactions that arrive together share.

import type { EpochMs, Sequence } from '../base/units.js';
import type { RecordKind, RecordValues } from './records.js';

export interface Ledger {
  readonly get: <K extends RecordKind>(
    kind: K,
    orgId: string,
    id: string,
  ) => Promise<Stored<K> | undefined>;
  readonly list: <K extends RecordKind>(query: Query<K>) => Promise<Page<K>>;
  /** A record as it was: its versions, newest first, down to the one that held at `sinceMs`. */
  readonly history: <K extends RecordKind>(
    kind: K,
    orgId: string,
    id: string,
    sinceMs: EpochMs,
  ) => Promise<readonly Version<K>[]>;
  readonly commit: (transaction: Transaction) => Promise<Outcome>;
  /** Whether a request with this id was committed. */
  readonly isKnown: (requestId: string) => Promise<boolean>;
  /** The audit trail, in order or from its end. */
  readonly audit: (query: AuditQuery) => Promise<AuditPage>;
}

export interface Stored<K extends RecordKind> {
  readonly orgId: string;
  readonly id: string;
  readonly version: number;
  readonly value: RecordValues[K];
}

export interface Version<K extends RecordKind> {
  readonly version: number;
  /** When it was written. */
  readonly atMs: EpochMs;
  /** Undefined: removed. */
  readonly value: RecordValues[K] | undefined;
}

export interface Query<K extends RecordKind> {
  readonly kind: K;
  /** Absent: of every organisation. */
  readonly orgId?: string;
  /** By creation. */
  readonly order: 'oldest' | 'newest';
  readonly limit: number;
  /** `next` of the page before; absent for the first. */
  readonly after?: string;
  /** A record is listed where each field has one of the values. */
  readonly where?: Readonly<Record<string, readonly (string | boolean)[]>>;
}

export interface Page<K extends RecordKind> {
  /** May be fewer than the limit though more follow. */
  readonly records: readonly Stored<K>[];
  /** Undefined at the end of the list. */
  readonly next: string | undefined;
}

export interface Change {
  readonly kind: RecordKind;
  readonly orgId: string;
  readonly id: string;
  /** The version that it changes; 0 for a new record. */
  readonly replaces: number;
  /** Undefined: removed. */
  readonly value: RecordValues[RecordKind] | undefined;
}

export interface Transaction {
  readonly atMs: EpochMs;
  readonly actor: string;
  /** The address that its call came from; absent for what the server does by itself. */
  readonly source?: string;
  /** `plans.create`, `invoices.void`, … */
  readonly action: string;
  /** The organisation that it is about, or ''. */
  readonly orgId: string;
  readonly reason: string;
  /** Makes a repeat one: kept as long as event ids. */
  readonly request?: { readonly id: string; readonly fingerprint: number } | undefined;
  /** Draws the next number of a series, without gaps: it is drawn only if all is committed. */
  readonly series?: string;
  /**
   * `number` is the one drawn, 0 where none is. Called where nothing comes between it and the
   * commit, so it may look at what else stands, and throw: then nothing is changed.
   */
  readonly changes: (number: number) => readonly Change[];
}

export type Outcome =
  | {
      /** `repeated`: the same request before; nothing is changed now. */
      readonly kind: 'committed' | 'repeated';
      readonly sequence: Sequence;
      readonly changed: readonly Changed[];
    }
  /** The same request id with another body. */
  | { readonly kind: 'request_reused' }
  /** A record has another version than the one to be replaced. */
  | { readonly kind: 'stale'; readonly record: Pick<Change, 'kind' | 'orgId' | 'id'> };

/** A record as a transaction left it. */
export interface Changed {
  readonly kind: string;
  readonly orgId: string;
  readonly id: string;
  readonly version: number;
  /** Undefined: removed. */
  readonly value: unknown;
}

export interface AuditQuery {
  /** Absent: of every organisation and of none. */
  readonly orgId?: string;
  readonly order: 'oldest' | 'newest';
  readonly limit: number;
  readonly after?: string;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly next: string | undefined;
}

export interface AuditEntry extends Pick<Transaction, 'atMs' | 'actor' | 'action' | 'orgId'> {
  readonly source: string;
  readonly reason: string;
  readonly sequence: Sequence;
  /** In the whole trail, from 1, without gaps. */
  readonly position: number;
  /** Of the catalogue, from this entry on. */
  readonly catalogueVersion: number;
  readonly requestId: string;
  readonly changed: readonly (Changed & { readonly before: unknown })[];
  /** SHA-256 over this entry and all before it. */
  readonly chain: string;
}
