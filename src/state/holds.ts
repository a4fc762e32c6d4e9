// Open holds, all in memory: found by reservation, walked by expiry. Each sits in a slot of the
// state that is overwritten when it is free again, so nothing is ever deleted.

import { assert, present } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import type { EpochMs, MonotonicMs } from '../base/units.js';
import { kept } from './kept.js';
import type { Table } from './store.js';
import { keys } from './tables.js';
import type { Hold, HoldSlot } from './values.js';

export interface Holds {
  readonly find: (orgId: string, reservationId: string) => Hold | undefined;
  readonly ofOrganisation: (orgId: string) => readonly Hold[];
  readonly all: () => readonly Hold[];
  readonly open: () => number;
  /** Open holds of an organisation: bounded. */
  readonly openOf: (orgId: string) => number;
  readonly put: (hold: Hold) => void;
  readonly remove: (orgId: string, reservationId: string) => void;
  /** Holds whose time is over on the monotonic clock (wall clock for those from before a start). */
  readonly expired: (limit: number) => readonly Hold[];
}

interface OpenHold {
  hold: Hold;
  readonly slot: HoldSlot;
  deadlineMs: MonotonicMs;
}

export function openHolds(table: Table<HoldSlot>, clock: Clock): Holds {
  const byOrganisation = new Map<string, Map<string, OpenHold>>();
  const free: HoldSlot[] = [];
  let slots = 0;
  let open = 0;
  let nextDeadlineMs = Number.POSITIVE_INFINITY;

  for (const slot of table.loadAll()) {
    slots++;
    if (slot.hold === undefined) free.push(slot);
    else link(slot.hold, slot);
  }

  function deadlineOf(expiresMs: EpochMs): MonotonicMs {
    return clock.monotonicMs() + Math.max(0, expiresMs - clock.wallMs());
  }

  function link(hold: Hold, slot: HoldSlot): void {
    const deadlineMs = deadlineOf(hold.expiresMs);
    const own = byOrganisation.get(hold.orgId) ?? new Map<string, OpenHold>();
    own.set(hold.reservationId, { hold, slot, deadlineMs });
    byOrganisation.set(hold.orgId, own);
    nextDeadlineMs = Math.min(nextDeadlineMs, deadlineMs);
    open++;
  }

  function takeSlot(): HoldSlot {
    const slot = free.pop();
    if (slot !== undefined) return slot;
    return table.add({ key: keys.hold(slots++), ...kept(), hold: undefined });
  }

  function entry(orgId: string, reservationId: string): OpenHold | undefined {
    return byOrganisation.get(orgId)?.get(reservationId);
  }

  return {
    find: (orgId, reservationId) => entry(orgId, reservationId)?.hold,
    ofOrganisation: (orgId) =>
      [...(byOrganisation.get(orgId)?.values() ?? [])].map(({ hold }) => hold),
    all: () =>
      [...byOrganisation.values()].flatMap((own) => [...own.values()].map(({ hold }) => hold)),
    open: () => open,
    openOf: (orgId) => byOrganisation.get(orgId)?.size ?? 0,
    put(hold) {
      const existing = entry(hold.orgId, hold.reservationId);
      const slot = existing?.slot ?? takeSlot();
      table.touch(slot);
      slot.hold = hold;
      if (existing === undefined) {
        link(hold, slot);
        return;
      }
      // The clock may have been set since: only another end is another deadline.
      const moved = existing.hold.expiresMs !== hold.expiresMs;
      existing.hold = hold;
      if (moved) existing.deadlineMs = deadlineOf(hold.expiresMs);
      nextDeadlineMs = Math.min(nextDeadlineMs, existing.deadlineMs);
    },
    remove(orgId, reservationId) {
      const { slot } = present(entry(orgId, reservationId), 'an open hold');
      table.touch(slot);
      slot.hold = undefined;
      free.push(slot);
      const own = present(byOrganisation.get(orgId), 'the holds of an organisation');
      own.delete(reservationId);
      if (own.size === 0) byOrganisation.delete(orgId);
      open--;
      assert(open >= 0, 'no hold ends twice');
    },
    expired(limit) {
      const nowMs = clock.monotonicMs();
      if (nowMs < nextDeadlineMs) return [];
      const found: Hold[] = [];
      nextDeadlineMs = Number.POSITIVE_INFINITY;
      for (const own of byOrganisation.values()) {
        for (const { hold, deadlineMs } of own.values()) {
          if (deadlineMs <= nowMs && found.length < limit) found.push(hold);
          else nextDeadlineMs = Math.min(nextDeadlineMs, deadlineMs);
        }
      }
      return found;
    },
  };
}
