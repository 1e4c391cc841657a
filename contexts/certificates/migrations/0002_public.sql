-- Public certificate authorities, as the platform has set them up: rows of the platform's own tenant. Their secrets are
-- sealed under its data key.
create table certificates.issuers (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null,
    name text not null,
    -- RFC 8555 §7.1.1.
    directory_url text not null,
    contact text[] not null,
    -- The root of the authority's own server, when no trust store has it.
    root_pem text,
    -- RFC 8555 §7.3.4.
    external_kid text,
    sealed_external_key bytea,
    -- Made and kept before the authority is asked for an account.
    sealed_account_key bytea not null,
    account_url text,
    -- Somebody has agreed to the authority's terms; without that nobody asks it anything.
    agreed_at timestamptz not null,
    agreed_by text not null,
    -- The lowest that is not paused is asked first.
    preference integer not null,
    orders_per_3h integer not null,
    certificates_per_domain_7d integer not null,
    -- Troubles in a row, the last of them, and until when it is left alone.
    failures integer not null default 0,
    problem text not null default '',
    paused_until timestamptz,
    created_at timestamptz not null,
    primary key (tenant_id, id),
    check ((external_kid is null) = (sealed_external_key is null))
);
create unique index issuers_name on certificates.issuers (tenant_id, name);
select mpanel.protect('certificates.issuers');

-- Whom the certificate is from; null for the internal authority's.
alter table certificates.certificates add column issuer_id uuid;

-- What keeps the host from a public certificate, how often in a row that was so, and when it is tried next.
alter table certificates.hosts
    add column public_message text not null default '',
    add column public_failures integer not null default 0,
    add column public_due_at timestamptz;

-- Orders that are under way, one a host. A row is written before and after each thing that an authority, a zone or an edge
-- is asked to do, and goes with the order.
create table certificates.orders (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null,
    host text not null,
    names text[] not null,
    issuer_id uuid not null,
    -- wanted: nothing is known to be at the authority. ordered: the authority has it, url says where. shown: what the
    -- authority looks for is on its way to zones and edges. told: the authority was told to look. keyed: key and CSR are made.
    -- ending: only what was shown is still to be taken back.
    state text not null check (state in ('wanted', 'ordered', 'shown', 'told', 'keyed', 'ending')),
    -- When the authority was first asked: it may have the order although no url is known.
    asked_at timestamptz,
    url text,
    -- dns-01, http-01 or tls-alpn-01, and what is shown where for it.
    challenge text,
    shown jsonb not null default '[]',
    sealed_key bytea,
    csr bytea,
    message text not null default '',
    due_at timestamptz not null,
    created_at timestamptz not null,
    primary key (tenant_id, id),
    check ((state = 'wanted' or state = 'ending') or url is not null),
    check (state <> 'keyed' or (sealed_key is not null and csr is not null))
);
create unique index orders_host on certificates.orders (tenant_id, host);
create index orders_due on certificates.orders (due_at);
select mpanel.protect('certificates.orders');

-- What authorities were asked for, by the domain that is registered: they count that, whoever of the tenants asks.
create table certificates.spent (
    issuer_id uuid not null,
    domain text not null,
    at timestamptz not null
);
create index spent_by_domain on certificates.spent (issuer_id, domain, at);
create index spent_by_time on certificates.spent (at);
grant select, insert, delete on certificates.spent to mpanel_platform;
