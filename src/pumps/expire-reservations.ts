// Holds whose time is over end by an entry, like any other change.

import type { Core } from '../operations/core.js';
import { endingOf } from '../operations/reservations.js';
import { commit } from '../state/commit.js';

/** Entries per turn: the rest follows in the next one. */
const EXPIRED_PER_TURN = 1000;

export function expireReservations(core: Core): void {
  if (core.journal.refusal('ending') !== undefined) return;
  const atMs = core.clock.wallMs();
  for (const hold of core.fold.holds.expired(EXPIRED_PER_TURN)) {
    commit(core, endingOf(hold, 'expire', atMs));
    core.metrics.reservations.expired.add();
  }
}
