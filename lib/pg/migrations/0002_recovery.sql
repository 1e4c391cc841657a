-- What recovery asks of a database whose tables it does not know. All read with the rights of whoever calls.

-- How many rows each table has.
create function mpanel.table_rows() returns table (name text, rows bigint)
    language plpgsql stable
    set search_path = pg_catalog
as $$
declare
    found record;
begin
    for found in
        select n.nspname as home, c.relname as relation
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and not c.relispartition
          and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        order by 1, 2
    loop
        name := found.home || '.' || found.relation;
        execute format('select count(*) from %I.%I', found.home, found.relation) into rows;
        return next;
    end loop;
end
$$;

-- The migrations applied, from the table that each schema keeps of its own.
create function mpanel.applied_migrations() returns table (home text, name text)
    language plpgsql stable
    set search_path = pg_catalog
as $$
begin
    for home in
        select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relname = '_migrations' and c.relkind = 'r' order by 1
    loop
        return query execute format(
            'select %L::text, lpad(version::text, 4, ''0'') || ''_'' || description from %I._migrations order by version',
            home, home);
    end loop;
end
$$;
