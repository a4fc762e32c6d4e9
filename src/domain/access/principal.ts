// Who a call is from, whatever proved it: a key, a token, a certificate, or nothing where nobody
// has to say who they are.

import type { Permission } from './roles.js';

export interface Principal {
  /** `key:tg_3f9a21c7`, `jwt:alice`, `cert:spiffe://…`; `local` where nobody has to say. */
  readonly name: string;
  /** The one organisation that it is bound to; '' where `allowedOrgs` says which. */
  readonly orgId: string;
  /** Patterns, none: no organisation at all. */
  readonly allowedOrgs: readonly string[];
  readonly permissions: ReadonlySet<Permission>;
}

export const EVERY_ORG = '*';

/** `*`, a whole id, or the beginning of one and `*`. */
export const ORG_PATTERN = /^(?:\*|[A-Za-z0-9._@-]{1,128}\*?)$/;

export function mayTouch(principal: Principal, orgId: string): boolean {
  if (principal.orgId !== '') return principal.orgId === orgId;
  return principal.allowedOrgs.some((pattern) => matches(pattern, orgId));
}

export function mayTouchAll({ orgId, allowedOrgs }: Principal): boolean {
  return orgId === '' && allowedOrgs.includes(EVERY_ORG);
}

/** Whether everything that a pattern matches may be touched. */
export function covers(principal: Principal, pattern: string): boolean {
  return principal.allowedOrgs.some((own) => {
    if (own === EVERY_ORG || own === pattern) return true;
    return own.endsWith(EVERY_ORG) && pattern.startsWith(own.slice(0, -1));
  });
}

function matches(pattern: string, orgId: string): boolean {
  if (!pattern.endsWith('*')) return pattern === orgId;
  return orgId.startsWith(pattern.slice(0, -1));
}
