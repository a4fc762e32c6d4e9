// CatalogService: what each RPC needs, and which operation it is.

import type { CatalogServiceService } from '../../generated/ts/tollgate/v1/catalog_service.js';
import type { Permission } from '../domain/access/roles.js';
import {
  archiveMeter,
  createMeter,
  getMeter,
  listMeters,
  updateMeter,
} from '../operations/catalogue/meters.js';
import { archivePlan, createPlan, updatePlan } from '../operations/catalogue/plans.js';
import {
  archivePriceList,
  createPriceList,
  getPriceList,
  listPriceLists,
  updatePriceList,
} from '../operations/catalogue/price-lists.js';
import { getPlan, listPlans, listPlanVersions } from '../operations/catalogue/read-plans.js';
import { getCatalogSettings, updateCatalogSettings } from '../operations/catalogue/settings.js';
import { ANY_ORG, NO_ORG, orgIn, type Rpc, type RpcTable } from './rpc.js';

const READ = shared('billing.read');
const CHANGE = shared('billing.admin');

export const catalog: RpcTable<CatalogServiceService> = {
  createMeter: { ...CHANGE, run: createMeter },
  getMeter: { ...READ, run: getMeter },
  listMeters: { ...READ, run: listMeters },
  updateMeter: { ...CHANGE, run: updateMeter },
  archiveMeter: { ...CHANGE, run: archiveMeter },
  createPriceList: { ...CHANGE, run: createPriceList },
  getPriceList: { ...READ, run: getPriceList },
  listPriceLists: { ...READ, run: listPriceLists },
  updatePriceList: { ...CHANGE, run: updatePriceList },
  archivePriceList: { ...CHANGE, run: archivePriceList },
  createPlan: { ...CHANGE, org: orgIn('plan', 'every'), run: createPlan },
  getPlan: { ...READ, run: getPlan },
  listPlans: { ...READ, org: ANY_ORG, run: listPlans },
  listPlanVersions: { ...READ, run: listPlanVersions },
  updatePlan: { ...CHANGE, run: updatePlan },
  archivePlan: { ...CHANGE, run: archivePlan },
  getCatalogSettings: { ...READ, run: getCatalogSettings },
  updateCatalogSettings: { ...CHANGE, run: updateCatalogSettings },
};

function shared(needs: Permission) {
  return { kind: 'administration', needs, org: NO_ORG } satisfies Partial<Rpc<never, never>>;
}
