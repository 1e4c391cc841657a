-- Removes what stands under the acting tenant, which is going for good: tokens and programs, and the accounts at home
-- there with all that belongs to them. Whoever is a member elsewhere keeps the account, and goes on there.
create function identity.erase_tenant() returns void
    language plpgsql set search_path = pg_catalog
as $$
declare
    gone uuid := mpanel.tenant();
    people uuid[];
begin
    if not exists (select from tenancy.tenants t where t.tenant_id = gone and t.erasing) then
        raise exception 'tenant % is not going', gone using errcode = 'insufficient_privilege';
    end if;
    delete from identity.api_tokens a where a.tenant_id = gone;
    delete from identity.service_accounts a where a.tenant_id = gone;
    people := array(
        select u.id from identity.users u
        where u.tenant_id = gone and not exists (
            select from tenancy.members m join tenancy.tenants t on t.tenant_id = m.tenant_id
            where m.user_id = u.id and m.tenant_id <> gone and not t.erasing)
        for update);
    delete from identity.sessions s where s.tenant_id = gone and s.user_id = any(people);
    delete from identity.backup_codes b where b.tenant_id = gone and b.user_id = any(people);
    delete from identity.activations a where a.tenant_id = gone and a.user_id = any(people);
    -- What else there is of an account goes along by its foreign key.
    delete from identity.users u where u.tenant_id = gone and u.id = any(people);
    -- Ids of theirs stay in audit logs; from where they acted, and how they were called, nobody can read from now on.
    perform spine.erase_person(person, true) from unnest(people) as person;
    -- Its brand's names are free for others; the realm stays for those who keep an account in it.
    delete from identity.realm_hosts h using identity.realms r where r.brand = gone and h.realm_id = r.id;
end
$$;
grant execute on function identity.erase_tenant to mpanel_app;
select mpanel.definer('identity.erase_tenant');
