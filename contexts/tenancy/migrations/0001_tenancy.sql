grant usage on schema tenancy to mpanel_app, mpanel_platform, mpanel_spine;

-- A tenant's own row; `tenant_id` is its id.
create table tenancy.tenants (
    tenant_id uuid primary key,
    parent_id uuid,
    kind text not null check (kind in ('platform', 'reseller', 'customer')),
    name text not null,
    slug text not null,
    -- `terminating` is as good as suspended until `ends_at`; `terminated` is the tombstone, which stays: what a tenant
    -- has done names it, and its id is never another's.
    state text not null default 'active' check (state in ('active', 'suspended', 'terminating', 'terminated')),
    version bigint not null default 1,
    created_at timestamptz not null,
    ends_at timestamptz,
    -- What it is again when its end is called off.
    state_before text check (state_before in ('active', 'suspended')),
    -- With how many tenants, itself included, whoever ended it agreed to lose it.
    agreed bigint not null default 0,
    -- Its removal has begun: there is no way back.
    erasing boolean not null default false,
    ended_at timestamptz,
    check ((kind = 'platform') = (parent_id is null)),
    check ((ends_at is not null) = (state = 'terminating')),
    check ((ended_at is not null) = (state = 'terminated')),
    check (not erasing or state in ('terminating', 'terminated'))
);
create unique index tenants_one_platform on tenancy.tenants (kind) where kind = 'platform';
create index tenants_suspended on tenancy.tenants (tenant_id) where state in ('suspended', 'terminating');
create index tenants_children on tenancy.tenants (parent_id);
create index tenants_ending on tenancy.tenants (ends_at) where state = 'terminating';
select mpanel.protect('tenancy.tenants');
-- The tree, what tenants are on and what they use is changed through functions only.
revoke insert, update, delete on tenancy.tenants from mpanel_app;

-- The tree, closed: for every tenant a row under itself (depth 0) and under each of its ancestors.
-- `tenant_id` is the ancestor, so that lists across a subtree stay under the one policy.
create table tenancy.subtree (
    tenant_id uuid not null,
    descendant uuid not null,
    depth int not null check (depth >= 0),
    primary key (tenant_id, descendant)
);
create index subtree_up on tenancy.subtree (descendant, depth);
select mpanel.protect('tenancy.subtree');
revoke insert, update, delete on tenancy.subtree from mpanel_app;

create table tenancy.members (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    user_id uuid not null,
    role text not null check (role in ('owner', 'admin', 'developer', 'viewer')),
    created_at timestamptz not null,
    primary key (tenant_id, user_id)
);
create index members_user on tenancy.members (user_id);
select mpanel.protect('tenancy.members');

-- What a seller sells. A version never changes; a change is a new version.
create table tenancy.plans (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null,
    name text not null,
    archived boolean not null default false,
    latest int not null default 1,
    version bigint not null default 1,
    created_at timestamptz not null,
    primary key (tenant_id, id)
);
create unique index plans_name on tenancy.plans (tenant_id, lower(name)) where not archived;
select mpanel.protect('tenancy.plans');

create table tenancy.plan_versions (
    tenant_id uuid not null,
    plan_id uuid not null,
    number int not null,
    -- Key to limit; null is unlimited, an absent key is none at all.
    entitlements jsonb not null,
    -- Whether a subscriber may promise its own tenants more than it has.
    oversell boolean not null,
    created_at timestamptz not null,
    primary key (tenant_id, plan_id, number),
    foreign key (tenant_id, plan_id) references tenancy.plans (tenant_id, id)
);
select mpanel.protect('tenancy.plan_versions');
revoke update, delete on tenancy.plan_versions from mpanel_app, mpanel_platform;

create table tenancy.subscriptions (
    tenant_id uuid primary key references tenancy.tenants (tenant_id),
    seller_id uuid not null,
    plan_id uuid not null,
    plan_version int not null,
    overrides jsonb not null default '{}',
    created_at timestamptz not null,
    foreign key (seller_id, plan_id, plan_version) references tenancy.plan_versions (tenant_id, plan_id, number)
);
select mpanel.protect('tenancy.subscriptions');
revoke insert, update, delete on tenancy.subscriptions from mpanel_app;

-- What a tenant and everybody below it use of a key, and what it may.
create table tenancy.counters (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    key text not null,
    used bigint not null default 0 check (used >= 0),
    max_allowed bigint check (max_allowed >= 0),
    primary key (tenant_id, key)
);
select mpanel.protect('tenancy.counters');
revoke insert, update, delete on tenancy.counters from mpanel_app;

-- Names that exist once in the installation.
create table tenancy.claims (
    name text not null,
    kind text not null check (kind in ('site', 'zone', 'preview')),
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    at timestamptz not null default now(),
    primary key (name, kind)
);
create index subscriptions_plan on tenancy.subscriptions (seller_id, plan_id);
create index claims_tenant on tenancy.claims (tenant_id);
-- Finds what is claimed below a name: 'com.example.' is a prefix of what stands below example.com.
create function tenancy.reversed(name text) returns text
    language sql immutable parallel safe set search_path = pg_catalog
as $$ select string_agg(part, '.' order by n desc) || '.' from string_to_table(name, '.') with ordinality as parts (part, n) $$;
create index claims_below on tenancy.claims (tenancy.reversed(name) text_pattern_ops);

-- The platform's own names: the panel's, the nameservers', the previews' domain.
create table tenancy.reserved_names (
    name text primary key
);
grant select, insert, update, delete on tenancy.claims, tenancy.reserved_names to mpanel_platform;
