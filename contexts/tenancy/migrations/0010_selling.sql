-- How a seller treats those below it: what visitors read in place of the sites of one that is not shown, and how long one that ends
-- can be brought back. Without a row it is as those above have it, or as the installation is set up.
create table tenancy.selling (
    tenant_id uuid primary key references tenancy.tenants (tenant_id),
    -- `title`, `text` and perhaps `contact`, all plain text.
    page jsonb,
    grace_days int check (grace_days between 0 and 3650),
    version bigint not null default 1
);
select mpanel.protect('tenancy.selling');

-- The days that those above the acting tenant or one below it have set: the platform's, and the most of all sellers between.
create function tenancy.graces(wanted uuid, out platform int, out most int)
    language sql stable set search_path = pg_catalog
as $$
    select max(x.grace_days) filter (where t.kind = 'platform'), max(x.grace_days) filter (where t.kind <> 'platform')
    from tenancy.subtree up
    join tenancy.selling x on x.tenant_id = up.tenant_id
    join tenancy.tenants t on t.tenant_id = up.tenant_id
    where up.descendant = wanted and up.depth > 0 and tenancy.is_within(wanted)
$$;
grant execute on function tenancy.graces to mpanel_app;
select mpanel.definer('tenancy.graces');
