-- Lets backups read everything: run after each migration, and quick when nothing is new. The role has no login; it may look
-- and never change, and whoever takes it on says so. Row-level security is not bypassed but told, for each table, in a policy.
do $$
declare
    found record;
begin
    -- An operator's own PostgreSQL that was prepared by an earlier version: `mpanel backup self` says what to do.
    if not exists (select from pg_roles where rolname = 'mpanel_backup') then
        return;
    end if;
    for found in
        select n.oid, n.nspname as name from pg_namespace n
        where n.nspowner = (select oid from pg_roles where rolname = current_user)
          and n.nspname !~ '^pg_' and not has_schema_privilege('mpanel_backup', n.oid, 'usage')
    loop
        execute format('grant usage on schema %I to mpanel_backup', found.name);
    end loop;
    for found in
        select c.oid::regclass as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relowner = (select oid from pg_roles where rolname = current_user)
          and c.relkind in ('r', 'p', 'S') and n.nspname !~ '^pg_'
          and not exists (select from aclexplode(c.relacl) g join pg_roles r on r.oid = g.grantee
                          where r.rolname = 'mpanel_backup' and g.privilege_type = 'SELECT')
    loop
        execute format('grant select on %s to mpanel_backup', found.name);
    end loop;
    for found in
        select c.oid::regclass as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relowner = (select oid from pg_roles where rolname = current_user)
          and c.relkind in ('r', 'p') and c.relrowsecurity and n.nspname !~ '^pg_'
          and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'backup')
    loop
        execute format('create policy backup on %s for select to mpanel_backup using (true)', found.name);
    end loop;
end
$$;
