// Whether a caller may do what it asks. The organisation is the credential's, or one that the
// credential is for: what a message says about it is checked, never believed (I11). A refusal says
// the same whether the organisation exists or not.

import { mayTouch, mayTouchAll, type Principal } from '../domain/access/principal.js';
import type { Permission } from '../domain/access/roles.js';
import { permissionMissing } from '../operations/caller.js';
import { invalidField, Refusal } from '../operations/refusal.js';
import type { Access, Needs } from './rpc.js';

/** Throws the refusal. Fills in the organisation that the credential is bound to. */
export function authorise<Request>(
  principal: Principal,
  { needs, org }: Access<Request>,
  request: Request,
): void {
  let orgId = org.read(request);
  if (orgId === '' && principal.orgId !== '' && org.path !== '') {
    org.fill(request, principal.orgId);
    orgId = org.read(request);
  }
  const permission = permissionOf(needs, orgId);
  if (permission !== undefined && !principal.permissions.has(permission)) {
    throw permissionMissing(permission, 'this call');
  }
  if (mayTouchAll(principal)) return;
  if (orgId !== '') checkOrg(principal, orgId);
  else if (org.absent === 'every') {
    throw invalidField(org.path, 'is required: the credential is not for every organisation');
  }
  if (org.others === undefined) return;
  for (const other of org.others(request)) if (other !== '') checkOrg(principal, other);
}

/** For a call whose reply holds everything of every organisation. */
export function authoriseAll(principal: Principal, needed: Permission): void {
  if (!principal.permissions.has(needed)) throw permissionMissing(needed, 'this call');
  if (mayTouchAll(principal)) return;
  const text = 'the credential is not for every organisation';
  throw new Refusal('PERMISSION_DENIED', 'ORG_MISMATCH', text);
}

export function checkOrg(principal: Principal, orgId: string): void {
  if (mayTouch(principal, orgId)) return;
  const shown = JSON.stringify(orgId.slice(0, 128));
  const text = `the credential is not for organisation ${shown}`;
  throw new Refusal('PERMISSION_DENIED', 'ORG_MISMATCH', text);
}

export function permissionOf(needs: Needs, orgId: string): Permission | undefined {
  if (needs === 'credential') return undefined;
  if (typeof needs === 'string') return needs;
  return orgId === '' ? needs.every : needs.one;
}
