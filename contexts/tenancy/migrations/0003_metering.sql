-- What a tenant and everybody below it have used of what is measured, by month (UTC): its first day. The limit
-- stands with the other limits, in `counters`.
create table tenancy.measured (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    key text not null,
    month date not null,
    used bigint not null check (used >= 0),
    primary key (tenant_id, key, month)
);
create index measured_month on tenancy.measured (key, month);
select mpanel.protect('tenancy.measured');
-- Only what nodes report changes it.
revoke insert, update, delete on tenancy.measured from mpanel_app;

-- What the acting tenant or one below it has used in a month.
create function tenancy.measured_use(wanted uuid, of_month date) returns table (key text, used bigint)
    language sql stable set search_path = pg_catalog
as $$
    select m.key, m.used from tenancy.measured m
    where m.tenant_id = wanted and m.month = of_month and tenancy.is_within(wanted)
$$;
grant execute on function tenancy.measured_use to mpanel_app;
select mpanel.definer('tenancy.measured_use');
