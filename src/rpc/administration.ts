// OrganizationService, AccessService, NotificationService and AdminService: what each RPC needs,
// and which operation it is.

import type { AccessServiceService } from '../../generated/ts/tollgate/v1/access_service.js';
import type {
  AdminServiceService,
  GetUsageTrendRequest,
} from '../../generated/ts/tollgate/v1/admin_service.js';
import type * as notification from '../../generated/ts/tollgate/v1/notification_service.js';
import type * as organization from '../../generated/ts/tollgate/v1/organization_service.js';
import {
  createApiKey,
  getApiKey,
  listApiKeys,
  revokeApiKey,
  rotateApiKey,
} from '../operations/access/api-keys.js';
import { whoAmI } from '../operations/access/who-am-i.js';
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
import type { Answer, Core } from '../operations/core.js';
import {
  listDeadLetters,
  listDeliveries,
  replayDelivery,
} from '../operations/notifications/deliveries.js';
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  getWebhookEndpoint,
  listWebhookEndpoints,
  rotateWebhookSecret,
  updateWebhookEndpoint,
} from '../operations/notifications/endpoints.js';
import {
  createOrganization,
  getOrganization,
  listOrganizations,
  resumeOrganization,
  suspendOrganization,
  updateOrganization,
} from '../operations/organizations.js';
import { ANY_ORG, type Needs, NO_ORG, ONE_ORG, type OrgRule, orgIn, type RpcTable } from './rpc.js';

const PLATFORM = of('platform.admin', NO_ORG);
const PLATFORM_ORG = of('platform.admin', ONE_ORG);
const PLATFORM_ANY = of('platform.admin', ANY_ORG);
const KEYS = of({ one: 'keys.write', every: 'platform.admin' }, ANY_ORG);

export const organizations: RpcTable<organization.OrganizationServiceService> = {
  createOrganization: {
    ...of('platform.admin', orgIn('organization')),
    run: createOrganization,
  },
  getOrganization: { ...of('billing.read', ONE_ORG), run: getOrganization },
  listOrganizations: { ...PLATFORM, run: listOrganizations },
  updateOrganization: {
    ...of('platform.admin', orgIn('organization')),
    run: updateOrganization,
  },
  suspendOrganization: { ...PLATFORM_ORG, run: suspendOrganization },
  resumeOrganization: { ...PLATFORM_ORG, run: resumeOrganization },
};

export const access: RpcTable<AccessServiceService> = {
  createApiKey: { ...KEYS, org: orgIn('apiKey', 'every'), run: createApiKey },
  getApiKey: { ...KEYS, run: getApiKey },
  listApiKeys: { ...KEYS, run: listApiKeys },
  rotateApiKey: { ...KEYS, run: rotateApiKey },
  revokeApiKey: { ...KEYS, run: revokeApiKey },
  whoAmI: { ...of('credential', NO_ORG), run: whoAmI },
};

export const notifications: RpcTable<notification.NotificationServiceService> = {
  createWebhookEndpoint: { ...PLATFORM, run: createWebhookEndpoint },
  getWebhookEndpoint: { ...PLATFORM, run: getWebhookEndpoint },
  listWebhookEndpoints: { ...PLATFORM, run: listWebhookEndpoints },
  updateWebhookEndpoint: { ...PLATFORM, run: updateWebhookEndpoint },
  deleteWebhookEndpoint: { ...PLATFORM, run: deleteWebhookEndpoint },
  rotateWebhookSecret: { ...PLATFORM, run: rotateWebhookSecret },
  listDeliveries: { ...PLATFORM_ANY, run: listDeliveries },
  replayDelivery: { ...PLATFORM, run: replayDelivery },
  listDeadLetters: { ...PLATFORM, run: listDeadLetters },
};

/** Reports over everything run one after the other, and one check of everything at a time. */
export function openAdmin(): RpcTable<AdminServiceService> {
  const oneByOne = openOneByOne();
  const queue =
    <Request, Reply>(run: (core: Core, request: Request) => Promise<Answer<Reply>>) =>
    (core: Core, request: Request) =>
      oneByOne(() => run(core, request));
  const queuedTrend = queue(getUsageTrend);
  return {
    getStatus: { ...PLATFORM, run: getStatus },
    listAuditEntries: { ...PLATFORM_ANY, run: listAuditEntries },
    getUsageTrend: {
      ...of({ one: 'usage.read', every: 'platform.admin' }, ANY_ORG),
      // One organisation's own report waits for nobody's.
      run: (core: Core, request: GetUsageTrendRequest) =>
        request.orgId === '' ? queuedTrend(core, request) : getUsageTrend(core, request),
    },
    getRevenue: { ...PLATFORM, run: queue(getRevenue) },
    listActiveOrganizations: { ...PLATFORM, run: queue(listActiveOrganizations) },
    listQuotaPressure: { ...PLATFORM, run: queue(listQuotaPressure) },
    getOrganizationRollup: { ...of('billing.read', ONE_ORG), run: getOrganizationRollup },
    verify: { ...PLATFORM, run: openVerify() },
    listFeatureFlags: { ...PLATFORM_ANY, run: listFeatureFlags },
    setFeatureFlag: { ...PLATFORM_ANY, run: setFeatureFlag },
  };
}

function of<Request>(needs: Needs, org: OrgRule<Request>) {
  return { kind: 'administration', needs, org } as const;
}
