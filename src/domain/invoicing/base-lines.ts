// Base price and seats of a subscription, billed in advance.

import type { Fraction } from '../../base/fraction.js';
import { fractionOf, multiplyFractions, ratioOf, WHOLE } from '../../base/fraction.js';
import type { Interval } from '../metering/calendar.js';
import type { PlanDocument } from '../plans/document.js';
import { decimal } from '../plans/validated.js';
import { toMinor } from '../pricing/money.js';
import type { LineDocument, LineKind } from './document.js';
import { periodName } from './period-name.js';

/** What is charged for a stretch of service. */
export interface BaseCharge {
  readonly plan: PlanDocument;
  /** All of them, those that the plan includes among them. */
  readonly seats: number;
  /** The stretch, and the base period that it is, or is a part of. */
  readonly service: Interval;
  readonly whole: Interval;
  readonly zone: string;
  /** Of the subscription's charges, from 1. */
  readonly number: number;
}

/** Seats beyond the included ones. */
export function chargedSeats({ included_seats = 0 }: PlanDocument, seats: number): number {
  return Math.max(0, seats - included_seats);
}

/** Per whole base period, in the plan's currency. */
export function basePrice(plan: PlanDocument, seats: number): Fraction {
  const base = fractionOf(decimal(plan.base_price ?? '0'));
  const seat = fractionOf(decimal(plan.seat_price ?? '0'));
  const seatsPrice = multiplyFractions(seat, ratioOf(BigInt(chargedSeats(plan, seats)), 1n));
  return {
    numerator: base.numerator * seatsPrice.denominator + seatsPrice.numerator * base.denominator,
    denominator: base.denominator * seatsPrice.denominator,
  };
}

/** The part of the whole, by seconds. */
export function shareOf(part: Interval, whole: Interval): Fraction {
  const own = BigInt(part.endMs - part.startMs);
  const all = BigInt(whole.endMs - whole.startMs);
  return own >= all ? WHOLE : ratioOf(own, all);
}

/** The `key` of the lines of a charge. */
export function chargeKey(number: number): string {
  return `charge ${number}`;
}

export function baseLines(charge: BaseCharge): readonly LineDocument[] {
  const { plan, seats, service, whole } = charge;
  const share = shareOf(service, whole);
  const lines: LineDocument[] = [];
  const base = toMinor(
    multiplyFractions(fractionOf(decimal(plan.base_price ?? '0')), share),
    plan.currency,
  );
  if (base !== 0n) lines.push(lineOf(charge, 'PLAN_BASE', plan.name, '', base));
  const extra = chargedSeats(plan, seats);
  const price = multiplyFractions(fractionOf(decimal(plan.seat_price ?? '0')), share);
  const each = multiplyFractions(price, ratioOf(BigInt(extra), 1n));
  const amount = toMinor(each, plan.currency);
  if (amount !== 0n) lines.push(lineOf(charge, 'SEAT', `${plan.name}: seats`, `${extra}`, amount));
  return lines;
}

/** `text` comes before the name of the stretch. */
export function lineOf(
  { plan, service, zone, number }: BaseCharge,
  kind: LineKind,
  text: string,
  quantity: string,
  amount: bigint,
): LineDocument {
  const isSeat = quantity !== '';
  return {
    kind,
    key: chargeKey(number),
    description: `${text}, ${periodName(service, zone)}`,
    meter: '',
    unit: isSeat ? 'seat' : '',
    quantity,
    price: isSeat
      ? {
          kind: 'per_unit',
          unit_price: plan.seat_price ?? '0',
          per: '1',
          tiers: [],
          effective_from_ms: null,
        }
      : null,
    dimensions: {},
    amount: `${amount}`,
    start_ms: service.startMs,
    end_ms: service.endMs,
    first_sequence: 0,
    last_sequence: 0,
    events: 0,
    hash: '',
    unpriced: false,
    reason: '',
    original_invoice_id: '',
  };
}
