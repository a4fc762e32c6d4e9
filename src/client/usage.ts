// Usage and intentions as callers write them, and as the contract has them.

import type { Timestamp } from '../../generated/ts/google/protobuf/timestamp.js';
import type { EventResult } from '../../generated/ts/tollgate/v1/event_result.js';
import { type QuotaItem, Reason } from '../../generated/ts/tollgate/v1/quota.js';
import {
  Outcome,
  type RunMeasurement,
  type UsageEvent,
} from '../../generated/ts/tollgate/v1/usage_event.js';
import type { EpochMs } from '../base/units.js';
import { type Quantity, quantityText } from './quantity.js';

export type Dimensions = Readonly<Record<string, string>>;

/** Measurements of one run, from which the server computes run units. All absent: zero seconds. */
export interface Run {
  readonly cpuSeconds?: number;
  readonly gpuSeconds?: number;
  /** Wall time in milliseconds; read as CPU time only where `cpuSeconds` is absent. */
  readonly latencyMs?: number;
}

/** How much: a quantity or the measurements of a run. Neither is a quantity of 1. */
export interface Amount {
  readonly quantity?: Quantity;
  readonly run?: Run;
}

/** One fact of usage. */
export interface Usage extends Amount {
  /** Key of the meter. */
  readonly meter: string;
  /** Default: `orgId` of the options. */
  readonly orgId?: string;
  /**
   * Best derived from the work (the tool call's id), so that a second worker on the same step
   * counts once. Default: a UUIDv7, made before the first attempt and kept over all of them.
   */
  readonly eventId?: string;
  /** Default: when it was handed over. */
  readonly eventTime?: Date;
  readonly dimensions?: Dimensions;
}

/** One intended use, to check or to hold. */
export interface Item extends Amount {
  readonly meter: string;
  readonly dimensions?: Dimensions;
  /** Proposed level, on LAST and MAX meters only, instead of a quantity. */
  readonly level?: Quantity;
}

type NameOf<Values, Prefix extends string> = keyof Values extends infer Name
  ? Name extends `${Prefix}_${infer Rest}`
    ? Rest
    : never
  : never;

/** `HARD_LIMIT_EXCEEDED`, `WITHIN_LIMIT`, … */
export type ReasonName = NameOf<typeof Reason, 'REASON'>;
/** What the server made of an event. Only RECORDED and DUPLICATE count. */
export type OutcomeName = NameOf<typeof Outcome, 'OUTCOME'>;

/** What became of an event. */
export interface Recorded {
  /**
   * RECORDED: counted now. DUPLICATE: counted before. BUFFERED: not yet acknowledged, still in the
   * buffer (`fail_open` only). Any other: not counted, and `message` says why.
   */
  readonly outcome: OutcomeName | 'BUFFERED';
  readonly eventId: string;
  /** True with BUFFERED: the sidecar did not answer in time. */
  readonly degraded: boolean;
  /** Canonical quantity counted. Absent with BUFFERED, and with RECORDED by `record`. */
  readonly quantity?: string;
  /** State of the deciding quota, where the server says. */
  readonly reason?: ReasonName;
  /** For people. Absent where there is nothing to explain. */
  readonly message?: string;
}

/**
 * Throws a TypeError for what cannot be encoded, and for a quantity that is none: one such event
 * must not break the stream for the others. Whatever else is wrong, the server says.
 */
export function toEvent(usage: Usage, orgId: string, eventId: string): UsageEvent {
  return {
    orgId: usage.orgId === undefined ? orgId : text(usage.orgId, 'orgId'),
    eventId: text(eventId, 'eventId'),
    meter: text(usage.meter, 'meter'),
    amount: toAmount(usage),
    eventTime: usage.eventTime === undefined ? undefined : toTimestamp(usage.eventTime.getTime()),
    dimensions: toLabels(usage.dimensions),
  };
}

export function toItem(item: Item): QuotaItem {
  const { level, dimensions } = item;
  const meter = text(item.meter, 'meter');
  const amount: QuotaItem['amount'] =
    level === undefined ? toAmount(item) : { $case: 'level', value: quantityText(level, 'level') };
  return { meter, amount, dimensions: toLabels(dimensions) };
}

export function toTimestamp(timeMs: EpochMs): Timestamp {
  if (Number.isNaN(timeMs)) throw new TypeError('eventTime must be a valid Date');
  const wholeMs = Math.floor(timeMs);
  const seconds = Math.floor(wholeMs / 1000);
  return { seconds: BigInt(seconds), nanos: (wholeMs - seconds * 1000) * 1_000_000 };
}

export function fromTimestamp({ seconds, nanos }: Timestamp): Date {
  return new Date(Number(seconds) * 1000 + nanos / 1_000_000);
}

export function fromResult(result: EventResult): Recorded {
  const { outcome, eventId, quantity, reason, message } = result;
  return {
    outcome: outcomeName(outcome),
    eventId,
    degraded: false,
    ...(quantity === '' ? {} : { quantity }),
    ...(reason === Reason.REASON_UNSPECIFIED ? {} : { reason: reasonName(reason) }),
    ...(message === '' ? {} : { message }),
  };
}

export function isCounted({ outcome }: Pick<Recorded, 'outcome'>): boolean {
  return outcome === 'RECORDED' || outcome === 'DUPLICATE';
}

/** One that this version does not know reads UNSPECIFIED: not known to be counted. */
export function outcomeName(outcome: Outcome): OutcomeName {
  return (nameIn(Outcome, outcome) ?? 'OUTCOME_UNSPECIFIED').slice(8) as OutcomeName;
}

export function reasonName(reason: Reason): ReasonName {
  return (nameIn(Reason, reason) ?? 'REASON_UNSPECIFIED').slice(7) as ReasonName;
}

function nameIn(values: Readonly<Record<string, number>>, value: number): string | undefined {
  for (const name in values) if (values[name] === value && value >= 0) return name;
  return undefined;
}

function toAmount({ quantity, run }: Amount): UsageEvent['amount'] {
  if (quantity !== undefined) {
    if (run !== undefined) throw new TypeError('quantity and run exclude each other');
    return { $case: 'quantity', value: text(quantityText(quantity, 'quantity'), 'quantity') };
  }
  if (run === undefined) return undefined;
  const value: RunMeasurement = {
    cpuSeconds: double(run.cpuSeconds, 'run.cpuSeconds'),
    gpuSeconds: double(run.gpuSeconds, 'run.gpuSeconds'),
    latencyMs: double(run.latencyMs, 'run.latencyMs'),
  };
  return { $case: 'run', value };
}

/** Above what the contract takes; so that no event is too large for a message of many. */
const TEXT_CHARS_MAX = 1024;
const LABELS_MAX = 64;

const NO_LABELS: ReadonlyMap<string, string> = new Map();

function toLabels(dimensions: Dimensions | undefined): Map<string, string> {
  // The generated code only reads it.
  if (dimensions === undefined) return NO_LABELS as Map<string, string>;
  const keys = Object.keys(dimensions);
  if (keys.length > LABELS_MAX) throw new TypeError(`dimensions has more than ${LABELS_MAX} keys`);
  const labels = new Map<string, string>();
  for (const key of keys) labels.set(text(key, 'dimensions'), text(dimensions[key], 'dimensions'));
  return labels;
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string') throw new TypeError(`${field} must be text; got ${String(value)}`);
  if (value.length <= TEXT_CHARS_MAX) return value;
  throw new TypeError(`${field} is longer than ${TEXT_CHARS_MAX} characters`);
}

function double(value: unknown, field: string): number | undefined {
  if (value === undefined || typeof value === 'number') return value;
  throw new TypeError(`${field} must be a number; got ${String(value)}`);
}
