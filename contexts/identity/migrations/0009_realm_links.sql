-- At which name somebody at home in the acting tenant signs in: the first one of a brand's realm, null without a brand.
create function identity.panel_host(person uuid) returns text
    language plpgsql stable set search_path = pg_catalog
as $$
begin
    return (
        select h.host from identity.users u
        join identity.realms r on r.id = u.realm_id
        join identity.realm_hosts h on h.realm_id = r.id
        where u.tenant_id = mpanel.tenant() and u.id = person and r.brand is not null order by h.host limit 1);
end
$$;
grant execute on function identity.panel_host to mpanel_app;
select mpanel.definer('identity.panel_host');
