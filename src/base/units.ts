// Branded units. Arithmetic drops the brand; only the named constructors put it back, so a value
// with a brand has been checked or comes from the place that defines it.

declare const unit: unique symbol;
type Branded<T, Name extends string> = T & { readonly [unit]?: Name };

/** Wall-clock milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = Branded<number, 'EpochMs'>;
/** Milliseconds on a clock that never goes back; only differences mean something. */
export type MonotonicMs = Branded<number, 'MonotonicMs'>;
export type DurationMs = Branded<number, 'DurationMs'>;
/** An integer count of 10^−scale units of a meter. */
export type Quanta = Branded<bigint, 'Quanta'>;
/** Position of an entry in the journal, from 1; 0 means none. */
export type Sequence = Branded<number, 'Sequence'>;

export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** The largest quantity of one event: 2^63 − 1 quanta. Totals have no bound. */
export const QUANTA_MAX = 9_223_372_036_854_775_807n;

export function maxQuanta(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
