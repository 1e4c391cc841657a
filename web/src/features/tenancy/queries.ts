import { unwrap, type Api } from '@/api/client';
import type { Schemas, Tenant } from '@/api/types';

export type { Tenant };
export type Plan = Schemas['tenancy.Plan'];
export type Member = Schemas['tenancy.Member'];
export type Activation = Schemas['tenancy.Activation'];
/** Entitlement key to limit; null is unlimited. */
export type Entitlements = Plan['entitlements'];
export type CreateTenant = Schemas['tenancy.CreateTenant'];
export type CreateMember = Schemas['tenancy.CreateMember'];
export type CreatePlan = Schemas['tenancy.CreatePlan'];

/** What a change of tenants, plans or members makes stale. */
export const TENANTS = ['/api/v1/tenants', '/api/v1/plans'] as const;

const ifMatch = (etag: string) => ({ 'If-Match': etag });

export const createTenant = (api: Api, body: CreateTenant) => unwrap(api.POST('/api/v1/tenants', { body }));

export const setTenantState = (api: Api, tenant: Tenant, state: Tenant['state']) =>
  unwrap(api.PATCH('/api/v1/tenants/{id}', { params: { path: { id: tenant.id }, header: ifMatch(tenant.etag) }, body: { state } }));

export const subscribe = (api: Api, id: string, plan_id: string) =>
  unwrap(api.PUT('/api/v1/tenants/{id}/subscription', { params: { path: { id } }, body: { plan_id } }));

export const addMember = (api: Api, id: string, body: CreateMember) =>
  unwrap(api.POST('/api/v1/tenants/{id}/members', { params: { path: { id } }, body }));

export const removeMember = (api: Api, id: string, user_id: string) =>
  unwrap(api.DELETE('/api/v1/tenants/{id}/members/{user_id}', { params: { path: { id, user_id } } }));

export const createPlan = (api: Api, body: CreatePlan) => unwrap(api.POST('/api/v1/plans', { body }));

export const addPlanVersion = (api: Api, id: string, entitlements: Entitlements) =>
  unwrap(api.POST('/api/v1/plans/{id}/versions', { params: { path: { id } }, body: { entitlements } }));

export const updatePlan = (api: Api, plan: Pick<Plan, 'id' | 'etag'>, body: Schemas['tenancy.UpdatePlan']) =>
  unwrap(api.PATCH('/api/v1/plans/{id}', { params: { path: { id: plan.id }, header: ifMatch(plan.etag) }, body }));
