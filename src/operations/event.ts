// A usage event as it was sent, parsed. Identity is (organisation, event id); the fingerprint
// covers meter, canonical amount as sent and labels, never the time: a retry that stamps "now" is
// the same event.

import type { UsageEvent } from '../../generated/ts/tollgate/v1/usage_event.js';
import { hash32 } from '../base/hash.js';
import type { EpochMs } from '../base/units.js';
import { type Dimensions, dimensionsText } from '../domain/metering/dimensions.js';
import { type Run, runText } from '../domain/metering/run-units.js';
import {
  canonicalQuantity,
  checkDimensions,
  checkEventId,
  checkMeter,
  checkOrgId,
  type Faults,
  parseRun,
  parseTime,
} from './parse.js';

export type Amount =
  | { readonly kind: 'none' }
  | { readonly kind: 'quantity'; readonly text: string }
  | { readonly kind: 'run'; readonly run: Run };

export interface ParsedEvent {
  readonly orgId: string;
  /** '' where the server makes one. */
  readonly eventId: string;
  readonly meter: string;
  readonly amount: Amount;
  /** What was sent, canonical; '' for none. */
  readonly amountText: string;
  readonly eventTimeMs: EpochMs | undefined;
  readonly dimensions: Dimensions;
  readonly fingerprint: number;
  /** Path of the event in its request, for faults found later. */
  readonly field: string;
}

const NO_AMOUNT: Amount = { kind: 'none' };

/** Undefined where something is wrong; `faults` then says what. */
export function parseEvent(
  event: UsageEvent,
  field: string,
  faults: Faults,
): ParsedEvent | undefined {
  const before = faults.list.length;
  checkOrgId(event.orgId, `${field}.org_id`, faults);
  if (event.eventId !== '') checkEventId(event.eventId, `${field}.event_id`, faults);
  checkMeter(event.meter, `${field}.meter`, faults);
  const amount = parseAmount(event.amount, field, faults);
  checkDimensions(event.dimensions, `${field}.dimensions`, faults);
  const eventTimeMs = parseTime(event.eventTime, `${field}.event_time`, faults);
  if (amount === undefined || faults.list.length > before) return undefined;
  const amountText = amountTextOf(amount);
  return {
    orgId: event.orgId,
    eventId: event.eventId,
    meter: event.meter,
    amount,
    amountText,
    eventTimeMs,
    dimensions: event.dimensions,
    fingerprint: fingerprintOf(event.meter, amountText, event.dimensions),
    field,
  };
}

export function parseAmount(
  amount: UsageEvent['amount'],
  field: string,
  faults: Faults,
): Amount | undefined {
  if (amount === undefined) return NO_AMOUNT;
  if (amount.$case === 'quantity') {
    const text = canonicalQuantity(amount.value, `${field}.quantity`, faults);
    return text === undefined ? undefined : { kind: 'quantity', text };
  }
  const run = parseRun(amount.value, `${field}.run`, faults);
  return run === undefined ? undefined : { kind: 'run', run };
}

export function amountTextOf(amount: Amount): string {
  switch (amount.kind) {
    case 'none':
      return '';
    case 'quantity':
      return amount.text;
    case 'run':
      return runText(amount.run);
  }
}

/** An absent amount is a quantity of 1. */
export function fingerprintOf(meter: string, amountText: string, dimensions: Dimensions): number {
  return hash32(`${meter}\u0000${amountText || '1'}\u0000${dimensionsText(dimensions)}`);
}
