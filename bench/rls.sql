-- What row-level security costs: ten queries that requests make most, with the policies and without them, in turns, in one
-- session. 500 tenants with 200 sites each, and one with 1,000; the times are of that one. Everything happens in one
-- transaction that is rolled back.
--
--   cargo xtask sqlx --serve --dir /tmp/rls &      # a migrated database; prints its address
--   psql ADDRESS -qf bench/rls.sql
\set ON_ERROR_STOP on
\timing off
begin;
-- Rows without what they refer to, where no query of these looks.
set local session_replication_role = replica;
create temporary table tenant (n int, id uuid, sites int) on commit drop;
insert into tenant select n, gen_random_uuid(), case n when 1 then 1000 else 200 end from generate_series(1, 501) n;
insert into tenancy.tenants (tenant_id, parent_id, kind, name, slug, created_at)
select gen_random_uuid(), null, 'platform', 'Platform', 'platform', now()
where not exists (select from tenancy.tenants where kind = 'platform');
insert into tenancy.tenants (tenant_id, parent_id, kind, name, slug, created_at)
select id, (select tenant_id from tenancy.tenants where kind = 'platform'), 'customer', 'T', 't', now() from tenant;
insert into tenancy.subtree select id, id, 0 from tenant;
insert into tenancy.subtree select (select tenant_id from tenancy.tenants where kind = 'platform'), id, 1 from tenant;
create temporary table person on commit drop as select t.id as tenant, gen_random_uuid() as id from tenant t, generate_series(1, 5);
insert into tenancy.members (tenant_id, user_id, role, created_at) select tenant, id, 'owner', now() from person;
insert into identity.users (tenant_id, id, realm_id, email, email_normalised, name, created_at)
select tenant, id, '00000000-0000-0000-0000-000000000001', id || '@example.com', id || '@example.com', 'P', now() from person;
insert into identity.sessions (tenant_id, id, user_id, realm_id, token_hash, host, created_at, last_seen_at, idle_expires_at, expires_at, user_agent)
select tenant, gen_random_uuid(), id, '00000000-0000-0000-0000-000000000001', sha256(id::text::bytea), 'panel.example.com', now(), now(),
       now() + interval '1 hour', now() + interval '1 day', 'B' from person;
create temporary table site on commit drop as select t.id as tenant, gen_random_uuid() as id, s from tenant t, generate_series(1, t.sites) s;
insert into sites.sites (tenant_id, id, name, slug, preview_host, node_id, keep_releases, due_at, created_at, uid)
select tenant, id, 'Site ' || s, 'site-' || s, id || '.preview.example', gen_random_uuid(), 10, now(), now(), row_number() over () from site;
insert into sites.domains (tenant_id, site_id, name, kind, created_at) select tenant, id, 'www.' || id || '.example', 'primary', now() from site;
insert into sites.releases (tenant_id, site_id, id, number, filename, size, created_by, created_at)
select tenant, site.id, gen_random_uuid(), n, 'a.zip', 1000, 'usr', now() from site, generate_series(1, 5) n;
create temporary table zone on commit drop as select id as tenant, gen_random_uuid() as id from tenant, generate_series(1, 20);
insert into dns.zones (tenant_id, id, apex, serial, created_at) select tenant, id, id || '.example', 1, now() from zone;
insert into dns.records (tenant_id, zone_id, id, name, type, ttl, data)
select tenant, zone.id, gen_random_uuid(), 'h' || n, 'A', 300, '192.0.2.1' from zone, generate_series(1, 20) n;
insert into spine.audit (tenant_id, id, at, actor, action, subject, request_id, entry)
select id, gen_random_uuid(), now(), 'usr', 'sites.site.changed', 'site', gen_random_uuid(), '{}' from tenant, generate_series(1, 400);
reset session_replication_role;
analyze tenancy.tenants, tenancy.subtree, tenancy.members, identity.users, identity.sessions, sites.sites, sites.domains, sites.releases,
    dns.zones, dns.records, spine.audit;

-- As the store modules ask, with the role that each runs as. In plpgsql, which keeps plans as the driver's prepared statements do.
create function pg_temp.a_session(h bytea) returns void language plpgsql as $$ begin perform
    s.id, s.user_id, s.tenant_id, u.totp_secret is not null from identity.sessions s
    join identity.users u on u.tenant_id = s.tenant_id and u.id = s.user_id
    where s.token_hash = h and s.realm_id = '00000000-0000-0000-0000-000000000001' and s.host = 'panel.example.com'
      and s.ended_at is null and s.idle_expires_at > now() and s.expires_at > now(); end $$;
create function pg_temp.a_right_to_act(u uuid, t uuid) returns void language plpgsql as $$ begin perform
    * from tenancy.acting(u, t, array['owner', 'admin'], now()); end $$;
create function pg_temp.a_page_of_sites(t uuid) returns void language plpgsql as $$ begin perform
    id, name, slug, preview_host, primary_host, state, active_release_id, ready, blocked_by::text, summary, disk_bytes,
    domain_list::text, created_at from sites.sites where tenant_id = t and id > '00000000-0000-0000-0000-000000000000' order by id limit 200; end $$;
create function pg_temp.a_site(t uuid, i uuid) returns void language plpgsql as $$ begin perform
    s.*, array(select d.name from sites.domains d where d.tenant_id = s.tenant_id and d.site_id = s.id order by d.name)
    from sites.sites s where s.tenant_id = t and s.id = i; end $$;
create function pg_temp.its_releases(t uuid, i uuid) returns void language plpgsql as $$ begin perform
    * from sites.releases where tenant_id = t and site_id = i order by id desc limit 51; end $$;
create function pg_temp.zones(t uuid) returns void language plpgsql as $$ begin perform
    z.id, z.apex, z.serial, z.created_at, (select count(*) from dns.records r where r.tenant_id = z.tenant_id and r.zone_id = z.id)
    from dns.zones z where z.tenant_id = t order by z.id limit 51; end $$;
create function pg_temp.records(t uuid, z uuid) returns void language plpgsql as $$ begin perform
    id, name, type, ttl, data, managed_for, version from dns.records where tenant_id = t and zone_id = z order by id limit 201; end $$;
create function pg_temp.the_audit_log(t uuid) returns void language plpgsql as $$ begin perform
    entry from spine.audit where tenant_id = t order by id desc limit 51; end $$;
create function pg_temp.members(t uuid) returns void language plpgsql as $$ begin perform
    m.user_id, m.role, m.role_id, r.name, m.created_at from tenancy.members m
    left join tenancy.roles r on r.tenant_id = m.tenant_id and r.id = m.role_id where m.tenant_id = t order by m.created_at, m.user_id; end $$;
create function pg_temp.a_tenant(t uuid) returns void language plpgsql as $$ begin perform * from tenancy.tree(t, null, null, 1); end $$;

create temporary table taken (what text, walled boolean, us float) on commit drop;
create temporary table one on commit drop as
select t.id as t, (select id from person where tenant = t.id limit 1) as u, (select id from site where tenant = t.id limit 1) as i,
       (select id from zone where tenant = t.id limit 1) as z from tenant t where n = 1;
grant all on taken, one to mpanel_app, mpanel_spine;

-- So many calls of one query; the first few make its plan.
create function pg_temp.time(what text, call text, calls int, walled boolean) returns void language plpgsql as $$
declare
    began timestamptz;
begin
    execute format('select %s from one, generate_series(1, 10)', call);
    began := clock_timestamp();
    execute format('select %s from one, generate_series(1, %s)', call, calls);
    insert into taken values (what, walled, extract(epoch from clock_timestamp() - began) * 1e6 / calls);
end $$;
create function pg_temp.all_of_them(walled boolean) returns void language plpgsql as $$
begin
    perform set_config('mpanel.tenant', (select t::text from one), true);
    set local role mpanel_spine;
    perform pg_temp.time('a session', 'pg_temp.a_session(sha256(u::text::bytea))', 2000, walled);
    perform pg_temp.time('a right to act', 'pg_temp.a_right_to_act(u, t)', 2000, walled);
    set local role mpanel_app;
    perform pg_temp.time('a page of 200 sites', 'pg_temp.a_page_of_sites(t)', 200, walled);
    perform pg_temp.time('a site', 'pg_temp.a_site(t, i)', 2000, walled);
    perform pg_temp.time('its releases', 'pg_temp.its_releases(t, i)', 2000, walled);
    perform pg_temp.time('zones', 'pg_temp.zones(t)', 500, walled);
    perform pg_temp.time('records', 'pg_temp.records(t, z)', 1000, walled);
    perform pg_temp.time('the audit log', 'pg_temp.the_audit_log(t)', 1000, walled);
    perform pg_temp.time('members', 'pg_temp.members(t)', 2000, walled);
    perform pg_temp.time('a tenant', 'pg_temp.a_tenant(t)', 2000, walled);
    reset role;
end $$;
do $$
declare
    round int;
    walled boolean;
    relation regclass;
begin
    for round in 1..8 loop
        foreach walled in array case when round % 2 = 0 then array[true, false] else array[false, true] end loop
            for relation in select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname in ('tenancy', 'identity', 'sites', 'dns', 'spine')
                  and exists (select from pg_policy p where p.polrelid = c.oid) loop
                execute format('alter table %s %s row level security', relation, case when walled then 'enable' else 'disable' end);
            end loop;
            perform pg_temp.all_of_them(walled);
        end loop;
    end loop;
end
$$;
\echo 'microseconds in the server, the quickest of 8 rounds; the goal is that all together cost less than 5 % more'
with each as (
    select what, walled, min(us) as us from taken group by what, walled
), pair as (
    select what, max(us) filter (where walled) as walled, max(us) filter (where not walled) as plain from each group by what
)
select what, round(walled::numeric, 1) as "with policies", round(plain::numeric, 1) as "without",
       round(((walled / plain - 1) * 100)::numeric, 1) as "% more" from pair
union all
select 'all together', round(sum(walled)::numeric, 1), round(sum(plain)::numeric, 1), round(((sum(walled) / sum(plain) - 1) * 100)::numeric, 1) from pair
order by 2 desc;
rollback;
