// Where a usage period stands under its prices. Read from the totals once per period and price,
// then moved along with every event, so that an estimate under tiers costs what one without does.
// Remembered at the meter's account; an event that came by another way makes it be read anew.
// The totals answer on their 15-minute grid: a period that begins within a quarter of an hour has
// all of that quarter here, and its invoice only its own part.

import type { Quanta } from '../base/units.js';
import { maxQuanta } from '../base/units.js';
import { cellValue, emptyCell, mergeCell } from '../domain/metering/cell.js';
import type { Dimensions } from '../domain/metering/dimensions.js';
import type { Aggregation, Meter } from '../domain/metering/meter.js';
import { type Price, priceFor } from '../domain/pricing/price.js';
import type { Account, Position, Positions } from '../state/account.js';
import { labelsOf, onGridBefore, readCells, readLevels } from '../state/totals.js';
import type { Core } from './core.js';
import type { RatedPeriod } from './rules.js';

/** What usage is added up under: a price, or, without one, a label set of its own. */
export type Place = Price | string;

/** The place that usage with these labels is billed under. */
export type PlaceOf = (labels: Dimensions) => Place;

export function placesOf(meter: Meter, prices: readonly Price[], pricedMs: number): PlaceOf {
  return (labels) => priceFor(prices, labels, pricedMs) ?? unpricedPlace(meter, labels);
}

/** The invoice shows unpriced usage by label set. */
function unpricedPlace(meter: Meter, dimensions: Dimensions): string {
  const labels = meter.rollupKeys.map((key) => [key, dimensions.get(key) ?? '']);
  return `${meter.key}\u0003${JSON.stringify(labels)}`;
}

/** A copy that may be moved. */
export function copyOf({ quanta, events, values }: Position): MovedPosition {
  return { quanta, events, values, added: undefined };
}

export interface MovedPosition extends Position {
  /** UNIQUE: values that are not in `values` yet. */
  added: Set<string> | undefined;
}

export function move(
  position: MovedPosition,
  aggregation: Aggregation,
  quanta: Quanta,
  subject: string,
): void {
  position.events++;
  switch (aggregation) {
    case 'SUM':
    case 'COUNT':
    case 'LAST':
      position.quanta += quanta;
      return;
    case 'MAX':
      position.quanta = maxQuanta(position.quanta, quanta);
      return;
    case 'UNIQUE':
      if (position.values.has(subject) || position.added?.has(subject)) return;
      position.quanta += 1n;
      position.added ??= new Set();
      position.added.add(subject);
  }
}

/** As the totals have it. Not to be changed. */
export function positionOf(
  core: Core,
  account: Account | undefined,
  meter: Meter,
  period: RatedPeriod,
  place: Place,
  placeOf: PlaceOf,
): Position {
  if (account === undefined) return { quanta: 0n, events: 0, values: new Set() };
  const places = remembered(core, account, meter, period)?.places;
  const known = places?.get(place);
  if (known !== undefined) return known;
  const position = readPosition(
    core,
    account,
    meter,
    period,
    (labels) => placeOf(labels) === place,
  );
  places?.set(place, position);
  return position;
}

/** Those of the latest period that was asked for. */
function remembered(
  core: Core,
  account: Account,
  meter: Meter,
  { plan, startMs }: RatedPeriod,
): Positions | undefined {
  const at = core.fold.meterAccount(account, meter.key);
  const { positions, changes } = at;
  if (positions !== undefined && positions.startMs > startMs) return undefined;
  const isSame = positions?.startMs === startMs && positions.plan === plan;
  if (isSame && positions.changes === changes) return positions;
  at.positions = { plan, startMs, changes, places: new Map() };
  return at.positions;
}

/** One event was recorded since `moved` were copied, and these are where it led. */
export function keepPositions(
  core: Core,
  account: Account,
  meter: Meter,
  { plan, startMs }: RatedPeriod,
  moved: ReadonlyMap<Place, MovedPosition> | undefined,
): void {
  const { positions, changes } = core.fold.meterAccount(account, meter.key);
  if (positions === undefined || positions.changes + 1 !== changes) return;
  if (positions.plan !== plan || positions.startMs !== startMs) return;
  positions.changes = changes;
  for (const [place, { quanta, events, added }] of moved ?? []) {
    const position = positions.places.get(place);
    if (position === undefined) continue;
    position.quanta = quanta;
    position.events = events;
    for (const value of added ?? []) position.values.add(value);
  }
}

function readPosition(
  core: Core,
  account: Account,
  { key, aggregation }: Meter,
  period: RatedPeriod,
  covers: (labels: Dimensions) => boolean,
): Position {
  const startMs = onGridBefore(period.startMs);
  const endMs = onGridBefore(period.endMs);
  const position = { quanta: 0n, events: 0, values: new Set<string>() };
  if (aggregation === 'LAST') {
    for (const { labelSet, quanta } of readLevels(core.fold, account, key, endMs).values()) {
      if (covers(new Map(labelsOf(core.fold, account, key, labelSet)))) position.quanta += quanta;
    }
    return position;
  }
  const sum = emptyCell();
  for (const [id, cell] of readCells(core.fold, account, key, aggregation, startMs, endMs)) {
    if (covers(new Map(labelsOf(core.fold, account, key, id)))) mergeCell(sum, cell, aggregation);
  }
  for (const value of sum.values?.keys() ?? []) position.values.add(value);
  position.quanta = cellValue(sum, aggregation);
  position.events = sum.count;
  return position;
}
