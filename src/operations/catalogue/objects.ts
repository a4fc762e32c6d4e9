// Every object of the catalogue as it stands, for checks between objects. Read from the state and
// not from the ledger, in the very step that commits: what is found here holds until then.

import type {
  Head,
  MeterDocument,
  PlanDocument,
  PriceListDocument,
  SettingsDocument,
} from '../../domain/plans/document.js';
import type { Meters } from '../../seed/checks.js';
import { knownTo } from '../../state/import-writes.js';
import type { Records } from '../../state/records.js';
import { type Core, catalogueOf } from '../core.js';

export type Heads<T> = ReadonlyMap<string, Head<T>>;

export interface CatalogueObjects {
  readonly meters: Heads<MeterDocument>;
  readonly priceLists: Heads<PriceListDocument>;
  readonly plans: Heads<PlanDocument>;
  readonly settings: SettingsDocument;
}

export function objectsOf(core: Core): CatalogueObjects {
  const { records } = core.fold;
  return {
    meters: heads(records, 'meter'),
    priceLists: heads(records, 'price_list'),
    plans: heads(records, 'plan'),
    settings: catalogueOf(core).settings,
  };
}

function heads<T>(records: Records, kind: string): Heads<T> {
  return new Map(
    knownTo(records)
      .list<Head<T>>(kind)
      .map(({ id, value }) => [id, value]),
  );
}

/** Those that prices and rules may name. */
export function usableMeters({ meters }: CatalogueObjects): Meters {
  const usable = [...meters].filter(([, { archived }]) => !archived);
  return {
    names: new Set(usable.map(([key]) => key)),
    read: new Map(usable.map(([key, { document }]) => [key, document])),
  };
}

export function inUse<T>(all: Heads<T>): readonly T[] {
  return [...all.values()].flatMap(({ archived, document }) => (archived ? [] : [document]));
}
