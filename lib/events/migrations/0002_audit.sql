-- Keys of what a tenant keeps about people beside their ids, wrapped by the master key. Whoever is erased has none left.
create table spine.person_keys (
    tenant_id uuid not null,
    person uuid not null,
    id bigint generated always as identity,
    wrapped bytea not null,
    primary key (tenant_id, person, id)
);
create index person_keys_person on spine.person_keys (person);
select mpanel.protect('spine.person_keys');
revoke update, delete on spine.person_keys from mpanel_app;

-- Destroys the keys of a person, in the acting tenant or everywhere; says how many there were.
create function spine.erase_person(subject uuid, everywhere boolean) returns bigint
    language plpgsql set search_path = pg_catalog
as $$
declare
    destroyed bigint;
begin
    delete from spine.person_keys where person = subject and (everywhere or tenant_id = mpanel.tenant());
    get diagnostics destroyed = row_count;
    return destroyed;
end
$$;
grant execute on function spine.erase_person to mpanel_app;
select mpanel.definer('spine.erase_person');

-- The person behind the actor, also behind a token; and what was refused stands beside what was done.
alter table spine.audit
    add column person uuid,
    add column outcome text not null default 'done' check (outcome in ('done', 'refused'));
-- Searches go through one of these; the primary key has the order in which they are answered.
create index audit_person on spine.audit (tenant_id, person, id) where person is not null;
create index audit_action on spine.audit (tenant_id, action, id);
create index audit_request on spine.audit (tenant_id, request_id);
create index audit_assumed on spine.audit (tenant_id, assumed_from, id) where assumed_from is not null;
create index audit_time on spine.audit (tenant_id, at);
create index audit_refused on spine.audit (tenant_id, id) where outcome = 'refused';

-- Who serves requests adds rows and reads them. What is too old is removed by the spine's role, by the rule that stands here.
create policy spine on spine.audit to mpanel_spine using (true);
grant select, delete on spine.audit to mpanel_spine;

create table spine.audit_retention (
    tenant_id uuid primary key,
    -- How long rows are kept; null where the platform's row says it.
    days integer check (days > 0),
    -- In the platform's row: what others may not go below.
    least_days integer check (least_days > 0),
    -- A legal hold: nothing is removed while there is a reason.
    held_for text check (held_for <> '')
);
select mpanel.protect('spine.audit_retention');
create policy spine on spine.audit_retention to mpanel_spine using (true);
grant select on spine.audit_retention to mpanel_spine;
