-- The realm of who signs in at a host, null for hosts of no brand: within the change that starts the session.
create function identity.realm_of_host(name text) returns uuid
    language plpgsql stable set search_path = pg_catalog
as $$
begin
    return (select realm_id from identity.realm_hosts where host = name);
end
$$;
grant execute on function identity.realm_of_host to mpanel_app;
select mpanel.definer('identity.realm_of_host');
