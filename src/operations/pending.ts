// What earlier parts of one command will change once it is carried out: checked together, each part
// sees those before it.

import type { EpochMs, Quanta } from '../base/units.js';
import type { Labels } from '../journal/entry.js';
import type { Estimate } from './estimate-amount.js';

export interface PendingLevel {
  readonly quanta: Quanta;
  readonly timeMs: EpochMs;
  readonly labels: Labels;
}

export interface Pending {
  /** By counter and window: what is added to it. */
  readonly added: Map<string, Quanta>;
  /** UNIQUE: values by counter and window. */
  readonly values: Set<string>;
  /** LAST: by organisation, meter and source. */
  readonly levels: Map<string, PendingLevel>;
  /** New label sets, by organisation and meter. */
  readonly labelSets: Map<string, Set<string>>;
  /** What it costs so far, by organisation. */
  readonly estimates: Map<string, Estimate>;
}

export function createPending(): Pending {
  return {
    added: new Map(),
    values: new Set(),
    levels: new Map(),
    labelSets: new Map(),
    estimates: new Map(),
  };
}

/** A key of any of these: ids and label values hold no control characters. */
export function pendingKey(...parts: readonly (string | number)[]): string {
  return parts.join('\u0004');
}
