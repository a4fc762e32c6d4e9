// Whom an operation is done for. What happens by itself is done for nobody, and may everything.

import type { EpochMs } from '../base/units.js';
import { EVERY_ORG, type Principal } from '../domain/access/principal.js';
import { PERMISSIONS, type Permission } from '../domain/access/roles.js';
import type { Core } from './core.js';
import { Refusal } from './refusal.js';

export interface Caller {
  readonly principal: Principal;
  /** Address that the call came from; '' for what the server does by itself. */
  readonly source: string;
  /** From then on the credential is refused; absent: it does not expire. */
  readonly expiresMs?: EpochMs;
}

/**
 * Who calls where nobody has to say who they are, and the server itself. Usage from before the late
 * bound is taken only from whoever was given leave by name.
 */
export const LOCAL: Principal = {
  name: 'local',
  orgId: '',
  allowedOrgs: [EVERY_ORG],
  permissions: new Set(PERMISSIONS.filter((permission) => permission !== 'usage.backfill')),
};

/** Of a transaction. */
export function madeBy({ caller: { principal, source } }: Core) {
  return { actor: principal.name, source };
}

export function has({ caller }: Core, permission: Permission): boolean {
  return caller.principal.permissions.has(permission);
}

export function requirePermission(core: Core, permission: Permission, what: string): void {
  if (!has(core, permission)) throw permissionMissing(permission, what);
}

export function permissionMissing(permission: Permission, what: string): Refusal {
  const text = `${what} needs the permission ${permission}, which the credential does not have`;
  return new Refusal('PERMISSION_DENIED', 'PERMISSION_MISSING', text, { metadata: { permission } });
}
