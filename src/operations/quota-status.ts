// What a reply says of the rules. A limit that is absent is unlimited: never infinity, never −1.

import type { QuotaStatus } from '../../generated/ts/tollgate/v1/quota.js';
import {
  QuotaMode,
  QuotaSource,
  QuotaWindow,
  Reason,
} from '../../generated/ts/tollgate/v1/quota.js';
import { formatUnits } from '../base/decimal.js';
import type { Quanta } from '../base/units.js';
import type { Dimensions } from '../domain/metering/dimensions.js';
import {
  type Asked,
  projected,
  type Reason as QuotaReason,
  type RuleState,
  remaining,
  resetMs,
  thresholdsAt,
} from '../domain/quota/decide.js';
import type { Mode, RuleSource, WindowKind } from '../domain/quota/rule.js';
import { scopeOf } from './evaluate.js';
import { toDuration, toTimestamp } from './parse.js';

export const SOURCE: Record<RuleSource, QuotaSource> = {
  OVERRIDE: QuotaSource.QUOTA_SOURCE_OVERRIDE,
  PLAN: QuotaSource.QUOTA_SOURCE_PLAN,
  DEFAULT: QuotaSource.QUOTA_SOURCE_DEFAULT,
  NONE: QuotaSource.QUOTA_SOURCE_NONE,
};

export const MODE: Record<Mode, QuotaMode> = {
  HARD: QuotaMode.QUOTA_MODE_HARD,
  SOFT: QuotaMode.QUOTA_MODE_SOFT,
  SHADOW: QuotaMode.QUOTA_MODE_SHADOW,
};

export const WINDOW: Record<WindowKind, QuotaWindow> = {
  CALENDAR_HOUR: QuotaWindow.QUOTA_WINDOW_CALENDAR_HOUR,
  CALENDAR_DAY: QuotaWindow.QUOTA_WINDOW_CALENDAR_DAY,
  CALENDAR_MONTH: QuotaWindow.QUOTA_WINDOW_CALENDAR_MONTH,
  CALENDAR_YEAR: QuotaWindow.QUOTA_WINDOW_CALENDAR_YEAR,
  SUBSCRIPTION_PERIOD: QuotaWindow.QUOTA_WINDOW_SUBSCRIPTION_PERIOD,
  FIXED_FROM_FIRST_USE: QuotaWindow.QUOTA_WINDOW_FIXED_FROM_FIRST_USE,
  LIFETIME: QuotaWindow.QUOTA_WINDOW_LIFETIME,
};

const REASON: Record<QuotaReason, Reason> = {
  WITHIN_LIMIT: Reason.REASON_WITHIN_LIMIT,
  HARD_LIMIT_EXCEEDED: Reason.REASON_HARD_LIMIT_EXCEEDED,
  SOFT_LIMIT_EXCEEDED: Reason.REASON_SOFT_LIMIT_EXCEEDED,
  UNLIMITED: Reason.REASON_UNLIMITED,
  QUOTA_NOT_CONFIGURED: Reason.REASON_QUOTA_NOT_CONFIGURED,
  SUSPENDED: Reason.REASON_SUSPENDED,
};

const NAMES: ReadonlyMap<string, Reason> = new Map(Object.entries(REASON));

/** The name of a reason in the journal, and back; '' stands for none. */
export function reasonToText(reason: Reason): string {
  for (const [name, value] of NAMES) if (value === reason) return name;
  return '';
}

export function reasonFromText(text: string): Reason {
  return NAMES.get(text) ?? Reason.REASON_UNSPECIFIED;
}

export function toReason(reason: QuotaReason): Reason {
  return REASON[reason];
}

export function toStatus(state: RuleState, dimensions: Dimensions, asked: Asked): QuotaStatus {
  const { rule, scale, used, reserved } = state;
  const left = remaining(state);
  const reset = resetMs(state);
  const calculated = projected(state, asked);
  const text = (quanta: Quanta) => formatUnits(quanta, scale);
  return {
    quotaKey: rule.key,
    meter: rule.meter,
    source: SOURCE[rule.source],
    mode: MODE[rule.mode],
    limit: rule.limit === undefined ? undefined : text(rule.limit),
    used: text(used),
    reserved: text(reserved),
    requested: text(state.requested),
    projected: text(calculated),
    remaining: left === undefined ? undefined : text(left),
    window: WINDOW[rule.window],
    windowLength: rule.windowLengthMs > 0 ? toDuration(rule.windowLengthMs) : undefined,
    windowStart:
      rule.window === 'LIFETIME' || !state.opened ? undefined : toTimestamp(state.windowStartMs),
    resetTime: reset === undefined ? undefined : toTimestamp(reset),
    scope: rule.scope.length === 0 ? NO_SCOPE : scopeOf(rule, dimensions),
    thresholdsCrossed: [...thresholdsAt(rule, used)],
    countingSince:
      state.countingSinceMs === undefined ? undefined : toTimestamp(state.countingSinceMs),
  };
}

const NO_SCOPE = new Map<string, string>();
