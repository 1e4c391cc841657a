-- Roles that tenants define: sets of the permissions that the built-in ones are made of.
create table tenancy.roles (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null,
    name text not null,
    description text not null,
    -- Each `resource:action`, sorted.
    permissions text[] not null,
    -- Whether members with it may act for the tenants below.
    reaches boolean not null,
    version bigint not null default 1,
    created_at timestamptz not null,
    primary key (tenant_id, id)
);
create unique index roles_name on tenancy.roles (tenant_id, lower(name));
select mpanel.protect('tenancy.roles');

-- A role that somebody has stays: the key refuses its end.
alter table tenancy.members
    add column role_id uuid,
    drop constraint members_role_check,
    add constraint members_role_check check (role in ('owner', 'admin', 'developer', 'viewer', 'custom')),
    add constraint members_role_named check ((role = 'custom') = (role_id is not null)),
    add constraint members_role_defined foreign key (tenant_id, role_id) references tenancy.roles (tenant_id, id);
create index members_role on tenancy.members (tenant_id, role_id) where role_id is not null;

-- Leave to act for a tenant as a member of one above it. The row is the tenant's that is acted for: it sees who
-- came, why and for how long, and ends it when it likes.
create table tenancy.assumptions (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null,
    user_id uuid not null,
    -- Whose member came, and what that was called then: the tenant below cannot look it up.
    from_tenant uuid not null,
    from_name text not null,
    reason text not null,
    minutes int not null check (minutes between 1 and 480),
    asked_at timestamptz not null,
    -- When it began; null while the tenant has not agreed.
    opened_at timestamptz,
    -- Who agreed, where that was asked for.
    agreed_by uuid,
    -- Of one that waits for leave: when nobody waits any more.
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_by uuid,
    primary key (tenant_id, id)
);
create index assumptions_open on tenancy.assumptions (tenant_id, user_id) where ended_at is null;
select mpanel.protect('tenancy.assumptions');
-- What was, stays on record.
revoke delete on tenancy.assumptions from mpanel_app;

-- Whether those above ask before they act for a tenant.
create table tenancy.support_settings (
    tenant_id uuid primary key references tenancy.tenants (tenant_id),
    consent boolean not null,
    version bigint not null default 1
);
select mpanel.protect('tenancy.support_settings');

-- Whether somebody above has to ask. Who is suspended, or stands below, is not asked: nobody there could agree, and
-- what a provider suspends it has to look into.
create function tenancy.demands_consent(wanted uuid) returns boolean
    language sql stable set search_path = pg_catalog
as $$
    select exists (select from tenancy.support_settings c where c.tenant_id = wanted and c.consent)
       and not exists (
           select from tenancy.subtree s join tenancy.tenants t on t.tenant_id = s.tenant_id
           where s.descendant = wanted and t.state <> 'active')
$$;
revoke all on function tenancy.demands_consent from public;
grant execute on function tenancy.demands_consent to mpanel_platform;

create function tenancy.wants_consent() returns boolean
    language sql stable set search_path = pg_catalog
as $$ select tenancy.demands_consent(mpanel.tenant()) $$;
grant execute on function tenancy.wants_consent to mpanel_app;
select mpanel.definer('tenancy.wants_consent');

-- By what right a user acts for a tenant: its own membership, else the nearest ancestor's whose role reaches down; and
-- whether the tenant of that membership is suspended, ending, or stands below one that is; and the leave to act below
-- that is open. In plpgsql, which keeps its plans: one in SQL is planned anew with each request.
drop function tenancy.acting(uuid, uuid, text[]);
create function tenancy.acting(user_id uuid, wanted uuid, reaching text[], at timestamptz)
    returns table (
        kind text, role text, role_id uuid, permissions text[], reaches boolean, holder uuid, suspended boolean,
        consent boolean, assumption uuid, reason text
    )
    language plpgsql stable set search_path = pg_catalog
as $$
#variable_conflict use_column
begin
    return query
    select t.kind, m.role, m.role_id, r.permissions, r.reaches, s.tenant_id,
           exists (
               select from tenancy.subtree up join tenancy.tenants above on above.tenant_id = up.tenant_id
               where up.descendant = s.tenant_id and above.state <> 'active'),
           s.depth > 0 and tenancy.demands_consent(wanted),
           a.id, a.reason
    from tenancy.subtree s
    join tenancy.members m on m.tenant_id = s.tenant_id and m.user_id = acting.user_id
    join tenancy.tenants t on t.tenant_id = wanted
    left join tenancy.roles r on r.tenant_id = m.tenant_id and r.id = m.role_id
    left join lateral (
        select o.id, o.reason from tenancy.assumptions o
        where s.depth > 0 and o.tenant_id = wanted and o.user_id = acting.user_id
          and o.opened_at is not null and o.ended_at is null and o.expires_at > acting.at
        order by o.expires_at desc limit 1) a on true
    where s.descendant = wanted and (s.depth = 0 or m.role = any(reaching) or r.reaches)
    order by s.depth limit 1;
end
$$;
grant execute on function tenancy.acting to mpanel_spine;
select mpanel.definer('tenancy.acting');

drop function tenancy.memberships(uuid);
create function tenancy.memberships(wanted uuid)
    returns table (id uuid, kind text, name text, slug text, role text, role_id uuid, role_name text)
    language sql stable set search_path = pg_catalog
as $$
    select t.tenant_id, t.kind, t.name, t.slug, m.role, m.role_id, r.name
    from tenancy.members m
    join tenancy.tenants t on t.tenant_id = m.tenant_id
    left join tenancy.roles r on r.tenant_id = m.tenant_id and r.id = m.role_id
    where m.user_id = wanted order by t.name, t.tenant_id
$$;
grant execute on function tenancy.memberships to mpanel_spine;
select mpanel.definer('tenancy.memberships');

create or replace function tenancy.hand_over_membership(from_user uuid, to_user uuid) returns void
    language plpgsql set search_path = pg_catalog
as $$
begin
    insert into tenancy.members (tenant_id, user_id, role, role_id, created_at)
    select m.tenant_id, to_user, m.role, m.role_id, m.created_at from tenancy.members m
    where m.tenant_id = mpanel.tenant() and m.user_id = from_user
    on conflict do nothing;
    delete from tenancy.members m where m.tenant_id = mpanel.tenant() and m.user_id = from_user;
end
$$;
