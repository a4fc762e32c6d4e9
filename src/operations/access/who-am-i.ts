// WhoAmI: what the server makes of a credential.

import type {
  WhoAmIRequest,
  WhoAmIResponse,
} from '../../../generated/ts/tollgate/v1/access_service.js';
import { type Answer, advisory, type Core } from '../core.js';
import { toTimestamp } from '../parse.js';

export function whoAmI({ caller }: Core, _request: WhoAmIRequest): Answer<WhoAmIResponse> {
  const { principal, expiresMs } = caller;
  return advisory({
    principal: principal.name,
    orgId: principal.orgId,
    allowedOrgs: [...principal.allowedOrgs],
    permissions: [...principal.permissions].sort(),
    expireTime: expiresMs === undefined ? undefined : toTimestamp(expiresMs),
  });
}
