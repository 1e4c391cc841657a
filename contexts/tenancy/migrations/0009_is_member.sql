-- Whether somebody is a member of a tenant; asked of the platform beside `tenancy.acting`, in the same query. In plpgsql as that,
-- which keeps its plans.
create function tenancy.is_member(person uuid, wanted uuid) returns boolean
    language plpgsql stable set search_path = pg_catalog
as $$
begin
    return exists (select from tenancy.members m where m.tenant_id = wanted and m.user_id = person);
end
$$;
grant execute on function tenancy.is_member to mpanel_spine;
select mpanel.definer('tenancy.is_member');
