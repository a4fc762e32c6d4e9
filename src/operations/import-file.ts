// The catalogue of the configuration file is a seed: imported at each start, and where nothing in
// it changed, nothing changes. What is imported is one transaction, journaled before anything is
// decided by it.

import { Failure } from '../base/failure.js';
import type {
  CatalogueDocument,
  Head,
  MeterDocument,
  PriceListDocument,
} from '../domain/plans/document.js';
import { importCatalogue } from '../domain/plans/import-catalogue.js';
import type { Change } from '../ledger/ledger.js';
import { knownTo } from '../state/import-writes.js';
import { recordsOf } from '../state/records.js';
import type { Core } from './core.js';

export interface Imported {
  /** Whether anything was changed by it. */
  readonly changed: boolean;
  /** `plan "pro"`: a call changed it since, and it stays as it is although the file differs. */
  readonly kept: readonly string[];
}

const ACTOR = 'file';

/** Resolves when the change is durable. */
export async function importFile(core: Core, file: CatalogueDocument): Promise<Imported> {
  for (const meter of file.meters) refuseOtherKind(core, meter);
  for (const list of file.price_lists) refuseSecondList(core, list);
  const { records } = core.fold;
  const atMs = core.clock.wallMs();
  const { changes, kept } = importCatalogue(knownTo(records), file, atMs);
  if (changes.length === 0) return { changed: false, kept };
  const outcome = await core.ledger.commit({
    atMs,
    actor: ACTOR,
    action: 'catalogue.import',
    orgId: '',
    reason: '',
    changes: () =>
      changes.map(({ kind, orgId, id, value }) => {
        const exists = records.get(kind, orgId, id) !== undefined;
        const replaces = exists ? records.version(kind, orgId, id) : 0;
        return { kind, orgId, id, replaces, value } as Change;
      }),
  });
  if (outcome.kind !== 'committed') throw new Failure('IMPORT_FAILED', outcome.kind);
  return { changed: true, kept };
}

/**
 * What was counted is kept in quanta of the meter: another scale would change its meaning, also
 * where a catalogue in between did not have the meter.
 */
function refuseOtherKind(core: Core, { key, scale, aggregation }: MeterDocument): void {
  const known = core.fold.meterKind(key);
  if (known === undefined) return;
  if (known.scale === scale && known.aggregation === aggregation) return;
  throw incompatible(
    `meter "${key}" was ${known.aggregation} of scale ${known.scale} and cannot become ` +
      `${aggregation} of scale ${scale}: use a new meter`,
  );
}

/** A call may have made a list in the currency of one that the file brings in. */
function refuseSecondList(core: Core, { id, currency }: PriceListDocument): void {
  const lists = [...recordsOf<Head<PriceListDocument>>(core.fold.records, 'price_list')];
  const own = lists.find((list) => list.id === id)?.value;
  if (own?.archived && own.source === 'API') return;
  const other = lists.find(({ value }) => {
    const { document, archived, source } = value;
    return document.id !== id && document.currency === currency && !archived && source === 'API';
  });
  if (other === undefined) return;
  throw incompatible(
    `price list "${id}": the list "${other.id}", made by a call, is in ${currency} too, and one ` +
      'currency has one list: archive that one first',
  );
}

function incompatible(text: string): Failure {
  return new Failure('CATALOGUE_INCOMPATIBLE', `catalogue: ${text}`);
}
