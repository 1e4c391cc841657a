-- What makes a session, a program or a sign-in page trusted: fresh proofs, the history of attempts, accounts of
-- programs, and realms of brands.

-- When its person last showed password and second factor. Sessions of before this column have to show them again.
alter table identity.sessions add column proven_at timestamptz not null default 'epoch';
create index sessions_expired on identity.sessions (expires_at);

-- Attempts to show who one is, of accounts that exist. Addresses and devices are personal: they go with the account, with
-- time, and with the bound for each account.
create table identity.sign_ins (
    tenant_id uuid not null,
    id uuid not null,
    user_id uuid not null,
    kind text not null check (kind in ('sign_in', 'step_up')),
    result text not null check (result in ('ok', 'wrong_password', 'code_missing', 'wrong_code')),
    factor text check (factor in ('totp', 'backup_code')),
    -- Failures from one place within an hour are one row: the first, the last and how many.
    first_at timestamptz not null,
    at timestamptz not null,
    attempts int not null default 1,
    address text,
    host text not null,
    user_agent text not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references identity.users (tenant_id, id) on delete cascade
);
create index sign_ins_user on identity.sign_ins (tenant_id, user_id, at);
create index sign_ins_old on identity.sign_ins (at);
select mpanel.protect('identity.sign_ins');

-- Accounts of a tenant for programs. Nobody signs in to one: it has tokens, and a membership in its tenant under its id.
create table identity.service_accounts (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null,
    name text not null,
    role text not null,
    -- Networks (CIDR) from which its tokens work; none of them is everywhere.
    allowed_networks text[] not null default '{}',
    created_at timestamptz not null,
    -- Who made it, as audit rows name actors. It outlives them.
    created_by text not null,
    disabled_at timestamptz,
    primary key (tenant_id, id)
);
create unique index service_accounts_name on identity.service_accounts (tenant_id, lower(name));
select mpanel.protect('identity.service_accounts');
create policy spine on identity.service_accounts to mpanel_spine using (true);
grant select on identity.service_accounts to mpanel_spine;

alter table identity.api_tokens
    alter column user_id drop not null,
    add column service_id uuid,
    add column allowed_networks text[] not null default '{}',
    add column last_used_address text,
    add constraint api_tokens_whose check ((user_id is null) <> (service_id is null)),
    add constraint api_tokens_service foreign key (tenant_id, service_id)
        references identity.service_accounts (tenant_id, id) on delete cascade;
create index api_tokens_service on identity.api_tokens (tenant_id, service_id) where service_id is not null;
grant update (last_used_address) on identity.api_tokens to mpanel_spine;

-- The tenant whose brand it is; none for the one that everybody else shares.
alter table identity.realms add column brand uuid unique references tenancy.tenants (tenant_id);

-- At which names a realm's people sign in. At any other name it is the realm without a brand.
create table identity.realm_hosts (
    host text primary key,
    realm_id uuid not null references identity.realms (id)
);
create index realm_hosts_realm on identity.realm_hosts (realm_id);
grant select, insert, update, delete on identity.realm_hosts to mpanel_platform;
grant select on identity.realm_hosts to mpanel_spine;

-- The realm of people at home in a tenant at or below the acting one: that of the nearest brand above.
create function identity.realm_of(home uuid) returns uuid
    language plpgsql stable set search_path = pg_catalog
as $$
begin
    if not tenancy.is_within(home) then
        raise exception 'tenant % is not below the acting one', home using errcode = 'insufficient_privilege';
    end if;
    return (
        select r.id from identity.realms r
        left join tenancy.subtree s on s.tenant_id = r.brand and s.descendant = home
        where r.brand is null or s.descendant is not null
        order by s.depth nulls last limit 1);
end
$$;
grant execute on function identity.realm_of to mpanel_app;
select mpanel.definer('identity.realm_of');

-- Gives a realm, a brand's or the one without, its names; false when another realm has one of them. The platform's to do.
create function identity.set_realm_hosts(realm uuid, names text[]) returns boolean
    language plpgsql set search_path = pg_catalog
as $$
begin
    if not exists (select from tenancy.tenants t where t.tenant_id = mpanel.tenant() and t.kind = 'platform') then
        raise exception 'realms are the platform''s' using errcode = 'insufficient_privilege';
    end if;
    perform pg_advisory_xact_lock(5, 2);
    if exists (select from identity.realm_hosts h where h.host = any(names) and h.realm_id <> realm) then
        return false;
    end if;
    delete from identity.realm_hosts h where h.realm_id = realm and h.host <> all(names);
    insert into identity.realm_hosts (host, realm_id) select distinct unnest(names), realm on conflict do nothing;
    return true;
end
$$;
grant execute on function identity.set_realm_hosts to mpanel_app;
select mpanel.definer('identity.set_realm_hosts');

-- Makes the realm of a tenant's brand, and moves to it the accounts at home there and below, down to the next brand: they
-- sign in at its names from then on, and their sessions elsewhere end. Null when the tenant has one already, else how many
-- accounts were moved. The platform's to do.
create function identity.add_realm(new_id uuid, of_tenant uuid, title text, at timestamptz) returns bigint
    language plpgsql set search_path = pg_catalog
as $$
declare
    moved bigint;
begin
    if not exists (select from tenancy.tenants t where t.tenant_id = mpanel.tenant() and t.kind = 'platform') then
        raise exception 'realms are the platform''s' using errcode = 'insufficient_privilege';
    end if;
    perform pg_advisory_xact_lock(5, 2);
    insert into identity.realms (id, name, created_at, brand) values (new_id, title, at, of_tenant)
    on conflict (brand) do nothing;
    if not found then
        return null;
    end if;
    update identity.users u set realm_id = new_id
    from tenancy.subtree s
    where s.tenant_id = of_tenant and s.descendant = u.tenant_id and not exists (
        select from identity.realms r join tenancy.subtree nearer on nearer.tenant_id = r.brand
        where nearer.descendant = u.tenant_id and nearer.depth < s.depth);
    get diagnostics moved = row_count;
    update identity.sessions e set ended_at = at
    from identity.users u
    where u.tenant_id = e.tenant_id and u.id = e.user_id and u.realm_id = new_id
      and e.realm_id <> new_id and e.ended_at is null;
    return moved;
end
$$;
grant execute on function identity.add_realm to mpanel_app;
select mpanel.definer('identity.add_realm');

create function identity.rename_realm(realm uuid, title text) returns boolean
    language plpgsql set search_path = pg_catalog
as $$
begin
    if not exists (select from tenancy.tenants t where t.tenant_id = mpanel.tenant() and t.kind = 'platform') then
        raise exception 'realms are the platform''s' using errcode = 'insufficient_privilege';
    end if;
    update identity.realms set name = title where id = realm;
    return found;
end
$$;
grant execute on function identity.rename_realm to mpanel_app;
select mpanel.definer('identity.rename_realm');
