// Times as traces write them, exact to the nanosecond: integers, no floats. Digits beyond the ninth
// are cut off, as is every digit by which the server floors to milliseconds.

import type { Timestamp } from '../../../generated/ts/google/protobuf/timestamp.js';
import { unreachable } from '../../base/assert.js';
import { divideFloor } from '../../base/division.js';
import type { EpochMs } from '../../base/units.js';

export const TIME_FORMATS = ['auto', 'rfc3339', 'unix', 'unix-ms', 'azure'] as const;
export type TimeFormat = (typeof TIME_FORMATS)[number];

/** Nanoseconds since 1970-01-01T00:00:00Z. */
export type EpochNs = bigint;

const SECOND_NS = 1_000_000_000n;
const MILLISECOND_NS = 1_000_000n;
const CALENDAR =
  /^(\d{4})-(\d\d)-(\d\d)([Tt ])(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|z|[+-]\d\d:\d\d)?$/;
const NUMBER = /^(\d{1,15})(?:\.(\d+))?$/;
/** From 12 digits on a number counts milliseconds: as seconds it would lie past the year 5138. */
const AUTO_MS_DIGITS = 12;

/** The moment, or undefined where `text` is not of that format. */
export function parseTime(text: string, format: TimeFormat): EpochNs | undefined {
  switch (format) {
    case 'rfc3339':
      return parseCalendar(text, 'with_offset');
    case 'azure':
      return parseCalendar(text, 'without_offset');
    case 'unix':
      return parseNumber(text, SECOND_NS);
    case 'unix-ms':
      return parseNumber(text, MILLISECOND_NS);
    case 'auto': {
      const digits = NUMBER.exec(text)?.[1]?.length;
      if (digits !== undefined) {
        return parseNumber(text, digits < AUTO_MS_DIGITS ? SECOND_NS : MILLISECOND_NS);
      }
      return parseCalendar(text, 'with_offset') ?? parseCalendar(text, 'without_offset');
    }
    default:
      return unreachable(format);
  }
}

export function fromEpochMs(ms: EpochMs): EpochNs {
  return BigInt(Math.trunc(ms)) * MILLISECOND_NS;
}

export function toTimestamp(time: EpochNs): Timestamp {
  const seconds = divideFloor(time, SECOND_NS);
  return { seconds, nanos: Number(time - seconds * SECOND_NS) };
}

/** Milliseconds from `start` to `end`, for pacing: a double is enough there. */
export function millisecondsBetween(start: EpochNs, end: EpochNs): number {
  return Number(end - start) / 1e6;
}

/**
 * RFC 3339 has an offset and "T" or a blank between date and time. Azure traces have a blank and no
 * offset, and mean UTC; "T" without an offset is local time somewhere, so it is refused.
 */
function parseCalendar(text: string, kind: 'with_offset' | 'without_offset'): EpochNs | undefined {
  const match = CALENDAR.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, separator, hour, minute, second, fraction, offset] = match;
  if ((offset === undefined) !== (kind === 'without_offset')) return undefined;
  if (offset === undefined && separator !== ' ') return undefined;
  const parts = [year, month, day, hour, minute, second].map(Number);
  const ms = utcMs(parts);
  const offsetMinutes = minutesOf(offset);
  if (ms === undefined || offsetMinutes === undefined) return undefined;
  return fromEpochMs(ms - offsetMinutes * 60_000) + fractionOf(fraction, SECOND_NS);
}

/** Undefined for a date that the calendar does not have; Date.UTC would carry it over. */
function utcMs(parts: readonly number[]): EpochMs | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(ms);
  const same =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return same ? ms : undefined;
}

function minutesOf(offset: string | undefined): number | undefined {
  if (offset === undefined || offset === 'Z' || offset === 'z') return 0;
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(4, 6));
  if (hours > 23 || minutes > 59) return undefined;
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

function parseNumber(text: string, unitNs: bigint): EpochNs | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  return BigInt(match[1] ?? '') * unitNs + fractionOf(match[2], unitNs);
}

/** `digits` after the decimal point of a number of `unitNs`, floored to a nanosecond. */
function fractionOf(digits: string | undefined, unitNs: bigint): bigint {
  if (digits === undefined) return 0n;
  return (BigInt(digits.slice(0, 9).padEnd(9, '0')) * unitNs) / SECOND_NS;
}
