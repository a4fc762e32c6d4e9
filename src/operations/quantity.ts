// From an amount as sent to quanta of a meter. This needs the catalogue: scale, aggregation,
// formula.

import { isFault, parseUnits, powerOfTen } from '../base/decimal.js';
import { QUANTA_MAX, type Quanta } from '../base/units.js';
import type { Dimensions } from '../domain/metering/dimensions.js';
import { countsEvents, type Meter } from '../domain/metering/meter.js';
import { type RunUnitTable, runUnits } from '../domain/metering/run-units.js';
import type { Amount } from './event.js';
import type { Faults } from './parse.js';

export interface Measured {
  readonly quanta: Quanta;
  readonly unknownTier: string | undefined;
}

/** Undefined where the amount does not fit the meter; `faults` then says why. */
export function measure(
  amount: Amount,
  meter: Meter,
  dimensions: Dimensions,
  table: RunUnitTable,
  field: string,
  faults: Faults,
  name = 'quantity',
): Measured | undefined {
  if (lacksDimension(meter, dimensions, field, faults)) return undefined;
  switch (amount.kind) {
    case 'none':
      return { quanta: powerOfTen(meter.scale), unknownTier: undefined };
    case 'quantity':
      return measureQuantity(amount.text, meter, `${field}.${name}`, faults);
    case 'run': {
      if (meter.formula !== 'run_units') {
        faults.add(`${field}.run`, `meter ${meter.key} takes a quantity, not a run`);
        return undefined;
      }
      const measured = runUnits(amount.run, dimensions, table);
      if (measured.quanta <= QUANTA_MAX) return measured;
      faults.add(`${field}.run`, 'gives more run units than one event can hold');
      return undefined;
    }
  }
}

/** UNIQUE counts the values of a dimension: without it there is nothing to count. */
export function lacksDimension(
  meter: Meter,
  dimensions: Dimensions,
  field: string,
  faults: Faults,
): boolean {
  if (meter.aggregation !== 'UNIQUE' || dimensions.get(meter.dimension)) return false;
  faults.add(`${field}.dimensions`, `meter ${meter.key} counts values of "${meter.dimension}"`);
  return true;
}

function measureQuantity(
  text: string,
  meter: Meter,
  name: string,
  faults: Faults,
): Measured | undefined {
  const quanta = parseUnits(text, meter.scale);
  if (isFault(quanta)) {
    faults.add(name, `meter ${meter.key} takes at most ${meter.scale} decimals`);
    return undefined;
  }
  if (quanta > QUANTA_MAX) {
    faults.add(name, 'must be at most 2^63 − 1 quanta of the meter');
    return undefined;
  }
  if (countsEvents(meter.aggregation) && quanta !== 1n) {
    faults.add(name, `meter ${meter.key} counts events: leave it out or send "1"`);
    return undefined;
  }
  return { quanta, unknownTier: undefined };
}
