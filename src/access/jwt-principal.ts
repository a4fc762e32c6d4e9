// Who a token stands for. Its roles are those of the table that fit it: roles of an organisation
// where it names one, roles of the platform where it does not. Others grant nothing.

import type { Principal } from '../domain/access/principal.js';
import { isRole, permissionsOf, ROLES } from '../domain/access/roles.js';
import type { JwtVerdict, JwtVerifierOptions } from './jwt.js';

export type TokenOptions = Pick<JwtVerifierOptions, 'issuer' | 'audience' | 'jwks' | 'claims'>;

export type Verified = Extract<JwtVerdict, { readonly kind: 'verified' }>;

export function tokenPrincipal({ subject, roles, orgId, allowedOrgs }: Verified): Principal {
  const of = orgId === '' ? 'platform' : 'organisation';
  const fitting = roles.filter(isRole).filter((role) => ROLES[role].of === of);
  return {
    name: `jwt:${subject}`,
    orgId,
    allowedOrgs: orgId === '' ? allowedOrgs : [],
    permissions: permissionsOf(fitting),
  };
}
