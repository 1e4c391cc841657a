grant usage on schema certificates to mpanel_app, mpanel_platform;

-- The platform's own authorities. Their keys are sealed under the platform's data key.
create table certificates.authorities (
    id uuid primary key,
    name text not null,
    certificate_pem text not null,
    sealed_key bytea not null,
    not_after timestamptz not null,
    created_at timestamptz not null
);
-- Deleted only when the master key is lost, and the authority's key with it.
grant select, insert, delete on certificates.authorities to mpanel_platform;

create table certificates.certificates (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null,
    names text[] not null,
    issuer text not null,
    chain_pem text not null,
    sealed_key bytea not null,
    -- SHA-256 of the leaf, hexadecimal.
    fingerprint text not null,
    not_before timestamptz not null,
    not_after timestamptz not null,
    generation bigint not null default 1,
    -- Which edges' keys the published copy is sealed to; other keys mean publishing it again.
    published_to text not null,
    created_at timestamptz not null,
    primary key (tenant_id, id)
);
select mpanel.protect('certificates.certificates');

-- Who wants a certificate: `spec` is names and wanted, `status` the certificate and the message.
create table certificates.hosts (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    host text not null,
    names text[] not null,
    -- False is a tombstone: the certificate is withdrawn, then the row goes.
    wanted boolean not null default true,
    certificate_id uuid,
    message text not null default 'waiting to be issued',
    -- How often in a row it could not be seen to, since when, and when it is tried again.
    failures integer not null default 0,
    failing_since timestamptz,
    due_at timestamptz,
    primary key (tenant_id, host),
    foreign key (tenant_id, certificate_id) references certificates.certificates (tenant_id, id),
    check ((failures > 0) = (failing_since is not null) and (failures > 0) = (due_at is not null))
);
create index hosts_failing on certificates.hosts (failing_since) where failing_since is not null;
select mpanel.protect('certificates.hosts');
