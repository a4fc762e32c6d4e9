// A file's catalogue compiled, with what its organisations are on: as the state does it from the
// records that an import of the file writes.

import {
  type Catalogue,
  compileCatalogue,
  compileOverride,
  type OrganisationTerms,
  partsOf,
} from '../../src/domain/plans/catalogue.js';
import type { CatalogueDocument } from '../../src/domain/plans/document.js';
import type { PriceVersion } from '../../src/domain/pricing/price.js';

export interface Compiled extends Catalogue {
  readonly file: CatalogueDocument;
}

export function compiled(file: CatalogueDocument, version = 1): Compiled {
  return { ...compileCatalogue(partsOf(file), version), file };
}

export function termsOf(catalogue: Compiled, orgId: string): OrganisationTerms {
  const own = catalogue.file.organizations.find(({ id }) => id === orgId);
  return {
    plan: catalogue.plan(own?.plan ?? '', 0) ?? catalogue.defaultPlan,
    suspended: own?.suspended ?? false,
    overrides: (own?.quota_overrides ?? []).map((o) => compileOverride(o, catalogue.everyMeter)),
  };
}

export function unitPriceOf(version: PriceVersion | undefined) {
  if (version?.kind !== 'per_unit') throw new Error('a price per unit');
  return version.unitPrice;
}
