import type { Me, TenantRef } from './types';

/** Open on the wire; what this panel does not know may do nothing here. */
export type Role = Me['memberships'][number]['role'];
export type Kind = TenantRef['kind'];

/** What the panel asks about before it offers a control. The server decides; this only avoids offering what it would refuse. */
export type Permission =
  | 'sites:write'
  | 'sites:delete'
  | 'zones:write'
  | 'records:write'
  | 'customers:read'
  | 'customers:write'
  | 'plans:write'
  | 'members:write'
  | 'tokens:write'
  | 'tokens:manage'
  | 'nodes:read';

const ROLES: Record<Permission, readonly Role[]> = {
  'sites:write': ['owner', 'admin', 'developer'],
  'sites:delete': ['owner', 'admin'],
  'zones:write': ['owner', 'admin'],
  'records:write': ['owner', 'admin', 'developer'],
  'customers:read': ['owner', 'admin', 'developer', 'viewer'],
  'customers:write': ['owner', 'admin'],
  'plans:write': ['owner', 'admin'],
  'members:write': ['owner', 'admin'],
  'tokens:write': ['owner', 'admin', 'developer', 'viewer'],
  /** Those of others. */
  'tokens:manage': ['owner'],
  'nodes:read': ['owner', 'admin', 'developer', 'viewer'],
};

/** Customers have no tenants below them, and only the platform has machines. */
const KINDS: Partial<Record<Permission, readonly Kind[]>> = {
  'customers:read': ['platform', 'reseller'],
  'customers:write': ['platform', 'reseller'],
  'plans:write': ['platform', 'reseller'],
  'nodes:read': ['platform'],
};

export interface Acting {
  id: string;
  kind: Kind;
  role: Role | null;
}

/**
 * The role in which the user acts for a tenant: the own membership there, else that of the nearest ancestor, if it is one
 * that reaches down. Which ancestors a tenant has is known only to the server, which answers 404 where there is none: of
 * several roles the lesser is meant, so that nothing is offered in vain.
 */
export function roleFor(me: Me, tenant: string): Role | null {
  const direct = me.memberships.find((membership) => membership.tenant.id === tenant);
  if (direct) return direct.role;
  const above = me.memberships.filter(({ role, tenant: own }) => own.kind !== 'customer' && (role === 'owner' || role === 'admin'));
  if (above.length === 0) return null;
  return above.every(({ role }) => role === 'owner') ? 'owner' : 'admin';
}

export function can(acting: Acting, permission: Permission): boolean {
  const kinds = KINDS[permission];
  if (kinds && !kinds.includes(acting.kind)) return false;
  return acting.role !== null && ROLES[permission].includes(acting.role);
}

/** Whether the user acts for somebody else: a tenant in which he has no membership of his own. */
export function isActingFor(me: Me, tenant: string): boolean {
  return !me.memberships.some((membership) => membership.tenant.id === tenant);
}
