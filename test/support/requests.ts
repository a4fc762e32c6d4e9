// Requests as tests write them: only what matters, the rest is the default of the wire.

import type { Metadata } from '@grpc/grpc-js';
import type { Duration } from '../../generated/ts/google/protobuf/duration.js';
import type { Timestamp } from '../../generated/ts/google/protobuf/timestamp.js';
import type { MeteringServiceService } from '../../generated/ts/tollgate/v1/metering_service.js';
import type { QuotaItem } from '../../generated/ts/tollgate/v1/quota.js';
import type { RunMeasurement, UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { call, type Running, type UnaryName } from './service.js';

type Definition = typeof MeteringServiceService;
export type Request<Name extends UnaryName> = Parameters<Definition[Name]['requestSerialize']>[0];
export type Reply<Name extends UnaryName> = ReturnType<Definition[Name]['responseDeserialize']>;

export const DEFAULTS: { readonly [Name in UnaryName]: Request<Name> } = {
  record: { event: undefined, durability: 0, enforceQuota: false, validateOnly: false },
  recordBatch: { orgId: '', events: [], atomic: false, durability: 0, enforceQuota: false },
  checkQuota: { orgId: '', items: [] },
  reserve: { orgId: '', reservationId: '', items: [], ttl: undefined, allowPartial: false },
  settle: { orgId: '', reservationId: '', events: [], durability: 0 },
  release: { orgId: '', reservationId: '' },
  extendReservation: { orgId: '', reservationId: '', ttl: undefined },
  getReservation: { orgId: '', reservationId: '' },
  listReservations: { orgId: '', state: 0, pageSize: 0, pageToken: '' },
  estimateUsage: { orgId: '', items: [] },
  getUsage: {
    orgId: '',
    meters: [],
    period: '',
    startTime: undefined,
    endTime: undefined,
    groupBy: [],
    window: 0,
    timeZone: '',
  },
  listUsageEvents: {
    orgId: '',
    startTime: undefined,
    endTime: undefined,
    meter: '',
    dimensionFilters: [],
    pageSize: 0,
    pageToken: '',
  },
  getInvoice: { orgId: '', invoiceId: '', period: '', periodStart: undefined, linePageToken: '' },
};

/** One call; what is not given is absent. Rejects with the ServiceError. */
export function ask<Name extends UnaryName>(
  running: Pick<Running, 'client'>,
  name: Name,
  given: Partial<Request<Name>>,
  metadata?: Metadata,
): Promise<Reply<Name>> {
  return call(running.client, name, { ...DEFAULTS[name], ...given }, metadata);
}

type Labels = Readonly<Record<string, string>> | readonly (readonly [string, string])[];

export interface GivenEvent {
  readonly orgId?: string;
  readonly eventId?: string;
  readonly meter?: string;
  readonly quantity?: string;
  readonly run?: Partial<RunMeasurement>;
  /** RFC 3339. */
  readonly at?: string | Timestamp;
  readonly dimensions?: Labels;
}

export function event(given: GivenEvent): UsageEvent {
  return {
    orgId: given.orgId ?? '',
    eventId: given.eventId ?? '',
    meter: given.meter ?? 'tokens',
    amount: amountOf(given),
    eventTime: typeof given.at === 'string' ? time(given.at) : given.at,
    dimensions: labels(given.dimensions),
  };
}

/** An item to check, hold or estimate; no amount: the least. */
export function item(
  meter: string,
  given: Pick<GivenEvent, 'quantity' | 'run' | 'dimensions'> & { readonly level?: string } = {},
): QuotaItem {
  const level =
    given.level === undefined ? undefined : { $case: 'level' as const, value: given.level };
  return { meter, amount: level ?? amountOf(given), dimensions: labels(given.dimensions) };
}

function amountOf({ quantity, run }: Pick<GivenEvent, 'quantity' | 'run'>): UsageEvent['amount'] {
  if (run !== undefined) return { $case: 'run', value: run };
  if (quantity !== undefined) return { $case: 'quantity', value: quantity };
  return undefined;
}

export function labels(given: Labels = {}): Map<string, string> {
  return new Map(Array.isArray(given) ? given : Object.entries(given));
}

export function time(text: string | number): Timestamp {
  const ms = typeof text === 'number' ? text : Date.parse(text);
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * 1_000_000 };
}

export function duration(seconds: number | bigint, nanos = 0): Duration {
  return { seconds: BigInt(seconds), nanos };
}

/** "2026-11-20T12:00:00.000Z", or undefined where the timestamp is absent. */
export function iso(timestamp: Timestamp | undefined): string | undefined {
  if (timestamp === undefined) return undefined;
  const ms = Number(timestamp.seconds) * 1000 + timestamp.nanos / 1_000_000;
  return new Date(ms).toISOString();
}

/** OUTCOME_RECORDED is "RECORDED": the name of a number in one of the generated enums. */
export function nameIn(values: Readonly<Record<string, number>>, value: number): string {
  const names = Object.keys(values);
  const prefix = names.find((name) => name.endsWith('_UNSPECIFIED'))?.slice(0, -11) ?? '';
  return names.find((name) => values[name] === value)?.slice(prefix.length) ?? `${value}`;
}
