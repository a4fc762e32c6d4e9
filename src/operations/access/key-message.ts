// What a request says of a key, and what its maker may give away.

import type { ApiKey } from '../../../generated/ts/tollgate/v1/api_key.js';
import type { ApiKeyRecord } from '../../domain/access/api-key.js';
import { covers, mayTouch, ORG_PATTERN } from '../../domain/access/principal.js';
import { isRole, permissionsOf, ROLE_NAMES, ROLES, type Role } from '../../domain/access/roles.js';
import { limits } from '../../limits.js';
import { permissionMissing } from '../caller.js';
import { checkText } from '../checks.js';
import { type Core, refuseUnknownOrganisation } from '../core.js';
import { checkOrgId, type Faults, parseTime } from '../parse.js';
import { invalidField, Refusal } from '../refusal.js';

export type KeyFields = Pick<
  ApiKeyRecord,
  'display_name' | 'org_id' | 'roles' | 'allowed_orgs' | 'expire_ms'
>;

export function readKeyMessage(core: Core, given: ApiKey | undefined, faults: Faults): KeyFields {
  if (given === undefined) throw invalidField('api_key', 'is required');
  const { displayName, orgId, allowedOrgs } = given;
  const name = { min: 1, max: limits.nameChars };
  checkText(displayName, 'api_key.display_name', name, faults);
  if (orgId !== '') checkOrgId(orgId, 'api_key.org_id', faults);
  const roles = readRoles(given, faults);
  checkPatterns(given, faults);
  const expireMs = parseTime(given.expireTime, 'api_key.expire_time', faults) ?? null;
  if (expireMs !== null && expireMs <= core.clock.wallMs()) {
    faults.add('api_key.expire_time', 'must lie in the future');
  }
  return {
    display_name: displayName,
    org_id: orgId,
    roles,
    allowed_orgs: [...allowedOrgs],
    expire_ms: expireMs,
  };
}

function readRoles({ roles, orgId }: ApiKey, faults: Faults): readonly Role[] {
  const field = 'api_key.roles';
  if (roles.length === 0 || roles.length > limits.rolesPerCredential) {
    faults.add(field, `must hold 1 to ${limits.rolesPerCredential} roles`);
  }
  const of = orgId === '' ? 'platform' : 'organisation';
  const fitting = ROLE_NAMES.filter((role) => ROLES[role].of === of);
  const read = roles.filter(isRole).filter((role) => fitting.includes(role));
  if (read.length < roles.length) {
    const whose = orgId === '' ? 'without org_id' : 'with an org_id';
    faults.add(field, `of a key ${whose} are ${fitting.join(', ')}`);
  }
  return [...new Set(read)];
}

function checkPatterns({ orgId, allowedOrgs }: ApiKey, faults: Faults): void {
  const field = 'api_key.allowed_orgs';
  if (orgId !== '' && allowedOrgs.length > 0) {
    faults.add(field, 'must be empty for a key with an org_id');
  }
  if (allowedOrgs.length > limits.allowedOrgs) {
    faults.add(field, `must hold at most ${limits.allowedOrgs} patterns`);
  }
  if (!allowedOrgs.every((pattern) => ORG_PATTERN.test(pattern))) {
    faults.add(field, 'each must be an organisation id, the beginning of one and "*", or "*"');
  }
}

/** Nobody hands on more than they have. */
export function refuseBeyondMaker(core: Core, fields: KeyFields): void {
  const { principal } = core.caller;
  for (const permission of permissionsOf(fields.roles)) {
    if (!principal.permissions.has(permission)) {
      throw permissionMissing(permission, 'a key with these roles');
    }
  }
  if (fields.org_id !== '') {
    if (mayTouch(principal, fields.org_id)) refuseUnknownOrganisation(core, fields.org_id);
    return;
  }
  const beyond = fields.allowed_orgs.find((pattern) => !covers(principal, pattern));
  if (beyond === undefined) return;
  const text = `the credential is not for organisation ${JSON.stringify(beyond)}`;
  throw new Refusal('PERMISSION_DENIED', 'ORG_MISMATCH', text);
}
