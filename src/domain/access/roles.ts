// Permissions, and the roles that hold them: a table, so that what a role may do is read off it.

export const PERMISSIONS = [
  /** Ask, and read what was counted. */
  'usage.read',
  /** Record and reserve. */
  'usage.write',
  /** Report usage from before the late bound. */
  'usage.backfill',
  /** Read invoices, subscriptions, plans and prices. */
  'billing.read',
  /** Change one's own subscription, among the plans that are self-serve. */
  'billing.write',
  /** Plans, prices, quotas, invoices and corrections, of whatever the credential is for. */
  'billing.admin',
  /** Make and end the keys of one's own organisation. */
  'keys.write',
  'platform.admin',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

interface RoleRow {
  /** Whose it is: of one organisation, or of a caller that works for many. */
  readonly of: 'organisation' | 'platform';
  readonly may: readonly Permission[];
}

const READS = ['usage.read', 'billing.read'] as const;
const RUNS = [...READS, 'usage.write', 'billing.write', 'keys.write'] as const;

export const ROLES = {
  viewer: { of: 'organisation', may: READS },
  member: { of: 'organisation', may: READS },
  operator: { of: 'organisation', may: [...READS, 'usage.write'] },
  admin: { of: 'organisation', may: RUNS },
  owner: { of: 'organisation', may: RUNS },
  billing_admin: { of: 'organisation', may: [...READS, 'billing.write'] },
  orchestrator: { of: 'platform', may: ['usage.read', 'usage.write'] },
  platform_admin: { of: 'platform', may: PERMISSIONS },
} as const satisfies Readonly<Record<string, RoleRow>>;

export type Role = keyof typeof ROLES;

export const ROLE_NAMES = Object.keys(ROLES) as readonly Role[];

export function isRole(name: string): name is Role {
  return Object.hasOwn(ROLES, name);
}

export function permissionsOf(roles: readonly Role[]): ReadonlySet<Permission> {
  return new Set(roles.flatMap((role): readonly Permission[] => ROLES[role].may));
}
