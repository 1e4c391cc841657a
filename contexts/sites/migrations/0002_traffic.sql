-- What visitors of sites have used, as nodes count it. Figures are cumulative within a boot: the counting of one
-- process on one day (UTC). A row stays when its site goes: it may still have to be billed.
create table sites.traffic (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    site_id uuid not null,
    day date not null,
    node_id uuid not null,
    boot uuid not null,
    requests bigint not null check (requests >= 0),
    -- With their heads: what visitors have sent, and what they were sent.
    bytes_in bigint not null check (bytes_in >= 0),
    bytes_out bigint not null check (bytes_out >= 0),
    primary key (tenant_id, site_id, day, node_id, boot)
);
create index traffic_day on sites.traffic (day);
select mpanel.protect('sites.traffic');
-- Only what nodes report changes it.
revoke insert, update, delete on sites.traffic from mpanel_app;

-- Tenants whose sites are not shown: the provider has suspended them or one above them, or their traffic is used up,
-- and until when at the latest.
create table sites.paused (
    tenant_id uuid primary key references tenancy.tenants (tenant_id),
    suspended boolean not null,
    used_up_until timestamptz,
    -- While the tenant's sites are gone through, in parts: the last one that is published as it is said here.
    through uuid,
    check (suspended or used_up_until is not null or through is not null)
);
select mpanel.protect('sites.paused');
