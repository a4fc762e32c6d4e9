// A client certificate that somebody is known by: a name in its subject alternative names.

import type { Principal } from './principal.js';
import { permissionsOf, type Role } from './roles.js';

export interface CertificateDocument {
  /** A URI or DNS name, as it stands in the certificate: `spiffe://example.org/orchestrator`. */
  readonly san: string;
  /** '': for the organisations of `allowed_orgs`. */
  readonly org_id: string;
  readonly roles: readonly Role[];
  readonly allowed_orgs: readonly string[];
}

export function certificatePrincipal(document: CertificateDocument): Principal {
  return {
    name: `cert:${document.san}`,
    orgId: document.org_id,
    allowedOrgs: document.allowed_orgs,
    permissions: permissionsOf(document.roles),
  };
}
