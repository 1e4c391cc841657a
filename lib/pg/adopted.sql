-- After a dump was loaded by a role that is no superuser: what belonged to the platform role in the database that was dumped,
-- which is every function that runs with its owner's rights, belongs to it again (as `mpanel.definer` had it).
do $$
declare
    found record;
begin
    for found in
        select p.oid::regprocedure as name, n.nspname as home
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where p.prosecdef and p.proowner = (select oid from pg_roles where rolname = current_user)
          and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    loop
        execute format('grant create on schema %I to mpanel_platform', found.home);
        execute format('alter function %s owner to mpanel_platform', found.name);
        execute format('revoke create on schema %I from mpanel_platform', found.home);
    end loop;
end
$$;
