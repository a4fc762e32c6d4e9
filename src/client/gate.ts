// Before the work: checks and holds. A hold is settled with what the work used, or released.

import type { Duration } from '../../generated/ts/google/protobuf/duration.js';
import type { QuotaStatus } from '../../generated/ts/tollgate/v1/quota.js';
import type { ReservationItem } from '../../generated/ts/tollgate/v1/reservation.js';
import type { DurationMs } from '../base/units.js';
import type { Calls } from './calls.js';
import { TollgateError, TollgateUnavailable } from './errors.js';
import type { Settings } from './options.js';
import {
  fromResult,
  fromTimestamp,
  type Item,
  type ReasonName,
  type Recorded,
  reasonName,
  toEvent,
  toItem,
  type Usage,
} from './usage.js';

/** Why a check or hold was answered as it was. */
export interface Decision {
  readonly reason: ReasonName;
  /** Plan that the decision was made under; '' where degraded. */
  readonly plan: string;
  /** Every rule that applies, the deciding one first; none where degraded. */
  readonly quotas: readonly QuotaStatus[];
  /** True: the sidecar gave no answer in time, and `fail_open` holds. */
  readonly degraded: boolean;
}

export interface Checked extends Decision {
  readonly allowed: boolean;
}

export interface Refused extends Decision {
  readonly granted: false;
}

export interface Hold extends Decision {
  readonly granted: true;
  readonly reservationId: string;
  /** As granted, in the order asked for; none where degraded. */
  readonly items: readonly ReservationItem[];
  /** When it ends by itself. Absent where degraded. */
  readonly expireTime: Date | undefined;
  /**
   * Turns the hold into what was really used, and ends it; one result per event, in order. Never
   * denied. Repeat it with the same events until it resolves: it cannot count twice. Where no
   * answer can be had, `fail_open` keeps the events in the buffer: BUFFERED.
   */
  readonly settle: (
    events: readonly Usage[],
    options?: SettleOptions,
  ) => Promise<readonly Recorded[]>;
  /** Ends it without usage. */
  readonly release: () => Promise<void>;
  /** Lets it end that long from now, at most 24 h; resolves with when. */
  readonly extend: (ttlMs: DurationMs) => Promise<Date | undefined>;
}

export interface SettleOptions {
  /** Default `usageDeadlineMs`. */
  readonly deadlineMs?: DurationMs;
}

export interface CheckOptions {
  readonly orgId?: string;
}

export interface ReserveOptions extends CheckOptions {
  /** 1-100 printable ASCII characters, one per attempt at the work. Default: a UUIDv7. */
  readonly reservationId?: string;
  /** Default 60,000; at most 24 h. */
  readonly ttlMs?: DurationMs;
  /** Grant what is left where an item does not fit whole. Default false. */
  readonly allowPartial?: boolean;
}

export interface Gate {
  readonly check: (items: readonly Item[], options?: CheckOptions) => Promise<Checked>;
  readonly reserve: (items: readonly Item[], options?: ReserveOptions) => Promise<Hold | Refused>;
}

export interface GateOptions {
  readonly calls: Calls;
  readonly settings: Settings;
  readonly newId: () => string;
  /** Usage that no hold takes goes the way of all usage. */
  readonly record: (usage: Usage) => Promise<Recorded>;
  /** Takes it into the buffer and says BUFFERED; what becomes of it then is told as trouble. */
  readonly keep: (usage: Usage) => Recorded;
}

export function openGate({ calls, settings, newId, record, keep }: GateOptions): Gate {
  const { deadlineMs, onTrouble } = settings;

  /** Degraded, or the error again. */
  function degrade(call: string, error: unknown): Decision {
    if (settings.onUnavailable === 'fail_closed' || !(error instanceof TollgateUnavailable)) {
      throw error;
    }
    onTrouble({ kind: 'degraded', call, code: error.code, message: error.message });
    return { reason: 'DEGRADED', plan: '', quotas: [], degraded: true };
  }

  async function check(items: readonly Item[], options: CheckOptions = {}): Promise<Checked> {
    const request = { orgId: options.orgId ?? settings.orgId, items: items.map(toItem) };
    try {
      const reply = await calls.call('checkQuota', request, deadlineMs);
      const { allowed = false, reason, plan, quotas, degraded } = reply;
      return { allowed, reason: reasonName(reason), plan, quotas, degraded };
    } catch (error) {
      return { allowed: true, ...degrade('check', error) };
    }
  }

  async function reserve(
    items: readonly Item[],
    options: ReserveOptions = {},
  ): Promise<Hold | Refused> {
    const { orgId = settings.orgId, reservationId = newId(), allowPartial = false } = options;
    const ttl = options.ttlMs === undefined ? undefined : toDuration(options.ttlMs);
    const request = { orgId, reservationId, items: items.map(toItem), ttl, allowPartial };
    const acts = openHold({ calls, settings, record, keep, orgId, reservationId });
    try {
      const reply = await calls.call('reserve', request, deadlineMs);
      const { plan, quotas } = reply;
      const decision = { reason: reasonName(reply.reason), plan, quotas, degraded: false };
      if (reply.granted !== true) return { granted: false, ...decision };
      const expireTime =
        reply.expireTime === undefined ? undefined : fromTimestamp(reply.expireTime);
      return { granted: true, reservationId, items: reply.items, expireTime, ...decision, ...acts };
    } catch (error) {
      const decision = degrade('reserve', error);
      return {
        granted: true,
        reservationId,
        items: [],
        expireTime: undefined,
        ...decision,
        ...acts,
      };
    }
  }

  return { check, reserve };
}

interface HoldOptions extends Omit<GateOptions, 'newId'> {
  readonly orgId: string;
  readonly reservationId: string;
}

/** One that was taken degraded may stand all the same, where only its answer was lost. */
function openHold(options: HoldOptions): Pick<Hold, 'settle' | 'release' | 'extend'> {
  const { calls, settings, record, keep, orgId, reservationId } = options;
  const { usageDeadlineMs, onUnavailable } = settings;

  return {
    async settle(usages, { deadlineMs = usageDeadlineMs } = {}) {
      // The ids that the server would give: recorded without the hold, they are the same events.
      const named = usages.map((usage, n) => ({
        ...usage,
        orgId: usage.orgId ?? orgId,
        eventId: usage.eventId ?? `rsv:${reservationId}:${n}`,
        eventTime: usage.eventTime ?? new Date(),
      }));
      const events = named.map((usage) => toEvent(usage, orgId, usage.eventId));
      const request = { orgId, reservationId, events, durability: 0 as const };
      try {
        const { results } = await calls.call('settle', request, deadlineMs);
        return results.map(fromResult);
      } catch (error) {
        if (isUnknown(error)) return Promise.all(named.map(record));
        const lost = error instanceof TollgateUnavailable;
        if (!lost || onUnavailable === 'fail_closed') throw error;
        return named.map(keep);
      }
    },
    async release() {
      try {
        await calls.call('release', { orgId, reservationId }, usageDeadlineMs);
      } catch (error) {
        // There is nothing to give back.
        if (!isUnknown(error)) throw error;
      }
    },
    async extend(ttlMs) {
      const request = { orgId, reservationId, ttl: toDuration(ttlMs) };
      const { reservation } = await calls.call('extendReservation', request, settings.deadlineMs);
      const expireTime = reservation?.expireTime;
      return expireTime === undefined ? undefined : fromTimestamp(expireTime);
    },
  };
}

function isUnknown(error: unknown): boolean {
  return error instanceof TollgateError && error.code === 'RESERVATION_NOT_FOUND';
}

function toDuration(ms: DurationMs): Duration {
  if (!Number.isSafeInteger(ms)) {
    throw new TypeError(`ttlMs must be a whole number; got ${String(ms)}`);
  }
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * 1_000_000 };
}
