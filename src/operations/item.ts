// A quota item: a meter, labels and an amount that is asked about, not used yet.

import type { QuotaItem } from '../../generated/ts/tollgate/v1/quota.js';
import type { Quanta } from '../base/units.js';
import { type Dimensions, valuesOf } from '../domain/metering/dimensions.js';
import type { Meter } from '../domain/metering/meter.js';
import type { Catalogue } from '../domain/plans/catalogue.js';
import type { Intended } from './estimate-amount.js';
import { type Amount, amountTextOf, parseAmount } from './event.js';
import { canonicalQuantity, checkDimensions, checkMeter, type Faults } from './parse.js';
import { lacksDimension, measure } from './quantity.js';
import { Refusal } from './refusal.js';

export interface ParsedItem {
  readonly meter: string;
  readonly amount: Amount;
  /** LAST, MAX: the amount is the level itself. */
  readonly isLevel: boolean;
  readonly amountText: string;
  readonly dimensions: Dimensions;
  readonly field: string;
}

export interface MeasuredItem {
  readonly item: ParsedItem;
  readonly meter: Meter;
  readonly quanta: Quanta;
  /** LAST: `quanta` changes the level. */
  readonly isDelta: boolean;
  readonly subject: string;
  /** Of money: the item that spends it. */
  readonly spentBy?: MeasuredItem;
}

export function parseItem(item: QuotaItem, field: string, faults: Faults): ParsedItem | undefined {
  const before = faults.list.length;
  checkMeter(item.meter, `${field}.meter`, faults);
  checkDimensions(item.dimensions, `${field}.dimensions`, faults);
  const isLevel = item.amount?.$case === 'level';
  const amount = parseItemAmount(item.amount, field, faults);
  if (amount === undefined || faults.list.length > before) return undefined;
  const { meter, dimensions } = item;
  const amountText = `${isLevel ? '=' : ''}${amountTextOf(amount)}`;
  return { meter, amount, isLevel, amountText, dimensions, field };
}

function parseItemAmount(
  amount: QuotaItem['amount'],
  field: string,
  faults: Faults,
): Amount | undefined {
  if (amount?.$case !== 'level') return parseAmount(amount, field, faults);
  const text = canonicalQuantity(amount.value, `${field}.level`, faults);
  return text === undefined ? undefined : { kind: 'quantity', text };
}

/** Throws NOT_FOUND for an unknown meter; other faults are added. */
export function measureItem(
  item: ParsedItem,
  catalogue: Catalogue,
  faults: Faults,
): MeasuredItem | undefined {
  const meter = catalogue.meters.get(item.meter);
  if (meter === undefined) {
    const text = `${item.field}: meter "${item.meter}" is not in the catalogue`;
    throw new Refusal('NOT_FOUND', 'METER_UNKNOWN', text);
  }
  const { aggregation } = meter;
  if (item.isLevel && aggregation !== 'LAST' && aggregation !== 'MAX') {
    faults.add(`${item.field}.level`, `meter ${meter.key} has no level: send a quantity`);
    return undefined;
  }
  const { amount, dimensions, field } = item;
  const { runUnits } = catalogue;
  const isDelta = aggregation === 'LAST' && !item.isLevel;
  const subject =
    aggregation === 'UNIQUE'
      ? (dimensions.get(meter.dimension) ?? '')
      : aggregation === 'LAST'
        ? valuesOf(meter.sourceKeys, dimensions)
        : '';
  if (amount.kind === 'none') {
    if (lacksDimension(meter, dimensions, field, faults)) return undefined;
    const present = aggregation === 'MAX';
    return { item, meter, quanta: smallest(meter), isDelta: isDelta || present, subject };
  }
  const name = item.isLevel ? 'level' : 'quantity';
  const measured = measure(amount, meter, dimensions, runUnits, field, faults, name);
  return measured && { item, meter, quanta: measured.quanta, isDelta, subject };
}

export function intendedOf({ item, meter, quanta, isDelta, subject }: MeasuredItem): Intended {
  return { meter, dimensions: item.dimensions, quanta, isDelta, subject, timeMs: undefined };
}

/** No amount: one quantum (SUM, LAST), one event (COUNT, UNIQUE), the present value (MAX). */
function smallest(meter: Meter): Quanta {
  return meter.aggregation === 'MAX' ? 0n : 1n;
}
