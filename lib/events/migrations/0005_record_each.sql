-- Writes what one change tells many tenants, of each as that tenant: no more than the role may do by itself, one after the other, in
-- one round trip. It acts for the acting tenant before and after.
create function spine.record_each(
    tenants uuid[], topics text[], subjects text[], told jsonb[], entries uuid[], actions text[], written bytea[],
    at timestamptz, actor text, person uuid, assumed_from uuid, request uuid
) returns void
    language plpgsql set search_path = pg_catalog
as $$
declare
    acting text := current_setting('mpanel.tenant');
begin
    for n in 1 .. cardinality(tenants) loop
        perform set_config('mpanel.tenant', tenants[n]::text, true);
        insert into spine.outbox (tenant_id, kind, topic, key, value, at)
        values (tenants[n], 'event', topics[n], subjects[n], told[n], record_each.at);
        insert into spine.audit
            (tenant_id, id, at, actor, person, assumed_from, action, outcome, subject, request_id, entry)
        values (tenants[n], entries[n], record_each.at, record_each.actor, record_each.person, record_each.assumed_from,
                actions[n], 'done', subjects[n], request, written[n]);
    end loop;
    perform set_config('mpanel.tenant', acting, true);
end
$$;
revoke all on function spine.record_each from public;
grant execute on function spine.record_each to mpanel_app;
