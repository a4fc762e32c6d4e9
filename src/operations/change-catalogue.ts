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
  if (note !== undefined) refuseChangedMeters(JSON.parse(note.text) as CatalogueDocument, next);
  const version = (note?.version ?? 0) + 1;
  commit(core, { kind: 'catalogue', atMs: core.clock.wallMs(), version, document });
  await core.journal.drain();
  return true;
}

/** What was counted is kept in quanta of the meter: another scale would change its meaning. */
function refuseChangedMeters(before: CatalogueDocument, after: CatalogueDocument): void {
  const meters = new Map(before.meters.map((meter) => [meter.key, meter]));
  for (const { key, scale, aggregation } of after.meters) {
    const known = meters.get(key);
    if (known === undefined) continue;
    if (known.scale === scale && known.aggregation === aggregation) continue;
    throw new Failure(
      'CATALOGUE_INCOMPATIBLE',
      `catalogue: meter "${key}" was ${known.aggregation} of scale ${known.scale} and cannot ` +
        `become ${aggregation} of scale ${scale}: use a new meter`,
    );
  }
}
