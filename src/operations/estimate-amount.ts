// The marginal amount of an event: what the running period costs with it less what it costs
// without, unrounded.

import { type Decimal, multiply, subtract, ZERO } from '../base/decimal.js';
import type { EpochMs, Quanta } from '../base/units.js';
import { cellValue, emptyCell, mergeCell } from '../domain/metering/cell.js';
import { type Dimensions, matches } from '../domain/metering/dimensions.js';
import type { Meter } from '../domain/metering/meter.js';
import type { Plan } from '../domain/plans/catalogue.js';
import { ratePerUnit } from '../domain/pricing/per-unit.js';
import { type Price, priceFor, versionAt } from '../domain/pricing/price.js';
import type { Account } from '../state/account.js';
import { labelsOf, readCells } from '../state/totals.js';
import type { Core } from './core.js';

const NO_PRICES: readonly Price[] = [];

/** `quanta` is not in the totals yet. */
export function estimateAmount(
  core: Core,
  account: Account | undefined,
  plan: Plan,
  meter: Meter,
  dimensions: Dimensions,
  quanta: Quanta,
  atMs: EpochMs,
): Decimal {
  const price = priceFor(plan.prices.get(meter.key) ?? NO_PRICES, dimensions, atMs);
  if (price === undefined) return unpriced(meter, quanta);
  const version = versionAt(price, atMs);
  if (version === undefined) return ZERO;
  const before =
    version.included === 0n || account === undefined
      ? 0n
      : usedUnder(core, account, meter, price, plan, atMs);
  const scale = meter.scale;
  return subtract(
    ratePerUnit(version, before + quanta, scale),
    ratePerUnit(version, before, scale),
  );
}

export function unpriced(meter: Meter, quanta: Quanta): Decimal {
  if (meter.unpriced.kind !== 'default') return ZERO;
  return multiply(meter.unpriced.amount, { units: quanta, scale: meter.scale });
}

/** What the running month already has under the same price: only asked where some is included. */
function usedUnder(
  core: Core,
  account: Account,
  meter: Meter,
  price: Price,
  plan: Plan,
  atMs: EpochMs,
): Quanta {
  const { startMs, endMs } = core.monthAt(atMs);
  const prices = plan.prices.get(meter.key) ?? NO_PRICES;
  const sum = emptyCell();
  const cells = readCells(core.fold, account, meter.key, meter.aggregation, startMs, endMs);
  for (const [id, cell] of cells) {
    const labels = new Map(labelsOf(core.fold, account, meter.key, id));
    if (!matches(price.match, labels) || priceFor(prices, labels, atMs) !== price) continue;
    mergeCell(sum, cell, meter.aggregation);
  }
  return cellValue(sum, meter.aggregation);
}
