// Denials are counted in memory and journaled as one summary per organisation, rule and minute: a
// looping agent must not fill the disk.

import type { EpochMs } from '../base/units.js';
import type { DenialsEntry } from '../journal/entry.js';
import { limits } from '../limits.js';

export interface Denials {
  readonly note: (orgId: string, ruleKey: string, mode: 'HARD' | 'SHADOW', atMs: EpochMs) => void;
  /** What was counted since the last call. */
  readonly take: (nowMs: EpochMs) => readonly DenialsEntry[];
}

interface Count {
  readonly orgId: string;
  readonly ruleKey: string;
  readonly shadow: boolean;
  readonly sinceMs: EpochMs;
  count: number;
}

/** Organisation and rule of denials beyond the bound on distinct ones. */
const OTHER = 'other';

export function openDenials(): Denials {
  let counts = new Map<string, Count>();
  return {
    note(orgId, ruleKey, mode, atMs) {
      const key = `${orgId}\u0001${ruleKey}\u0001${mode}`;
      const known = counts.get(key);
      if (known !== undefined) {
        known.count++;
        return;
      }
      const shadow = mode === 'SHADOW';
      if (counts.size < limits.denialKeys) {
        counts.set(key, { orgId, ruleKey, shadow, sinceMs: atMs, count: 1 });
        return;
      }
      const rest = counts.get(OTHER);
      if (rest !== undefined) rest.count++;
      else counts.set(OTHER, { orgId: OTHER, ruleKey: OTHER, shadow, sinceMs: atMs, count: 1 });
    },
    take(nowMs) {
      const taken = [...counts.values()];
      counts = new Map();
      return taken.map((count) => ({ kind: 'denials', atMs: nowMs, ...count }));
    },
  };
}
