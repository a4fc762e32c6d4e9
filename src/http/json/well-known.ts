// The well-known types in proto3 JSON, whose messages are texts there: RFC 3339 times, durations
// with an "s", field masks with commas. https://protobuf.dev/programming-guides/json/

import type { Duration } from '../../../generated/ts/google/protobuf/duration.js';
import type { Timestamp } from '../../../generated/ts/google/protobuf/timestamp.js';

export interface WellKnown {
  /** Undefined where the text is none. */
  readonly read: (text: string) => unknown;
  readonly write: (value: never) => string;
  readonly rule: string;
}

export const WELL_KNOWN: ReadonlyMap<string, WellKnown> = new Map([
  [
    'google.protobuf.Timestamp',
    {
      read: readTimestamp,
      write: writeTimestamp,
      rule: 'must be an RFC 3339 time like "2026-11-20T12:00:00Z"',
    },
  ],
  [
    'google.protobuf.Duration',
    { read: readDuration, write: writeDuration, rule: 'must be seconds like "60s" or "0.5s"' },
  ],
  [
    'google.protobuf.FieldMask',
    { read: readMask, write: writeMask, rule: 'must be names of fields with commas between' },
  ],
]);

const TIME = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

function readTimestamp(text: string): Timestamp | undefined {
  const [whole, date = '', time = '', fraction = '', sign, hours = '0', minutes = '0'] =
    TIME.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const ms = Date.parse(`${date}T${time}Z`);
  // `Date.parse` takes 24:00 and the 31st of any month for the next day.
  if (!Number.isFinite(ms) || !new Date(ms).toISOString().startsWith(`${date}T${time}`)) {
    return undefined;
  }
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const offset = (Number(hours) * 60 + Number(minutes)) * 60;
  const seconds = ms / 1000 - (sign === '-' ? -offset : offset);
  return { seconds: BigInt(seconds), nanos: nanosOf(fraction) };
}

export function writeTimestamp({ seconds, nanos }: Timestamp): string {
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${fractionOf(nanos)}Z`;
}

const DURATION = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/;
/** 10,000 years, as the type's own comment has it. */
const DURATION_SECONDS_MAX = 315_576_000_000n;

function readDuration(text: string): Duration | undefined {
  const [whole, sign, digits = '', fraction = ''] = DURATION.exec(text) ?? [];
  const seconds = BigInt(digits);
  if (whole === undefined || seconds > DURATION_SECONDS_MAX) return undefined;
  const nanos = nanosOf(fraction);
  return sign === '-' ? { seconds: -seconds, nanos: nanos === 0 ? 0 : -nanos } : { seconds, nanos };
}

function writeDuration({ seconds, nanos }: Duration): string {
  const isNegative = seconds < 0n || nanos < 0;
  const whole = seconds < 0n ? -seconds : seconds;
  return `${isNegative ? '-' : ''}${whole}${fractionOf(Math.abs(nanos))}s`;
}

const MASK = /^[A-Za-z0-9_.]*(?:,[A-Za-z0-9_.]+)*$/;

/** In either spelling. */
function readMask(text: string): string[] | undefined {
  if (!MASK.test(text)) return undefined;
  if (text === '') return [];
  return text.split(',').map((path) => path.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`));
}

function writeMask(paths: readonly string[]): string {
  return paths.join(',');
}

function nanosOf(fraction: string): number {
  return Number(fraction.padEnd(9, '0'));
}

/** None, or 3, 6 or 9 digits. */
function fractionOf(nanos: number): string {
  if (nanos === 0) return '';
  const digits = `${nanos}`.padStart(9, '0');
  return `.${digits.replace(/(?:000){1,2}$/, '')}`;
}
