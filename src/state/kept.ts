// What the state keeps: values of overwrite type, by key. A value in memory is the truth; LMDB has
// it as of the last checkpoint.

export interface Kept {
  readonly key: string;
  /** Checkpoint interval it was last changed in; 0 where LMDB has it as it is. */
  epoch: number;
  /** Used since the last sweep for values that may leave memory. */
  used: boolean;
  /** False once it left memory: whoever holds it must ask for it again. */
  live: boolean;
}

export interface KeptState {
  epoch: number;
  used: boolean;
  live: boolean;
}

/** The bookkeeping of a value that is new in memory. */
export function kept(): KeptState {
  return { epoch: 0, used: true, live: true };
}

/** How the values of one table are written; JSON is 1 µs a value and readable in a dump. */
export interface Codec<V extends Kept> {
  readonly prefix: string;
  readonly encode: (value: V) => unknown;
  readonly decode: (key: string, data: never) => V;
}
