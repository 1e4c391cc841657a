-- Every table of a tenant is protected the same way, by one call:
--   select mpanel.protect('sites.sites');
-- The application role sees the rows of the tenant that its transaction acts for; without one the
-- setting is missing or empty and the cast raises. The platform role sees all rows, and its
-- transactions are counted and named.
create function mpanel.protect(relation regclass) returns void
    language plpgsql
    set search_path = pg_catalog
as $$
begin
    execute format('alter table %s enable row level security', relation);
    execute format('alter table %s force row level security', relation);
    execute format(
        'create policy tenant on %s to mpanel_app '
        'using (tenant_id = current_setting(''mpanel.tenant'')::uuid)', relation);
    execute format('create policy platform on %s to mpanel_platform using (true)', relation);
    execute format('grant select, insert, update, delete on %s to mpanel_app, mpanel_platform', relation);
end
$$;

-- The tenant that the running transaction acts for.
create function mpanel.tenant() returns uuid
    language sql stable
as $$ select current_setting('mpanel.tenant')::uuid $$;

grant usage on schema mpanel to mpanel_app, mpanel_platform, mpanel_spine;

-- Turns a function into one that runs as the platform role, for the few look-ups and changes that
-- cross tenants and bind the tenant inside. Its search_path must be fixed where it is created, and
-- what may execute it granted before: afterwards it belongs to the platform role.
create function mpanel.definer(f regproc) returns void
    language plpgsql
    set search_path = pg_catalog
as $$
declare
    home name := (select n.nspname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where p.oid = f);
begin
    execute format('alter function %s security definer', f::regprocedure);
    execute format('revoke all on function %s from public', f::regprocedure);
    execute format('grant create on schema %I to mpanel_platform', home);
    -- Last: who migrates is no superuser and does not inherit the platform role's rights.
    execute format('alter function %s owner to mpanel_platform', f::regprocedure);
    execute format('revoke create on schema %I from mpanel_platform', home);
end
$$;
