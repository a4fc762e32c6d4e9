// AdminService: which operation serves which RPC. Reports over everything run one after the other.

import type { Server } from '@grpc/grpc-js';
import {
  type AdminServiceServer,
  AdminServiceService,
} from '../../generated/ts/tollgate/v1/admin_service.js';
import { listActiveOrganizations } from '../operations/admin/active-organizations.js';
import { listFeatureFlags, setFeatureFlag } from '../operations/admin/feature-flags.js';
import { getStatus } from '../operations/admin/get-status.js';
import { listAuditEntries } from '../operations/admin/list-audit-entries.js';
import { getOrganizationRollup } from '../operations/admin/organization-rollup.js';
import { listQuotaPressure } from '../operations/admin/quota-pressure.js';
import { getRevenue } from '../operations/admin/revenue.js';
import { openOneByOne } from '../operations/admin/steps.js';
import { getUsageTrend } from '../operations/admin/usage-trend.js';
import { openVerify } from '../operations/admin/verify.js';
import { type Edge, type SlowOperation, slowUnary } from './unary.js';

export function addAdminService(server: Server, edge: Edge): void {
  const oneByOne = openOneByOne();
  const serve = <Request, Reply>(method: string, operation: SlowOperation<Request, Reply>) =>
    slowUnary(edge, method, operation, 'AdminService');
  const queue = <Request, Reply>(method: string, operation: SlowOperation<Request, Reply>) =>
    serve<Request, Reply>(method, (core, request) => oneByOne(() => operation(core, request)));
  const handlers: AdminServiceServer = {
    getStatus: serve('GetStatus', getStatus),
    listAuditEntries: serve('ListAuditEntries', listAuditEntries),
    // One organisation's own report waits for nobody's.
    getUsageTrend: serve('GetUsageTrend', (core, request) =>
      request.orgId === ''
        ? oneByOne(() => getUsageTrend(core, request))
        : getUsageTrend(core, request),
    ),
    getRevenue: queue('GetRevenue', getRevenue),
    listActiveOrganizations: queue('ListActiveOrganizations', listActiveOrganizations),
    listQuotaPressure: queue('ListQuotaPressure', listQuotaPressure),
    getOrganizationRollup: serve('GetOrganizationRollup', getOrganizationRollup),
    verify: serve('Verify', openVerify()),
    listFeatureFlags: serve('ListFeatureFlags', listFeatureFlags),
    setFeatureFlag: serve('SetFeatureFlag', setFeatureFlag),
  };
  server.addService(AdminServiceService, handlers);
}
