grant usage on schema fleet to mpanel_app, mpanel_platform;

-- Machines. They belong to the platform's tenant.
create table fleet.nodes (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null,
    name text not null,
    roles text[] not null,
    -- X25519, base64; to which the keys of certificates are sealed for this machine's edge.
    edge_key text,
    version text not null default '',
    created_at timestamptz not null,
    last_seen_at timestamptz not null,
    primary key (tenant_id, id)
);
select mpanel.protect('fleet.nodes');
