// Entries: immutable facts that hold results, not requests. Applying one reads no clock, no
// configuration and no catalogue, so an old journal gives the same state under newer code.

import type { EpochMs, Quanta, Sequence } from '../base/units.js';
import type { Aggregation } from '../domain/metering/meter.js';

/** Labels in the order they were sent. */
export type Labels = readonly (readonly [key: string, value: string])[];

/** A change of one quota counter of the entry's organisation and meter. */
export interface CounterChange {
  readonly combination: string;
  readonly scopeValues: string;
  /** Start of the window the usage falls in; 0 for LIFETIME and levels. */
  readonly windowStartMs: EpochMs;
  /** Given when this entry starts the window's counter: its value before this change. */
  readonly base: Quanta | undefined;
  /** With `base`: usage of the window before this time is not in it; undefined: all of it is. */
  readonly sinceMs: EpochMs | undefined;
  readonly delta: Quanta;
}

/** A threshold of a rule, in per cent, that this entry's usage reached. */
export interface ThresholdCrossing {
  readonly ruleKey: string;
  readonly percent: number;
  /** Index into the entry's `counters`: the window that it was raised in. */
  readonly counter: number;
  /** The limit that it is a part of: another limit raises it anew. */
  readonly limit: Quanta;
}

export interface CatalogueEntry {
  readonly kind: 'catalogue';
  readonly atMs: EpochMs;
  readonly version: number;
  /** The full normalised document, JSON. */
  readonly document: string;
}

export interface OrganisationEntry {
  readonly kind: 'organisation';
  readonly atMs: EpochMs;
  readonly orgId: string;
  /** Counted from 1 in order of appearance; keys the event index. */
  readonly number: number;
}

export interface RecordEntry {
  readonly kind: 'record';
  readonly atMs: EpochMs;
  readonly orgId: string;
  readonly eventId: string;
  readonly meter: string;
  readonly aggregation: Aggregation;
  readonly scale: number;
  readonly quanta: Quanta;
  /** Amount as sent: '' (absent), a canonical quantity, or the figures of a run. */
  readonly amountText: string;
  readonly eventTimeMs: EpochMs;
  readonly late: boolean;
  /** No event time was sent: the clock's reading stands for it. */
  readonly timeDefaulted: boolean;
  readonly unknownTier: boolean;
  readonly catalogueVersion: number;
  /** 32-bit hash of meter, amount as sent and labels. */
  readonly fingerprint: number;
  readonly labels: Labels;
  /**
   * The label set of the totals: rollup keys with their values, `other` where the cap is reached.
   */
  readonly rollup: Labels;
  /** LAST: the source; UNIQUE: the value that is counted; else ''. */
  readonly subject: string;
  readonly counters: readonly CounterChange[];
  readonly thresholds: readonly ThresholdCrossing[];
  /** The reservation that this event settles, or ''. */
  readonly reservationId: string;
  /** Undefined where no rule counted money. */
  readonly spend: SpendChange | undefined;
}

/** What an event adds to the meter of money spent. */
export interface SpendChange {
  readonly quanta: Quanta;
  readonly counters: readonly CounterChange[];
  /** Into these counters. */
  readonly thresholds: readonly ThresholdCrossing[];
}

export interface HoldItem {
  readonly meter: string;
  readonly aggregation: Aggregation;
  readonly scale: number;
  /** As granted. */
  readonly quanta: Quanta;
  /** As asked for: more, where a part was granted. */
  readonly requested: Quanta;
  readonly labels: Labels;
  /** What it adds to `reserved`, by counter. */
  readonly counters: readonly HoldCounter[];
}

export interface HoldCounter {
  readonly combination: string;
  readonly scopeValues: string;
  readonly reserved: Quanta;
}

export interface ReserveEntry {
  readonly kind: 'reserve';
  readonly atMs: EpochMs;
  readonly orgId: string;
  readonly reservationId: string;
  /** 32-bit hash of the request's body. */
  readonly fingerprint: number;
  readonly ttlMs: number;
  readonly items: readonly HoldItem[];
}

export interface ExtendEntry {
  readonly kind: 'extend';
  readonly atMs: EpochMs;
  readonly orgId: string;
  readonly reservationId: string;
  readonly ttlMs: number;
}

/** An event of a settlement, as it was answered. */
export interface SettledEvent {
  readonly eventId: string;
  /** False: it was recorded before, by another call. */
  readonly recorded: boolean;
  /** What the rules said. */
  readonly reason: string;
}

export type Ending = 'settle' | 'release' | 'expire';

/** How a reservation ended; repeats what it held, so that an ended one needs no other memory. */
export interface EndEntry {
  readonly kind: Ending;
  readonly atMs: EpochMs;
  readonly orgId: string;
  readonly reservationId: string;
  /** The Reserve request's. */
  readonly fingerprint: number;
  readonly createdMs: EpochMs;
  readonly expiresMs: EpochMs;
  readonly items: readonly HoldItem[];
  /** Settled after it had expired or was released: nothing was held any more. */
  readonly late: boolean;
  /** settle: of the Settle request; else 0. */
  readonly settleFingerprint: number;
  /** settle: the settled events, in order. */
  readonly settled: readonly SettledEvent[];
}

/** What one rule refused (or, in shadow, would have) in a minute, for one organisation. */
export interface DenialsEntry {
  readonly kind: 'denials';
  readonly atMs: EpochMs;
  readonly orgId: string;
  readonly ruleKey: string;
  readonly shadow: boolean;
  readonly sinceMs: EpochMs;
  readonly count: number;
}

/** One record of the ledger as it is from this entry on. */
export interface LedgerWrite {
  /** What it is: `plan`, `subscription`, `invoice`, … */
  readonly kind: string;
  /** '' for what belongs to nobody. */
  readonly orgId: string;
  readonly id: string;
  /** From 1, one more at each write. */
  readonly version: number;
  /** The entry that wrote the version before; 0 where there is none. */
  readonly previous: Sequence;
  /** JSON; '' where the record is removed. */
  readonly value: string;
}

/**
 * The actor of what the server keeps for itself, such as an attempt at a delivery: it is in the
 * chain, and is not listed in the audit trail, which nobody could read for it.
 */
export const BOOKKEEPER = 'bookkeeper';

/** A transaction of the ledger, and by it the audit trail: who changed what, and why. */
export interface LedgerEntry {
  readonly kind: 'ledger';
  readonly atMs: EpochMs;
  readonly actor: string;
  /** The address that its call came from; '' for what the server did by itself. */
  readonly source: string;
  /** `plans.create`, `invoices.void`, … */
  readonly action: string;
  /** The organisation that it is about, or ''. */
  readonly orgId: string;
  readonly reason: string;
  /** What makes a repeat of the request one; '' where nothing does. */
  readonly requestId: string;
  /** 32-bit hash of the request's body. */
  readonly fingerprint: number;
  readonly writes: readonly LedgerWrite[];
  /** SHA-256 of the chain before it and of all else in this entry: 64 hexadecimal digits. */
  readonly chain: string;
}

export type Entry =
  | CatalogueEntry
  | OrganisationEntry
  | RecordEntry
  | ReserveEntry
  | ExtendEntry
  | EndEntry
  | DenialsEntry
  | LedgerEntry;
