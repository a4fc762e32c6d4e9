// A changed catalogue is a fact like any other: journaled whole, before anything is decided by it.

import { Failure } from '../base/failure.js';
import type { CatalogueDocument } from '../domain/plans/document.js';
import { keys } from '../state/tables.js';
import { type Core, commit } from './core.js';

/** Resolves with whether it was another one, when it is durable. */
export async function changeCatalogue(core: Core, next: CatalogueDocument): Promise<boolean> {
  const document = JSON.stringify(next);
  const note = core.fold.tables.notes.get(keys.catalogue);
  if (note?.text === document) return false;
  refuseChangedMeters(core, next);
  const version = (note?.version ?? 0) + 1;
  commit(core, { kind: 'catalogue', atMs: core.clock.wallMs(), version, document });
  await core.journal.drain();
  return true;
}

/**
 * What was counted is kept in quanta of the meter: another scale would change its meaning, also
 * where a catalogue in between did not have the meter.
 */
function refuseChangedMeters(core: Core, next: CatalogueDocument): void {
  for (const { key, scale, aggregation } of next.meters) {
    const known = core.fold.meterKind(key);
    if (known === undefined) continue;
    if (known.scale === scale && known.aggregation === aggregation) continue;
    throw new Failure(
      'CATALOGUE_INCOMPATIBLE',
      `catalogue: meter "${key}" was ${known.aggregation} of scale ${known.scale} and cannot ` +
        `become ${aggregation} of scale ${scale}: use a new meter`,
    );
  }
}
