// Times of older systems: ISO 8601 with or without a zone (UTC then), days, Unix seconds.

import type { Timestamp } from '../../../generated/ts/google/protobuf/timestamp.js';
import { DAY_MS, type EpochMs, MINUTE_MS } from '../../base/units.js';
import { invalidField } from '../../operations/refusal.js';

const DAY = /^\d{4}-\d\d-\d\d$/;
const INSTANT =
  /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:?\d\d)?$/;

/** `end`: a day without a time is meant whole, so that it ends when the next one begins. */
export function parseWhen(text: string, name: string, edge: 'start' | 'end'): EpochMs {
  if (DAY.test(text)) return parseDay(text, name) + (edge === 'end' ? DAY_MS : 0);
  // An unescaped plus in a query is a blank.
  const [whole, date = '', clock = '', fraction = '', zone = 'Z'] =
    INSTANT.exec(text.replace(/ (?=\d\d:?\d\d$)(?<=:\d\d(?:\.\d{1,9})? )/, '+')) ?? [];
  if (whole === undefined) throw notATime(name);
  const day = parseDay(date, name);
  const seconds = clock.length === 5 ? `${clock}:00` : clock;
  const local = Date.parse(`1970-01-01T${seconds}.${fraction.padEnd(3, '0').slice(0, 3)}Z`);
  const offset = offsetOf(zone);
  if (!Number.isFinite(local) || local >= DAY_MS || offset === undefined) throw notATime(name);
  return day + local - offset;
}

/** Midnight UTC of a day. */
export function parseDay(text: string, name: string): EpochMs {
  const ms = DAY.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  // `Date.parse` takes the 31st of any month for the next day.
  const isDay = Number.isFinite(ms) && dayOf(ms) === text;
  if (!isDay) throw invalidField(name, 'must be a day like "2026-11-20"');
  return ms;
}

export function dayOf(ms: EpochMs): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function offsetOf(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'z') return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * MINUTE_MS;
}

function notATime(name: string): Error {
  return invalidField(name, 'must be ISO 8601, like "2026-11-20" or "2026-11-20T12:00:00Z"');
}

export function msOf({ seconds, nanos }: Timestamp): EpochMs {
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}

export function secondsOf(time: Timestamp | undefined): number | null {
  return time === undefined ? null : Number(time.seconds);
}

/** UTC with `Z`; null where there is none. */
export function isoOf(time: Timestamp | undefined): string | null {
  if (time === undefined) return null;
  return new Date(msOf(time)).toISOString().replace('.000Z', 'Z');
}
