grant usage on schema dns to mpanel_app, mpanel_platform;

create table dns.zones (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null,
    apex text not null,
    -- Also the generation of what is published. Seconds since 1970 or one more than before, so that it
    -- still grows after a restore from an older backup (RFC 1982 compares within half of 32 bits).
    serial bigint not null check (serial between 1 and 4294967295),
    created_at timestamptz not null,
    -- The host of a site in the zone whose place in the plan is the zone's too; null when the zone takes
    -- one itself. So a tenant uses as many domains as it has hosts of sites and zones without one.
    shares_place_of text,
    primary key (tenant_id, id)
);
create unique index zones_place on dns.zones (tenant_id, shares_place_of);
create unique index zones_apex on dns.zones (tenant_id, apex);
select mpanel.protect('dns.zones');

create table dns.records (
    tenant_id uuid not null,
    zone_id uuid not null,
    id uuid not null,
    -- Absolute, lower-case, without the final dot.
    name text not null,
    type text not null,
    ttl int not null,
    -- Presentation format, canonical.
    data text not null,
    -- The host whose addresses the platform keeps by this record, or the zone that it delegates to
    -- the platform's servers (type NS); null for the tenant's own.
    managed_for text,
    version bigint not null default 1,
    primary key (tenant_id, id),
    foreign key (tenant_id, zone_id) references dns.zones (tenant_id, id) on delete cascade
);
create index records_zone on dns.records (tenant_id, zone_id, name);
create unique index records_unique on dns.records (tenant_id, zone_id, name, type, md5(data));
select mpanel.protect('dns.records');

-- The number under which a zone of this name was last published or withdrawn, whoever had it; 0 when that is not known any more.
-- A zone that comes back goes on behind it: a lower serial would be an older state.
create function dns.last_serial(apex text) returns bigint
    language sql stable set search_path = pg_catalog
as $$
    select coalesce(max(generation), 0) from spine.feed_state where topic = 'dns.zone' and key = apex
$$;
grant execute on function dns.last_serial to mpanel_app, mpanel_platform;
select mpanel.definer('dns.last_serial');
