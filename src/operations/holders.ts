// Which credential made which open holds, to bound them for each. In memory: holds from before the
// last start belong to nobody. Ended ones are dropped as their number doubles, so there are never
// many more than open ones.

import type { Fold } from '../state/fold.js';

export interface Holders {
  readonly note: (principal: string, orgId: string, reservationId: string) => void;
  /** Open holds of a credential, counted exactly where there may be `max`. */
  readonly count: (principal: string, max: number) => number;
}

type Place = readonly [orgId: string, reservationId: string];

interface Own {
  readonly places: Map<string, Place>;
  sweepAt: number;
}

const SWEEP_MIN = 64;

export function openHolders(fold: Fold): Holders {
  const holders = new Map<string, Own>();

  function sweep(own: Own): void {
    for (const [key, [orgId, reservationId]] of own.places) {
      if (fold.holds.find(orgId, reservationId) === undefined) own.places.delete(key);
    }
    own.sweepAt = Math.max(SWEEP_MIN, 2 * own.places.size);
  }

  return {
    note(principal, orgId, reservationId) {
      const own = holders.get(principal) ?? { places: new Map(), sweepAt: SWEEP_MIN };
      holders.set(principal, own);
      // No id of an organisation has a slash.
      own.places.set(`${orgId}/${reservationId}`, [orgId, reservationId]);
      if (own.places.size >= own.sweepAt) sweep(own);
    },
    count(principal, max) {
      const own = holders.get(principal);
      if (own === undefined) return 0;
      if (own.places.size >= max) sweep(own);
      return own.places.size;
    },
  };
}
