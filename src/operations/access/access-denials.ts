// Who was refused what, for the audit log: the first time within a second, repeats within a minute
// as one more entry with their number. Somebody who tries a million keys must not fill the disk.

import { MINUTE_MS, type MonotonicMs } from '../../base/units.js';
import { limits } from '../../limits.js';
import type { Core } from '../core.js';

export interface AccessDenials {
  readonly note: (denial: AccessDenial, nowMs: MonotonicMs) => void;
  /** What is new, and what was repeated a minute ago or longer; `all`: whatever is not written. */
  readonly take: (nowMs: MonotonicMs, which: 'due' | 'all') => readonly RepeatedDenial[];
}

export interface AccessDenial {
  /** '' where nobody knows who it was. */
  readonly actor: string;
  /** Address, with its port. */
  readonly source: string;
  /** `RecordBatch`. */
  readonly method: string;
  /** The organisation that was asked for; '' where none. */
  readonly orgId: string;
  /** `ORG_MISMATCH`. */
  readonly reason: string;
}

export interface RepeatedDenial extends AccessDenial {
  /** Times beyond the first one. */
  readonly repeats: number;
}

/** Of the ledger's actions; the RPC is named behind it. */
export const ACCESS_DENIED = 'access_denied';
const UNKNOWN = 'unknown';

interface Counted {
  readonly denial: AccessDenial;
  readonly sinceMs: MonotonicMs;
  isWritten: boolean;
  repeats: number;
}

export function openAccessDenials(): AccessDenials {
  const counted = new Map<string, Counted>();
  return {
    note(denial, nowMs) {
      const { actor, source, method, orgId, reason } = denial;
      // Each connection has a port of its own.
      const host = source.replace(/:\d+$/, '');
      const key = [actor, host, method, orgId, reason].join('\u0001');
      const known = counted.get(key);
      if (known !== undefined) known.repeats++;
      else if (counted.size < limits.accessDenials) {
        counted.set(key, { denial, sinceMs: nowMs, isWritten: false, repeats: 0 });
      }
    },
    take(nowMs, which) {
      const taken: RepeatedDenial[] = [];
      for (const [key, each] of counted) {
        if (!each.isWritten) taken.push({ ...each.denial, repeats: 0 });
        each.isWritten = true;
        if (which === 'due' && nowMs - each.sinceMs < MINUTE_MS) continue;
        if (each.repeats > 0) taken.push({ ...each.denial, repeats: each.repeats });
        counted.delete(key);
      }
      return taken;
    },
  };
}

/** Resolves when the entries are durable. */
export async function writeAccessDenials(core: Core, which: 'due' | 'all'): Promise<void> {
  if (core.journal.refusal('ordinary') !== undefined) return;
  for (const denial of core.accessDenials.take(core.clock.monotonicMs(), which)) {
    const { actor, source, method, orgId, reason, repeats } = denial;
    await core.ledger.commit({
      atMs: core.clock.wallMs(),
      actor: actor || UNKNOWN,
      source,
      action: `${ACCESS_DENIED}.${method}`,
      orgId,
      reason: repeats === 0 ? reason : `${reason} (${repeats} more)`,
      changes: () => [],
    });
  }
}
