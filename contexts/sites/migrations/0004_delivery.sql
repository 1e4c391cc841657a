-- How a site is delivered: rules before it, servers behind it, what is kept of their answers. A site without a row has none of it.
create table sites.delivery (
    tenant_id uuid not null,
    site_id uuid not null,
    -- In the words of the edge; passwords are in it as hashes.
    document jsonb not null,
    -- Grows with each change.
    version bigint not null default 1,
    changed_at timestamptz not null,
    primary key (tenant_id, site_id),
    foreign key (tenant_id, site_id) references sites.sites (tenant_id, id) on delete cascade
);
select mpanel.protect('sites.delivery');
