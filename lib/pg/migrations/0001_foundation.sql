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
