-- Whose domain is this? 200,000 sites with a domain each, at the lowest of five levels, and how long a search takes for
-- those at each level. Everything happens in one transaction that is rolled back.
--
--   cargo xtask sqlx --serve --dir /tmp/find &      # a migrated database; prints its address
--   psql ADDRESS -qf bench/find.sql
\set ON_ERROR_STOP on
\timing off
begin;
set local role mpanel_platform;
select gen_random_uuid() as root where not exists (select from tenancy.tenants where kind = 'platform') \gset
insert into tenancy.tenants (tenant_id, kind, name, slug, created_at) values (:'root', 'platform', 'Platform', 'platform', now());
-- 1 platform, 5 resellers, 5 below each, 4 below each, 20 customers below each: 2,000 customers of 100 sites.
create temporary table level (depth int, id uuid, parent uuid) on commit drop;
insert into level values (0, :'root', null);
insert into level select 1, gen_random_uuid(), id from level, generate_series(1, 5) where depth = 0;
insert into level select 2, gen_random_uuid(), id from level, generate_series(1, 5) where depth = 1;
insert into level select 3, gen_random_uuid(), id from level, generate_series(1, 4) where depth = 2;
insert into level select 4, gen_random_uuid(), id from level, generate_series(1, 20) where depth = 3;
insert into tenancy.tenants (tenant_id, parent_id, kind, name, slug, created_at)
select id, parent, case when depth = 4 then 'customer' else 'reseller' end, 'T', 't', now() from level where depth > 0;
insert into tenancy.subtree
with recursive up (tenant_id, descendant, depth) as (
    select id, id, 0 from level
    union all
    select l.parent, up.descendant, up.depth + 1 from up join level l on l.id = up.tenant_id where l.parent is not null
)
select * from up;
reset role;
analyze tenancy.subtree, tenancy.tenants;
set local role mpanel_platform;
create temporary table site on commit drop as
select gen_random_uuid() as id, c.id as owner, n, row_number() over () as number
from level c, generate_series(1, 100) n where c.depth = 4;

\echo
\echo 'filling'
select clock_timestamp() as began \gset
do $$
declare
    page int;
begin
    for page in 0..399 loop
        perform tenancy.describe(array_agg(id), array_agg(id) || array_agg(id), array_agg(owner) || array_agg(owner),
            array_agg('site'::text) || array_agg('domain'::text),
            array_agg('Shop ' || number) || array_agg('www.shop' || number || '.example'),
            array_agg('shop ' || number) || array_agg('shop' || number || '.example'),
            array_agg('active'::text) || array_agg('active'::text))
        from site where number > page * 500 and number <= page * 500 + 500;
    end loop;
end
$$;
reset role;
analyze tenancy.subtree_resources;
set local role mpanel_platform;
select count(*) as rows, pg_size_pretty(pg_total_relation_size('tenancy.subtree_resources')) as size,
       round(extract(epoch from clock_timestamp() - :'began'::timestamptz)) as seconds
from tenancy.subtree_resources;

create temporary table taken (what text, depth int, ms float) on commit drop;
grant all on level, site, taken to mpanel_app;
set local role mpanel_app;
do $$
declare
    seller record;
    round int;
    number bigint;
    began timestamptz;
    ask text;
begin
    for seller in select distinct on (depth) depth, id from level order by depth, id loop
        perform set_config('mpanel.tenant', seller.id::text, true);
        for round in 1..200 loop
            number := 1 + floor(random() * 200000);
            foreach ask in array array['shop' || number || '.example', 'shop' || (number / 10), 'shop', 'nothing' || number] loop
                began := clock_timestamp();
                perform * from tenancy.find(ask, array_to_string(array(
                    select part from string_to_table(ask, '.') with ordinality as p (part, n) order by n desc), '.') || '.',
                    null, null, 51);
                insert into taken values (case when ask = 'shop' then 'what all begin with'
                                               when ask like 'nothing%' then 'what nobody has'
                                               when ask like '%.example' then 'a whole domain'
                                               else 'the beginning of a name' end, seller.depth,
                                          extract(epoch from clock_timestamp() - began) * 1000);
            end loop;
            began := clock_timestamp();
            perform * from tenancy.find(null, null, null, gen_random_uuid(), 51);
            insert into taken values ('a page of everything', seller.depth, extract(epoch from clock_timestamp() - began) * 1000);
        end loop;
    end loop;
end
$$;
\echo 'searches, in milliseconds; depth 0 is the platform'
select what, depth, round(percentile_cont(0.5) within group (order by ms)::numeric, 2) as p50,
       round(percentile_cont(0.99) within group (order by ms)::numeric, 2) as p99, round(max(ms)::numeric, 2) as longest
from taken group by what, depth order by what, depth;
rollback;
