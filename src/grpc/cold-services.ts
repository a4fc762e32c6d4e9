// The administrative services: which operation serves which RPC. Nothing else happens here.

import type { handleUnaryCall, Server } from '@grpc/grpc-js';
import {
  type CatalogServiceServer,
  CatalogServiceService,
} from '../../generated/ts/tollgate/v1/catalog_service.js';
import {
  type OrganizationServiceServer,
  OrganizationServiceService,
} from '../../generated/ts/tollgate/v1/organization_service.js';
import { getEffectiveQuotas } from '../operations/catalogue/effective-quotas.js';
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
import {
  deleteQuotaOverride,
  listQuotaOverrides,
  putQuotaOverride,
} from '../operations/catalogue/quota-overrides.js';
import { getPlan, listPlans, listPlanVersions } from '../operations/catalogue/read-plans.js';
import { getCatalogSettings, updateCatalogSettings } from '../operations/catalogue/settings.js';
import {
  createOrganization,
  getOrganization,
  listOrganizations,
  resumeOrganization,
  suspendOrganization,
  updateOrganization,
} from '../operations/organizations.js';
import { type Edge, type SlowOperation, slowUnary } from './unary.js';

/** What their calls are counted under, all together: eighty methods would be too many series. */
export const COUNTED = 'Administration';

export function addColdServices(server: Server, edge: Edge): void {
  const serve: Serve = (method, operation) => slowUnary(edge, method, operation, COUNTED);
  server.addService(OrganizationServiceService, organizations(serve));
  server.addService(CatalogServiceService, catalog(serve));
}

export type Serve = <Request, Reply>(
  method: string,
  operation: SlowOperation<Request, Reply>,
) => handleUnaryCall<Request, Reply>;

function organizations(serve: Serve): OrganizationServiceServer {
  return {
    createOrganization: serve('CreateOrganization', createOrganization),
    getOrganization: serve('GetOrganization', getOrganization),
    listOrganizations: serve('ListOrganizations', listOrganizations),
    updateOrganization: serve('UpdateOrganization', updateOrganization),
    suspendOrganization: serve('SuspendOrganization', suspendOrganization),
    resumeOrganization: serve('ResumeOrganization', resumeOrganization),
  };
}

function catalog(serve: Serve): CatalogServiceServer {
  return {
    createMeter: serve('CreateMeter', createMeter),
    getMeter: serve('GetMeter', getMeter),
    listMeters: serve('ListMeters', listMeters),
    updateMeter: serve('UpdateMeter', updateMeter),
    archiveMeter: serve('ArchiveMeter', archiveMeter),
    createPriceList: serve('CreatePriceList', createPriceList),
    getPriceList: serve('GetPriceList', getPriceList),
    listPriceLists: serve('ListPriceLists', listPriceLists),
    updatePriceList: serve('UpdatePriceList', updatePriceList),
    archivePriceList: serve('ArchivePriceList', archivePriceList),
    createPlan: serve('CreatePlan', createPlan),
    getPlan: serve('GetPlan', getPlan),
    listPlans: serve('ListPlans', listPlans),
    listPlanVersions: serve('ListPlanVersions', listPlanVersions),
    updatePlan: serve('UpdatePlan', updatePlan),
    archivePlan: serve('ArchivePlan', archivePlan),
    getCatalogSettings: serve('GetCatalogSettings', getCatalogSettings),
    updateCatalogSettings: serve('UpdateCatalogSettings', updateCatalogSettings),
  };
}

/** The part of SubscriptionService that is about quotas. */
export function quotaCalls(serve: Serve) {
  return {
    getEffectiveQuotas: serve('GetEffectiveQuotas', getEffectiveQuotas),
    putQuotaOverride: serve('PutQuotaOverride', putQuotaOverride),
    listQuotaOverrides: serve('ListQuotaOverrides', listQuotaOverrides),
    deleteQuotaOverride: serve('DeleteQuotaOverride', deleteQuotaOverride),
  };
}
