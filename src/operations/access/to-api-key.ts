// The contract's ApiKey.

import type { ApiKey } from '../../../generated/ts/tollgate/v1/api_key.js';
import type { EpochMs } from '../../base/units.js';
import type { Stored } from '../../ledger/ledger.js';
import { etagOf } from '../change.js';
import { toTimestamp } from '../parse.js';

export function toApiKey(stored: Stored<'api_key'>): ApiKey {
  const { value } = stored;
  return {
    keyId: value.key_id,
    displayName: value.display_name,
    orgId: value.org_id,
    roles: [...value.roles],
    allowedOrgs: [...value.allowed_orgs],
    expireTime: toTime(value.expire_ms),
    revokeTime: toTime(value.revoked_ms),
    previousExpireTime: toTime(value.previous?.until_ms ?? null),
    createdBy: value.created_by,
    createTime: toTimestamp(value.created_ms),
    updateTime: toTimestamp(value.updated_ms),
    etag: etagOf(stored),
  };
}

function toTime(ms: EpochMs | null) {
  return ms === null ? undefined : toTimestamp(ms);
}
