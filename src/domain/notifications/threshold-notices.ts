// What there is to tell of a quota's thresholds. A threshold is reached once per rule, scope and
// window; it is resolved when a new window opens, or when what holds now clears it.

import { formatUnits } from '../../base/decimal.js';
import type { EpochMs } from '../../base/units.js';
import { labelsOfValues } from '../metering/dimensions.js';
import { partsOfCombination } from '../quota/rule.js';
import type { AlertDocument } from './document.js';
import { type Notice, timeText } from './notice.js';

/** `idle`: nothing touched its scope for so long that it starts again. */
export type Clearing = 'new_window' | 'limit_changed' | 'rule_removed' | 'idle';

export interface Event {
  readonly eventId: string;
  readonly eventTimeMs: EpochMs;
}

export function thresholdReached(
  orgId: string,
  alert: Omit<AlertDocument, 'notification_id'>,
  { eventId, eventTimeMs }: Event,
  atMs: EpochMs,
): Notice {
  const event = { event_id: eventId, event_time: timeText(eventTimeMs) };
  const data = { ...threshold(alert), ...event };
  return { type: 'quota.threshold_reached', orgId, atMs, data };
}

export function thresholdResolved(
  orgId: string,
  alert: AlertDocument,
  clearing: Clearing,
  atMs: EpochMs,
): Notice {
  const reached = { cleared_by: clearing, reached_notification_id: alert.notification_id };
  const data = { ...threshold(alert), ...reached };
  return { type: 'quota.threshold_resolved', orgId, atMs, data };
}

function threshold(alert: Omit<AlertDocument, 'notification_id'>) {
  const { meter, scale, quota_key, percent, combination, scope_values, window_start_ms } = alert;
  const { window, windowLengthMs, scope, match } = partsOfCombination(combination);
  return {
    meter,
    quota_key,
    percent,
    limit: formatUnits(BigInt(alert.limit), scale),
    window,
    window_length_seconds: windowLengthMs === 0 ? null : windowLengthMs / 1000,
    window_start: window_start_ms === 0 ? null : timeText(window_start_ms),
    scope: Object.fromEntries(labelsOfValues(scope, scope_values)),
    match: Object.fromEntries(match),
  };
}

/** The same threshold of the same counter and window. */
export function isSameThreshold(
  a: Omit<AlertDocument, 'notification_id'>,
  b: Omit<AlertDocument, 'notification_id'>,
): boolean {
  return (
    a.meter === b.meter &&
    a.combination === b.combination &&
    a.scope_values === b.scope_values &&
    a.window_start_ms === b.window_start_ms &&
    a.percent === b.percent
  );
}
