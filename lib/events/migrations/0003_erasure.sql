-- Destroys the keys of a person in the acting tenant; says how many there were. Whoever erases in several tenants acts for
-- each of them in turn.
create function spine.forget_person(subject uuid) returns bigint
    language plpgsql set search_path = pg_catalog
as $$
declare
    destroyed bigint;
begin
    delete from spine.person_keys where tenant_id = mpanel.tenant() and person = subject;
    get diagnostics destroyed = row_count;
    return destroyed;
end
$$;
grant execute on function spine.forget_person to mpanel_app;
select mpanel.definer('spine.forget_person');

-- This one can leave the acting tenant: it is left to functions of the platform role, which look whether they may.
set local role mpanel_platform;
revoke execute on function spine.erase_person(uuid, boolean) from mpanel_app;
reset role;
