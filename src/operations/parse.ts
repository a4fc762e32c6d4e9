// Parsing at the door: syntax that needs no catalogue. After it a value is what it says, and no
// second check of the same fact follows. Every fault names its field and the rule.

import type { Duration } from '../../generated/ts/google/protobuf/duration.js';
import type { Timestamp } from '../../generated/ts/google/protobuf/timestamp.js';
import type { RunMeasurement } from '../../generated/ts/tollgate/v1/usage_event.js';
import { isFault, parseUnits } from '../base/decimal.js';
import type { DurationMs, EpochMs } from '../base/units.js';
import { isMeasurement, type Run } from '../domain/metering/run-units.js';
import { limits } from '../limits.js';
import { invalid, type Violation } from './refusal.js';

export const PATH_ID = /^[A-Za-z0-9._@-]{1,128}$/;
export const METER = /^[a-z0-9_.]{1,120}$/;

/** Gathers the faults of one request, so that a caller hears of all at once. */
export interface Faults {
  readonly list: Violation[];
  readonly add: (field: string, description: string) => void;
}

export function createFaults(): Faults {
  const list: Violation[] = [];
  return {
    list,
    add(field, description) {
      if (list.length < limits.faults) list.push({ field, description });
    },
  };
}

export function refuseFaults(faults: Faults): void {
  if (faults.list.length > 0) throw invalid(faults.list);
}

export function checkOrgId(orgId: string, field: string, faults: Faults): void {
  checkId(orgId, field, faults);
}

/** Of an id that stands in paths: organisation, invoice, plan. */
export function checkId(id: string, field: string, faults: Faults): void {
  if (isPathId(id)) return;
  faults.add(field, 'must be 1 to 128 characters of A-Z a-z 0-9 . _ @ -');
}

export function isPathId(text: string): boolean {
  return PATH_ID.test(text);
}

export function checkMeter(meter: string, field: string, faults: Faults): void {
  if (METER.test(meter)) return;
  faults.add(field, 'must be 1 to 120 characters of a-z 0-9 _ .');
}

/** `absent` may stand for "the server makes one". */
export function checkEventId(eventId: string, field: string, faults: Faults): void {
  if (eventId.length <= limits.eventIdChars && isPrintable(eventId)) return;
  faults.add(field, 'must be 1 to 128 printable ASCII characters');
}

export function checkReservationId(id: string, faults: Faults): void {
  if (id.length <= limits.reservationIdChars && isPrintable(id)) return;
  faults.add('reservation_id', 'must be 1 to 100 printable ASCII characters');
}

/** ASCII 0x20 to 0x7e, at least one. A loop: the hot path has no use for a regular expression. */
function isPrintable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return text.length > 0;
}

/** In characters, not UTF-16 code units. */
function isLonger(text: string, chars: number): boolean {
  return text.length > chars && (text.length > 2 * chars || [...text].length > chars);
}

/** C0, DEL and C1 control characters. */
export function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
  }
  return false;
}

export function checkDimensions(
  dimensions: ReadonlyMap<string, string>,
  field: string,
  faults: Faults,
): void {
  if (dimensions.size > limits.dimensions) {
    faults.add(field, `must hold at most ${limits.dimensions} entries, has ${dimensions.size}`);
    return;
  }
  for (const [key, value] of dimensions) {
    if (key.length === 0 || isLonger(key, limits.dimensionKeyChars) || hasControl(key)) {
      faults.add(field, 'a key must be 1 to 64 characters without control characters');
    }
    if (isLonger(value, limits.dimensionValueChars) || hasControl(value)) {
      const name = `${field}[${JSON.stringify(key.slice(0, limits.dimensionKeyChars))}]`;
      faults.add(name, 'must be at most 256 characters without control characters');
    }
  }
}

/**
 * Canonical text of a decimal quantity: "01.50" is "1.5". Undefined where the text is not one, with
 * the fault added.
 */
export function canonicalQuantity(text: string, field: string, faults: Faults): string | undefined {
  const fault = quantityFault(text);
  if (fault !== undefined) {
    faults.add(field, fault);
    return undefined;
  }
  const code = text.charCodeAt(0);
  const plain = code !== 48 && !text.includes('.');
  return plain ? text : trimZeros(text);
}

function quantityFault(text: string): string | undefined {
  const dot = text.indexOf('.');
  const scale = dot < 0 ? 0 : text.length - dot - 1;
  const units = parseUnits(text, scale);
  if (isFault(units)) {
    if (units === 'empty') return 'must be a decimal, is empty';
    return 'must be digits with at most one point, like "12" or "0.5": no sign, exponent or NaN';
  }
  return undefined;
}

function trimZeros(text: string): string {
  const [whole = '', part = ''] = text.split('.');
  const integer = whole.replace(/^0+(?=\d)/, '');
  const decimals = part.replace(/0+$/, '');
  return decimals === '' ? integer : `${integer}.${decimals}`;
}

export function parseRun(run: RunMeasurement, field: string, faults: Faults): Run | undefined {
  const before = faults.list.length;
  const figure = (value: number | undefined, name: string) => {
    if (value !== undefined && !isMeasurement(value)) {
      faults.add(`${field}.${name}`, 'must be a finite number, 0 or more');
    }
    return value;
  };
  const parsed = {
    cpuSeconds: figure(run.cpuSeconds, 'cpu_seconds'),
    gpuSeconds: figure(run.gpuSeconds, 'gpu_seconds'),
    latencyMs: figure(run.latencyMs, 'latency_ms'),
  };
  return faults.list.length === before ? parsed : undefined;
}

/** Milliseconds, floored; undefined where the timestamp is absent. */
export function parseTime(
  time: Timestamp | undefined,
  field: string,
  faults: Faults,
): EpochMs | undefined {
  if (time === undefined) return undefined;
  const { seconds, nanos } = time;
  if (nanos < 0 || nanos > 999_999_999) faults.add(`${field}.nanos`, 'must be 0 to 999999999');
  if (seconds < TIME_SECONDS_MIN || seconds > TIME_SECONDS_MAX) {
    faults.add(`${field}.seconds`, 'must lie between the years 1 and 9999');
    return undefined;
  }
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}

/** RFC 3339 in protobuf: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z. */
const TIME_SECONDS_MIN = -62_135_596_800n;
const TIME_SECONDS_MAX = 253_402_300_799n;

export function parseDuration(
  duration: Duration | undefined,
  field: string,
  bounds: { readonly fallbackMs: DurationMs; readonly maxMs: DurationMs },
  faults: Faults,
): DurationMs {
  if (duration === undefined) return bounds.fallbackMs;
  const { seconds, nanos } = duration;
  if (Math.abs(nanos) > 999_999_999 || (seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0)) {
    faults.add(field, 'nanos must be at most 999999999 and of the sign of the seconds');
    return bounds.fallbackMs;
  }
  const ms = Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
  if (ms >= 1 && ms <= bounds.maxMs) return ms;
  faults.add(field, `must be more than 0 and at most ${bounds.maxMs / 1000} s`);
  return bounds.fallbackMs;
}

export function toTimestamp(ms: EpochMs): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1_000_000) };
}

export function toDuration(ms: DurationMs): Duration {
  return { seconds: BigInt(Math.trunc(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}
