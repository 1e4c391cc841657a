import { ifMatch, unwrap, type Api } from '@/api/client';
import type { Role } from '@/api/access';
import { apiFetch } from '@/api/fetch';
import { toApiError } from '@/api/problem';
import type { Schemas, Tenant } from '@/api/types';

export type { Tenant };
export type Plan = Schemas['tenancy.Plan'];
export type Member = Schemas['tenancy.Member'];
export type CustomRole = Schemas['tenancy.CustomRole'];
export type CreateRole = Schemas['tenancy.CreateRole'];
export type PermissionTable = Schemas['tenancy.PermissionTable'];
export type Activation = Schemas['tenancy.Activation'];
/** Entitlement key to limit; null is unlimited, a key that is absent means none at all. */
export type Entitlements = Plan['entitlements'];
export type Found = Schemas['tenancy.Found'];
export type CreateTenant = Schemas['tenancy.CreateTenant'];
export type AddMember = Schemas['tenancy.AddMember'];
export type CreatePlan = Schemas['tenancy.CreatePlan'];
export type CreatePlanVersion = Schemas['tenancy.CreatePlanVersion'];

export type Merge = Schemas['tenancy.Merge'];
export type MergePreview = Schemas['tenancy.MergePreview'];

export type Invitation = Schemas['identity.Invitation'];

/** What a change of tenants, plans or members makes stale. */
export const TENANTS = ['/api/v1/tenants', '/api/v1/plans', '/api/v1/subtree'] as const;

export const createTenant = (api: Api, body: CreateTenant) => unwrap(api.POST('/api/v1/tenants', { body }));

export const setTenantState = (api: Api, tenant: Tenant, state: 'active' | 'suspended') =>
  unwrap(api.PATCH('/api/v1/tenants/{tenant_id}', { params: { path: { tenant_id: tenant.id } }, headers: ifMatch(tenant), body: { state } }));

export const moveTenant = (api: Api, id: string, body: Schemas['tenancy.Place']) =>
  unwrap(api.PUT('/api/v1/tenants/{tenant_id}/place', { params: { path: { tenant_id: id } }, body }));

export const mergeTenant = (api: Api, id: string, body: Merge) =>
  unwrap(api.POST('/api/v1/tenants/{tenant_id}/merge', { params: { path: { tenant_id: id } }, body }));

export const endTenant = (api: Api, { id, name }: Tenant, tenants_below: number) =>
  unwrap(api.DELETE('/api/v1/tenants/{tenant_id}', { params: { path: { tenant_id: id } }, body: { name, tenants_below } }));

export const restoreTenant = (api: Api, id: string) => unwrap(api.POST('/api/v1/tenants/{tenant_id}/restore', { params: { path: { tenant_id: id } } }));

export const subscribe = (api: Api, id: string, plan_id: string) =>
  unwrap(api.PUT('/api/v1/tenants/{tenant_id}/subscription', { params: { path: { tenant_id: id } }, body: { plan_id } }));

export const addMember = (api: Api, id: string, body: AddMember) =>
  unwrap(api.POST('/api/v1/tenants/{tenant_id}/members', { params: { path: { tenant_id: id } }, body }));

export const changeRole = (api: Api, id: string, user_id: string, role: Role) =>
  unwrap(api.PATCH('/api/v1/tenants/{tenant_id}/members/{user_id}', { params: { path: { tenant_id: id, user_id } }, body: { role } }));

export const removeMember = (api: Api, id: string, user_id: string) =>
  unwrap(api.DELETE('/api/v1/tenants/{tenant_id}/members/{user_id}', { params: { path: { tenant_id: id, user_id } } }));

export const createPlan = (api: Api, body: CreatePlan) => unwrap(api.POST('/api/v1/plans', { body }));

export const addPlanVersion = (api: Api, id: string, body: CreatePlanVersion) =>
  unwrap(api.POST('/api/v1/plans/{plan_id}/versions', { params: { path: { plan_id: id } }, body }));

export const updatePlan = (api: Api, plan: Pick<Plan, 'id' | 'version'>, body: Schemas['tenancy.PlanPatch']) =>
  unwrap(api.PATCH('/api/v1/plans/{plan_id}', { params: { path: { plan_id: plan.id } }, headers: ifMatch(plan), body }));

/** What a change of invitations makes stale. */
export const INVITATIONS = ['/api/v1/invitations', ...TENANTS] as const;

export const resendInvitation = (api: Api, id: string) => unwrap(api.POST('/api/v1/invitations/{invitation_id}/resend', { params: { path: { invitation_id: id } } }));

export const revokeInvitation = (api: Api, id: string) => unwrap(api.DELETE('/api/v1/invitations/{invitation_id}', { params: { path: { invitation_id: id } } }));

/** What a change of a role makes stale: also who one is, as one may have it. */
export const ROLES = ['/api/v1/roles', '/api/v1/permissions', '/api/v1/tenants', '/api/v1/me'] as const;

export const createRole = (api: Api, body: CreateRole) => unwrap(api.POST('/api/v1/roles', { body }));

export const updateRole = (api: Api, role: CustomRole, body: Schemas['tenancy.RolePatch']) =>
  unwrap(api.PATCH('/api/v1/roles/{role_id}', { params: { path: { role_id: role.id } }, headers: ifMatch(role), body }));

export const deleteRole = (api: Api, role_id: string) => unwrap(api.DELETE('/api/v1/roles/{role_id}', { params: { path: { role_id } } }));

const RANGE_NOT_SATISFIABLE = 416;

/** What a change of archives makes stale. */
export const EXPORTS = ['/api/v1/tenants', '/api/v1/operations'] as const;

export const createExport = (api: Api, tenant_id: string, body: Schemas['tenancy.CreateExport']) =>
  unwrap(api.POST('/api/v1/tenants/{tenant_id}/exports', { params: { path: { tenant_id } }, body }));

export const deleteExport = (api: Api, tenant_id: string, export_id: string) =>
  unwrap(api.DELETE('/api/v1/tenants/{tenant_id}/exports/{export_id}', { params: { path: { tenant_id, export_id } } }));

/**
 * Lets the browser load an archive by itself, to which it sends no header along. Before, it asks for what lies behind the
 * archive's end, of which there is nothing: whether one may is answered all the same, and a fresh proof asked for.
 */
export async function downloadExport(acting: string, tenant: string, { id, size }: Schemas['tenancy.Export']) {
  const url = new URL(`/api/v1/tenants/${tenant}/exports/${id}/download?tenant=${acting}`, window.location.origin);
  const answer = await apiFetch(new Request(url, { headers: { Range: `bytes=${size ?? 0}-` } }));
  if (answer.status !== RANGE_NOT_SATISFIABLE) throw await toApiError(answer);
  window.location.assign(url);
}

export const endAssumption = (api: Api, tenant_id: string, assumption_id: string) =>
  unwrap(api.DELETE('/api/v1/tenants/{tenant_id}/assumptions/{assumption_id}', { params: { path: { tenant_id, assumption_id } } }));

export const agreeToAssumption = (api: Api, tenant_id: string, assumption_id: string) =>
  unwrap(api.POST('/api/v1/tenants/{tenant_id}/assumptions/{assumption_id}/agree', { params: { path: { tenant_id, assumption_id } } }));

export const setSupportAccess = (api: Api, tenant_id: string, settings: Schemas['tenancy.SupportAccess'], consent_required: boolean) =>
  unwrap(api.PUT('/api/v1/tenants/{tenant_id}/support-access', { params: { path: { tenant_id } }, headers: ifMatch(settings), body: { consent_required } }));

export type Selling = Schemas['tenancy.Selling'];

export const setSelling = (api: Api, tenant_id: string, seen: Selling, body: Schemas['tenancy.SetSelling']) =>
  unwrap(api.PUT('/api/v1/tenants/{tenant_id}/selling', { params: { path: { tenant_id } }, headers: ifMatch(seen), body }));

/** For people whose account was made in the acting tenant. */
export const endSessionsOf = (client: Api, user: string) => unwrap(client.DELETE('/api/v1/people/{user_id}/sessions', { params: { path: { user_id: user } } }));
