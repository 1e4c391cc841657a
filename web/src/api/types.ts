import type { components } from './schema';

/** Every wire type by its name in the specification, for example `Schemas['sites.Site']`. */
export type Schemas = components['schemas'];

export type Me = Schemas['identity.Me'];
export type TenantRef = Schemas['identity.TenantRef'];
export type Tenant = Schemas['tenancy.Tenant'];
export type Assumption = Schemas['tenancy.Assumption'];
export type Operation = Schemas['spine.Operation'];
export type Problem = Schemas['Problem'];
export type FieldError = Schemas['ProblemField'];
export type Condition = Schemas['sites.Condition'];
export type AuditEntry = Schemas['spine.AuditEntry'];
export type DeadJob = Schemas['spine.DeadJob'];
export type DeadEvent = Schemas['spine.DeadEvent'];
export type EventConsumer = Schemas['spine.EventConsumer'];
export type StuckObject = Schemas['spine.StuckObject'];
export type Reconciler = Schemas['spine.Reconciler'];
