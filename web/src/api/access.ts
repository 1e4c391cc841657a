import type { Me, TenantRef } from './types';

export const BUILT_IN = ['owner', 'admin', 'developer', 'viewer'] as const;
/** A built-in role, or the id of one that a tenant has defined. */
export type BuiltIn = (typeof BUILT_IN)[number];
export type Role = Me['memberships'][number]['role'];
export const isBuiltIn = (role: string): role is BuiltIn => (BUILT_IN as readonly string[]).includes(role);
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
  | 'roles:write'
  | 'exports:read'
  | 'support:read'
  | 'support:manage'
  | 'tokens:write'
  | 'tokens:manage'
  | 'services:write'
  | 'background:write'
  | 'background:discard'
  | 'events:read'
  | 'events:write'
  | 'events:discard'
  | 'consumers:read'
  | 'consumers:rebuild'
  | 'reconcilers:read'
  | 'reconcilers:run'
  | 'nodes:read'
  | 'issuers:read'
  | 'issuers:write'
  | 'audit:read'
  | 'audit:erase'
  | 'audit:keep';

const ROLES: Record<Permission, readonly BuiltIn[]> = {
  'sites:write': ['owner', 'admin', 'developer'],
  'sites:delete': ['owner', 'admin'],
  'zones:write': ['owner', 'admin'],
  'records:write': ['owner', 'admin', 'developer'],
  'customers:read': ['owner', 'admin', 'developer', 'viewer'],
  'customers:write': ['owner', 'admin'],
  'plans:write': ['owner', 'admin'],
  'members:write': ['owner', 'admin'],
  'roles:write': ['owner', 'admin'],
  'exports:read': ['owner', 'admin'],
  'support:read': ['owner', 'admin'],
  /** Whether those above have to ask, and the answer. */
  'support:manage': ['owner'],
  'tokens:write': ['owner', 'admin', 'developer', 'viewer'],
  /** Those of others. */
  'tokens:manage': ['owner'],
  'services:write': ['owner', 'admin'],
  'background:write': ['owner', 'admin', 'developer'],
  'background:discard': ['owner', 'admin'],
  'events:read': ['owner', 'admin'],
  'events:write': ['owner', 'admin'],
  'events:discard': ['owner', 'admin'],
  'consumers:read': ['owner', 'admin', 'developer', 'viewer'],
  'consumers:rebuild': ['owner', 'admin'],
  'reconcilers:read': ['owner', 'admin', 'developer', 'viewer'],
  'reconcilers:run': ['owner', 'admin'],
  'nodes:read': ['owner', 'admin', 'developer', 'viewer'],
  'issuers:read': ['owner', 'admin', 'developer', 'viewer'],
  'issuers:write': ['owner', 'admin'],
  'audit:read': ['owner', 'admin'],
  'audit:erase': ['owner'],
  /** For how long. */
  'audit:keep': ['owner'],
};

/** What the server calls it: for roles that tenants define, which say no more than that. */
const NAMES: Partial<Record<Permission, string>> = {
  'sites:write': 'sites.site:create',
  'sites:delete': 'sites.site:delete',
  'zones:write': 'dns.zone:create',
  'records:write': 'dns.record:create',
  'customers:read': 'tenancy.tenant:list',
  'customers:write': 'tenancy.tenant:create',
  'plans:write': 'tenancy.plan:create',
  'members:write': 'tenancy.member:manage-access',
  'roles:write': 'tenancy.role:create',
  'exports:read': 'tenancy.export:list',
  'support:read': 'tenancy.assumption:list',
  'support:manage': 'tenancy.assumption:manage-access',
  'tokens:write': 'identity.api_token:create',
  'tokens:manage': 'identity.api_token:manage-access',
  'services:write': 'identity.service_account:create',
  'background:write': 'spine.dead_job:operate',
  'background:discard': 'spine.dead_job:delete',
  'events:read': 'spine.dead_event:list',
  'events:write': 'spine.dead_event:operate',
  'events:discard': 'spine.dead_event:delete',
  'consumers:read': 'spine.event_consumer:list',
  'consumers:rebuild': 'spine.event_consumer:operate',
  'reconcilers:read': 'spine.reconciler:list',
  'reconcilers:run': 'spine.reconciler:operate',
  'nodes:read': 'fleet.node:list',
  'issuers:read': 'certificates.issuer:list',
  'issuers:write': 'certificates.issuer:create',
  'audit:read': 'spine.audit:list',
  'audit:erase': 'spine.audit:delete',
  'audit:keep': 'spine.audit:modify',
};

/** Customers have no tenants below them, and only the platform has machines. */
const KINDS: Partial<Record<Permission, readonly Kind[]>> = {
  'customers:read': ['platform', 'reseller'],
  'customers:write': ['platform', 'reseller'],
  'plans:write': ['platform', 'reseller'],
  'events:read': ['platform'],
  'events:write': ['platform'],
  'events:discard': ['platform'],
  'consumers:read': ['platform'],
  'consumers:rebuild': ['platform'],
  'reconcilers:read': ['platform'],
  'reconcilers:run': ['platform'],
  'nodes:read': ['platform'],
  'issuers:read': ['platform'],
  'issuers:write': ['platform'],
  /** Nobody stands above the platform. */
  'support:read': ['reseller', 'customer'],
};

export interface Acting {
  id: string;
  kind: Kind;
  role: Role | null;
  /** What a role that a tenant has defined gives, once the server has said it. */
  held?: ReadonlySet<string>;
}

/**
 * The role in which the user acts for a tenant: the own membership there, else that of the nearest ancestor, if it is one
 * that reaches down. Which ancestors a tenant has is known only to the server, which answers 404 where there is none: of
 * several roles the lesser is meant, so that nothing is offered in vain.
 */
export function roleFor(me: Me, tenant: string): Role | null {
  const direct = me.memberships.find((membership) => membership.tenant.id === tenant);
  if (direct) return direct.role;
  const above = me.memberships.filter(({ role, tenant: own }) => own.kind !== 'customer' && (role === 'owner' || role === 'admin' || !isBuiltIn(role)));
  if (above.length === 0) return null;
  // Whether such a role reaches down, and what it gives there, the server says.
  const defined = above.find(({ role }) => !isBuiltIn(role));
  if (defined) return defined.role;
  return above.every(({ role }) => role === 'owner') ? 'owner' : 'admin';
}

export function can(acting: Acting, permission: Permission): boolean {
  const kinds = KINDS[permission];
  if (kinds && !kinds.includes(acting.kind)) return false;
  if (acting.role === null) return false;
  if (isBuiltIn(acting.role)) return ROLES[permission].includes(acting.role);
  const name = NAMES[permission];
  return name !== undefined && (acting.held?.has(name) ?? false);
}

/** Whether the user acts for somebody else: a tenant in which he has no membership of his own. */
export function isActingFor(me: Me, tenant: string): boolean {
  return !me.memberships.some((membership) => membership.tenant.id === tenant);
}
