// A correction as the ledger keeps it: which event is taken back, and all that changes by it, so
// that applying it reads nothing but the state. Its id is the sequence of the event.

import type { EpochMs, Sequence } from '../../base/units.js';
import type { Aggregation } from './meter.js';

export interface CorrectionRecord {
  readonly org_id: string;
  readonly event_id: string;
  readonly event_sequence: Sequence;
  readonly meter: string;
  readonly aggregation: Aggregation;
  /** Integer text. */
  readonly quanta: string;
  readonly event_time_ms: EpochMs;
  readonly rollup: readonly (readonly [key: string, value: string])[];
  /** LAST: the source; UNIQUE: the value. */
  readonly subject: string;
  /** What the event added to the hashes of its totals. */
  readonly hash_low: number;
  readonly hash_high: number;
  /** MAX: the greatest that is left in the event's day and quarter hour; null: nothing is. */
  readonly day_max?: string | null;
  readonly quarter_max?: string | null;
  /** LAST: the source's last level that is left there, and its level now where it changes. */
  readonly day_level?: LevelDocument | null;
  readonly quarter_level?: LevelDocument | null;
  readonly level_now?: (LevelDocument & { readonly labels: CorrectionRecord['rollup'] }) | null;
  readonly counters: readonly CounterCorrection[];
  /** What it takes back of money spent; integer text. */
  readonly spend?: { readonly quanta: string; readonly counters: readonly CounterCorrection[] };
  readonly reason: string;
  readonly replacement_id: string;
  readonly replacement_sequence: Sequence;
  readonly at_ms: EpochMs;
  /** As of then; ids and amounts as they were answered. */
  readonly effect: CorrectionEffectDocument;
}

export interface CorrectionEffectDocument {
  readonly period_invoiced: boolean;
  readonly invoice_id: string;
  readonly estimated_amount_difference: string;
  readonly currency: string;
}

export interface LevelDocument {
  readonly time_ms: EpochMs;
  readonly sequence: Sequence;
  readonly quanta: string;
}

export interface CounterCorrection {
  readonly combination: string;
  readonly scope_values: string;
  readonly window_start_ms: EpochMs;
  /** Integer text, 0 or negative. */
  readonly delta: string;
  /** UNIQUE: no event of the window has the value any more. */
  readonly unseen: boolean;
}
