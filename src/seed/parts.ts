// The objects of a catalogue, each taken whole out of its tree: of a file, or of what a call says.
// What they say about meters is not looked at here but in checks.ts.

import type {
  PlanDocument,
  PriceDocument,
  PriceListDocument,
  QuotaDocument,
} from '../domain/plans/document.js';
import { limits } from '../limits.js';
import { checkDistinct } from './checks.js';
import { planShape, toPlanDocument } from './plan-shape.js';
import { priceShape } from './price-shape.js';
import type { Path, Placed } from './problem.js';
import type { Reader } from './reader.js';
import { priceListShape, quotaShape } from './shapes.js';

/** An object, undefined where its own shape is wrong, and its lists item by item. */
export interface Parts<T> {
  readonly document: T | undefined;
  readonly quotas: readonly Placed<QuotaDocument>[];
  readonly prices: readonly Placed<PriceDocument>[];
}

export function readPlan(reader: Reader, at: Path): Parts<PlanDocument> {
  const fields = reader.part(at, planShape);
  const quotas = readQuotas(reader, [...at, 'quotas']);
  const prices = readPrices(reader, [...at, 'prices']);
  const document = fields && toPlanDocument(fields, valuesOf(quotas), valuesOf(prices));
  return { document, quotas, prices };
}

export function readPriceList(reader: Reader, at: Path): Parts<PriceListDocument> {
  const list = reader.part(at, priceListShape);
  const prices = readPrices(reader, [...at, 'prices']);
  const document = list && { id: list.id, currency: list.currency, prices: valuesOf(prices) };
  return { document, quotas: [], prices };
}

export function readQuotas(reader: Reader, at: Path): readonly Placed<QuotaDocument>[] {
  const items = boundedItems(reader, at, limits.quotasPerPlan);
  const quotas = items.flatMap((item) => reader.placed(item, quotaShape));
  checkDistinct(reader.texts(items, 'key'), 'this key', reader.report);
  return quotas;
}

export function valuesOf<T>(placed: readonly Placed<T>[]): readonly T[] {
  return placed.map(({ value }) => value);
}

function readPrices(reader: Reader, at: Path): readonly Placed<PriceDocument>[] {
  const items = boundedItems(reader, at, limits.pricesPerList);
  return items.flatMap((item) => reader.placed(item, priceShape));
}

/** None where there are too many: then one problem says it all. */
export function boundedItems(reader: Reader, at: Path, itemsMax: number): readonly Path[] {
  const items = reader.items(at);
  if (items.length <= itemsMax) return items;
  reader.report(at, `must have at most ${itemsMax} items`);
  return [];
}
