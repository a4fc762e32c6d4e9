// Readers of one scalar text each. YAML, environment and flags all give text, so 0.002 is never a
// double and `off` is never a boolean.

import { formatDecimal, parseDecimal } from '../base/decimal.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../base/units.js';
import { limits } from '../limits.js';

export interface Refused {
  readonly refused: string;
}

export type Read<T> = (text: string) => T | Refused;

export function refuse(rule: string): Refused {
  return { refused: rule };
}

export function isRefused(value: unknown): value is Refused {
  return typeof value === 'object' && value !== null && 'refused' in value;
}

export function integer(min: number, max: number): Read<number> {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    return refuse(`must be a whole number from ${min} to ${max}`);
  };
}

export function oneOf<const T extends string>(values: readonly T[]): Read<T> {
  return (text) =>
    values.find((value) => value === text) ?? refuse(`must be one of ${values.join(', ')}`);
}

export const trueOrFalse: Read<boolean> = (text) => {
  if (text === 'true' || text === 'false') return text === 'true';
  return refuse('must be true or false');
};

export const onOrOff: Read<boolean> = (text) => {
  if (text === 'on' || text === 'off') return text === 'on';
  return refuse('must be on or off');
};

/** A decimal that is not negative, in its one form without needless zeros: "0.50" is "0.5". */
export function decimal(placesMax: number): Read<string> {
  return (text) => {
    if (!/^\d+(\.\d+)?$/.test(text)) {
      return refuse('must be a decimal such as 0.002: no sign, no exponent, no separators');
    }
    const value = parseDecimal(text, placesMax);
    if (value === 'too_long') return refuse('has too many digits');
    if (typeof value === 'string') return refuse(`has more than ${placesMax} decimals`);
    return formatDecimal(value);
  };
}

/** Decimals of a text that `decimal` read. */
export function placesOf(text: string): number {
  const dot = text.indexOf('.');
  return dot < 0 ? 0 : text.length - dot - 1;
}

/** RFC 3339 to the millisecond, in UTC: "2026-01-01T01:00:00+01:00" is "2026-01-01T00:00:00Z". */
export const instant: Read<string> = (text) => {
  const rule = refuse('must be an RFC 3339 time such as 2026-01-01T00:00:00Z');
  const parts = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const ms = Date.parse(text);
  if (parts === null || Number.isNaN(ms)) return rule;
  // V8 reads 30 February as 2 March.
  const day = new Date(`${parts[1]}T00:00:00Z`).toISOString().slice(0, 10);
  if (day !== parts[1]) return rule;
  return new Date(ms).toISOString().replace('.000Z', 'Z');
};

const LENGTH_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND_MS,
  m: MINUTE_MS,
  h: HOUR_MS,
  d: DAY_MS,
};
export const LENGTH_MS_MAX = 3660 * DAY_MS;

/** "90m" is 5,400,000 ms. */
export const lengthMs: Read<number> = (text) => {
  const parts = /^([1-9]\d{0,11})(ms|[smhd])$/.exec(text);
  const ms = Number(parts?.[1]) * (LENGTH_UNITS[parts?.[2] ?? ''] ?? Number.NaN);
  return ms <= LENGTH_MS_MAX ? ms : refuse('must be a length such as 3600s, 90m, 5h or 30d');
};

/** The shortest form that `lengthMs` reads. */
export function lengthText(ms: number): string {
  const unit = ['d', 'h', 'm', 's'].find((name) => ms % (LENGTH_UNITS[name] ?? 1) === 0) ?? 'ms';
  return `${ms / (LENGTH_UNITS[unit] ?? 1)}${unit}`;
}

const SIZE_UNITS: readonly string[] = ['', 'KiB', 'MiB', 'GiB', 'TiB'];

/** "64MiB" is 67,108,864 bytes. */
export function bytes(min: number, max: number): Read<number> {
  return (text) => {
    const parts = /^(\d{1,15})(|KiB|MiB|GiB|TiB)$/.exec(text);
    const power = SIZE_UNITS.indexOf(parts?.[2] ?? '');
    if (parts === null) return refuse('must be a size in bytes, KiB, MiB, GiB or TiB: 64MiB');
    const value = Number(parts[1]) * 1024 ** power;
    if (value >= min && value <= max) return value;
    return refuse(`must be from ${bytesText(min)} to ${bytesText(max)}`);
  };
}

export function bytesText(value: number): string {
  let power = 0;
  let amount = value;
  while (amount >= 1024 && amount % 1024 === 0 && power < SIZE_UNITS.length - 1) {
    amount /= 1024;
    power++;
  }
  return `${amount}${SIZE_UNITS[power]}`;
}

/** Ids that stand in paths. */
export const id: Read<string> = matching(
  /^[A-Za-z0-9._@-]{1,128}$/,
  'must be 1 to 128 characters of A-Z a-z 0-9 . _ @ -',
);

export const meterKey: Read<string> = matching(
  /^[a-z0-9_.]{1,120}$/,
  'must be 1 to 120 characters of a-z 0-9 _ .',
);

/** 1 to `charsMax` characters of one line. */
export function label(charsMax: number): Read<string> {
  return matching(
    new RegExp(`^\\P{Cc}{1,${charsMax}}$`, 'u'),
    `must be 1 to ${charsMax} characters, none of them a control character`,
  );
}

export const dimensionKey: Read<string> = label(limits.dimensionKeyChars);
export const dimensionValue: Read<string> = label(limits.dimensionValueChars);

export function orEmpty(read: Read<string>): Read<string> {
  return (text) => (text === '' ? '' : read(text));
}

/** Undefined where files can be made; `path` is absolute. */
export function refuseKernelPath(path: string): Refused | undefined {
  if (!/^\/(proc|sys)(\/|$)/.test(path)) return undefined;
  return refuse('must not lie in /proc or /sys: the kernel keeps no files there');
}

export function matching(pattern: RegExp, rule: string): Read<string> {
  return (text) => (pattern.test(text) ? text : refuse(rule));
}
