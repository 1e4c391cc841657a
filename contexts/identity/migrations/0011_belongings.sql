-- Whether the acting tenant has a brand: a sign-in page of its own.
create function identity.has_brand() returns boolean
    language sql stable set search_path = pg_catalog
as $$ select exists (select from identity.realms r where r.brand = mpanel.tenant()) $$;
grant execute on function identity.has_brand to mpanel_app;
select mpanel.definer('identity.has_brand');
