-- Run once per database, by a role that may create roles; harmless when run again.
-- Group roles carry all rights; whoever logs in has none of its own until a transaction
-- takes one of them on. None bypasses row-level security: managed PostgreSQL forbids that, and
-- a policy that can be read is better than an attribute that cannot.
do $$
declare
    name text;
begin
    foreach name in array array['mpanel_app', 'mpanel_platform', 'mpanel_spine', 'mpanel_backup'] loop
        if not exists (select from pg_roles where rolname = name) then
            execute format('create role %I nologin noinherit', name);
        end if;
    end loop;
    if exists (select from pg_roles where rolname = 'mpanel') then
        grant mpanel_app, mpanel_platform, mpanel_spine, mpanel_backup to mpanel;
    end if;
    if not (pg_has_role(current_user, 'mpanel_app', 'member') and pg_has_role(current_user, 'mpanel_backup', 'member')) then
        execute format('grant mpanel_app, mpanel_platform, mpanel_spine, mpanel_backup to %I', current_user);
    end if;
end
$$;
