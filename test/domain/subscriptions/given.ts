// Periods as text, and what is wrong with them.

import fc from 'fast-check';
import type { Interval } from '../../../src/domain/metering/calendar.js';
import { anchorOf } from '../../../src/domain/subscriptions/anchor.js';
import {
  type Anchor,
  BILLING_INTERVALS,
  type BillingInterval,
  periodAt,
} from '../../../src/domain/subscriptions/period.js';
import { utc } from '../given.js';

export const DAY_MS = 86_400_000;
export const QUARTER_HOUR_MS = 900_000;

export const ZONES = [
  'UTC',
  'America/New_York',
  'America/St_Johns',
  'America/Sao_Paulo',
  'America/Havana',
  'Europe/Berlin',
  'Africa/Casablanca',
  'Asia/Kathmandu',
  'Asia/Beirut',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Kiritimati',
] as const;

/** From 1902 to 2105. */
export const instant = fc.integer({ min: -2_145_916_800_000, max: 4_260_211_200_000 });
export const interval = fc.constantFrom(...BILLING_INTERVALS);
export const zone = fc.constantFrom(...ZONES);
export const anchor = fc
  .tuple(instant, fc.integer({ min: 0, max: 31 }), zone)
  .map(([atMs, day, of]) => anchorOf(atMs, day, of));

/** "2026-11-01T00:00/2026-12-01T00:00". */
export function shown({ startMs, endMs }: Interval): string {
  return [startMs, endMs].map((ms) => new Date(ms).toISOString().slice(0, 16)).join('/');
}

/** Starts of `count` periods, the first the one that holds `from`; days and times of UTC. */
export function startsFrom(
  of: Anchor,
  every: BillingInterval,
  from: string,
  count: number,
): readonly string[] {
  const starts: string[] = [];
  for (let atMs = utc(from); starts.length < count; ) {
    const { startMs, endMs } = periodAt(of, every, atMs);
    starts.push(new Date(startMs).toISOString().slice(0, 16).replace('T00:00', ''));
    atMs = endMs;
  }
  return starts;
}

type Find = (atMs: number) => Interval;

/** What is wrong around a time with intervals that should tile time; nothing where empty. */
export function tilingFaults(find: Find, atMs: number): readonly string[] {
  const { startMs, endMs } = find(atMs);
  const isSame = (other: Interval) => other.startMs === startMs && other.endMs === endMs;
  return [
    startMs <= atMs && atMs < endMs ? '' : 'does not hold its time',
    isSame(find(startMs)) ? '' : 'is another one at its start',
    isSame(find(endMs - 1)) ? '' : 'is another one at its end',
    Number.isFinite(endMs) && find(endMs).startMs !== endMs ? 'does not meet the next one' : '',
    find(startMs - 1).endMs === startMs ? '' : 'does not meet the one before',
  ].filter((fault) => fault !== '');
}

/** What a clock on the wall shows there: "2026-11-01 00:00". */
export function wallClock(atMs: number, of: string): string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: of,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  });
  return format.format(atMs);
}
