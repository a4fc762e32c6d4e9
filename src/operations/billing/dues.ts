// When each organisation has something to close: the end of a period and its grace, the end of a
// trial, a cancellation. A memory of what follows from the ledger: it is filled at the start, and
// whoever changes what an organisation is on says so.

import type { EpochMs } from '../../base/units.js';

export interface Dues {
  /** What is known of the organisation no longer holds. */
  readonly touch: (orgId: string) => void;
  readonly set: (orgId: string, dueMs: EpochMs) => void;
  /** It could not be closed: tried again at `untilMs`. */
  readonly putOff: (orgId: string, untilMs: EpochMs) => void;
  /** Organisations that are due, or of which nothing is known. */
  readonly due: (nowMs: EpochMs) => readonly string[];
  readonly size: () => number;
  /** Each organisation and when it is due; 0 where nothing is known of it. Changes meanwhile. */
  readonly all: () => Iterable<readonly [orgId: string, dueMs: EpochMs]>;
  /** Organisations that could not be closed when it was last tried. */
  readonly failing: () => number;
}

export function openDues(): Dues {
  const dues = new Map<string, EpochMs>();
  const failing = new Set<string>();
  let nextMs = Number.POSITIVE_INFINITY;

  function set(orgId: string, dueMs: EpochMs): void {
    dues.set(orgId, dueMs);
    nextMs = Math.min(nextMs, dueMs);
  }

  return {
    touch(orgId) {
      dues.set(orgId, 0);
      nextMs = 0;
    },
    set(orgId, dueMs) {
      failing.delete(orgId);
      set(orgId, dueMs);
    },
    putOff(orgId, untilMs) {
      failing.add(orgId);
      set(orgId, untilMs);
    },
    due(nowMs) {
      if (nowMs < nextMs) return [];
      const found: string[] = [];
      nextMs = Number.POSITIVE_INFINITY;
      for (const [orgId, dueMs] of dues) {
        if (dueMs <= nowMs) found.push(orgId);
        else nextMs = Math.min(nextMs, dueMs);
      }
      return found;
    },
    size: () => dues.size,
    all: () => dues,
    failing: () => failing.size,
  };
}
