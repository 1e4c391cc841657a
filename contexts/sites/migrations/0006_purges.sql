-- The last purges of what edges keep of a site, as they are told: a log with numbers that only grow.
create table sites.purges (
    tenant_id uuid not null,
    site_id uuid not null,
    -- Milliseconds since 1970 or one more than before, so that numbers grow also after a restore from an older backup.
    seq bigint not null,
    soft boolean not null,
    -- In the words of the edge.
    what jsonb not null,
    made_at timestamptz not null,
    primary key (tenant_id, site_id, seq),
    foreign key (tenant_id, site_id) references sites.sites (tenant_id, id) on delete cascade
);
select mpanel.protect('sites.purges');
-- What is older than the log.
alter table sites.sites add column purge_floor bigint not null default 0;
