-- What is to be erased of people in the logs of tenants with a legal hold, once that is released.
create table spine.held_erasures (
    tenant_id uuid not null,
    person uuid not null,
    primary key (tenant_id, person)
);
select mpanel.protect('spine.held_erasures');

-- Destroys the keys of a person, in the acting tenant or everywhere, but for tenants with a legal hold, where that waits for the
-- end of the hold; says how many there were.
-- compatible: it is made again at once, and is called by the same arguments
drop function spine.erase_person(uuid, boolean);
create function spine.erase_person(subject uuid, everywhere boolean) returns bigint
    language plpgsql set search_path = pg_catalog
as $$
declare
    destroyed bigint;
begin
    insert into spine.held_erasures (tenant_id, person)
    select distinct k.tenant_id, k.person
    from spine.person_keys k join spine.audit_retention r on r.tenant_id = k.tenant_id and r.held_for is not null
    where k.person = subject and (everywhere or k.tenant_id = mpanel.tenant())
    on conflict do nothing;
    delete from spine.person_keys k
    where k.person = subject and (everywhere or k.tenant_id = mpanel.tenant())
      and not exists (
          select from spine.audit_retention r where r.tenant_id = k.tenant_id and r.held_for is not null);
    get diagnostics destroyed = row_count;
    return destroyed;
end
$$;
select mpanel.definer('spine.erase_person');
