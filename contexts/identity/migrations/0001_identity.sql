grant usage on schema identity to mpanel_app, mpanel_platform, mpanel_spine;

-- Who shares a sign-in page: one row now, one for each brand later. The claim of the installation
-- stands here, so that taking it is one update of one row.
create table identity.realms (
    id uuid primary key,
    name text not null,
    created_at timestamptz not null,
    claim_hash bytea unique,
    claim_expires_at timestamptz,
    claimed_at timestamptz,
    check ((claim_hash is null) = (claim_expires_at is null)),
    check (claim_hash is null or claimed_at is null)
);
grant select, insert, update on identity.realms to mpanel_platform, mpanel_spine;

-- `tenant_id` is the home tenant, where an account was made and its own changes are audited. In
-- which tenants its owner is a member is tenancy's knowledge.
create table identity.users (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null unique,
    realm_id uuid not null references identity.realms (id),
    email text not null,
    email_normalised text not null,
    name text not null,
    -- Without one the account waits for its activation.
    password_hash text,
    -- Sealed. `pending` is one that its owner has not confirmed by a code yet.
    totp_secret bytea,
    totp_pending bytea,
    -- The newest 30-second step whose code was used: a code works once.
    totp_last_step bigint,
    created_at timestamptz not null,
    activated_at timestamptz,
    -- When its owner opened a link that had been mailed to the address; null while nobody has shown whose it is.
    email_proven_at timestamptz,
    primary key (tenant_id, id),
    check ((password_hash is null) = (activated_at is null))
);
-- Who hands over a link need not know whose an address is: each tenant that invites one has an account of its own
-- for it, so that whoever comes first neither keeps others out nor gets what was meant for them.
create unique index users_email on identity.users (tenant_id, realm_id, email_normalised);
create index users_address on identity.users (realm_id, email_normalised);
select mpanel.protect('identity.users');
create policy spine on identity.users to mpanel_spine using (true);
grant select on identity.users to mpanel_spine;

create table identity.sessions (
    tenant_id uuid not null,
    id uuid not null,
    user_id uuid not null,
    realm_id uuid not null references identity.realms (id),
    token_hash bytea not null unique,
    -- The name at which it was started; it works nowhere else.
    host text not null,
    created_at timestamptz not null,
    last_seen_at timestamptz not null,
    idle_expires_at timestamptz not null,
    expires_at timestamptz not null,
    address text,
    user_agent text not null,
    ended_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, user_id) references identity.users (tenant_id, id)
);
create index sessions_user on identity.sessions (tenant_id, user_id);
select mpanel.protect('identity.sessions');
create policy spine on identity.sessions to mpanel_spine using (true);
grant select, update (last_seen_at, idle_expires_at) on identity.sessions to mpanel_spine;

create table identity.backup_codes (
    tenant_id uuid not null,
    user_id uuid not null,
    hash text not null,
    primary key (tenant_id, user_id, hash),
    foreign key (tenant_id, user_id) references identity.users (tenant_id, id)
);
select mpanel.protect('identity.backup_codes');

create table identity.activations (
    tenant_id uuid not null,
    user_id uuid not null,
    -- Of the link that is handed over.
    token_hash bytea not null unique,
    -- Of the link that goes by mail, another one: it alone shows whose the address is.
    mail_token_hash bytea unique,
    expires_at timestamptz not null,
    primary key (tenant_id, user_id),
    foreign key (tenant_id, user_id) references identity.users (tenant_id, id)
);
select mpanel.protect('identity.activations');
create policy spine on identity.activations to mpanel_spine using (true);
grant select on identity.activations to mpanel_spine;

-- `tenant_id` is the tenant for which the token acts; its owner's home may be another.
create table identity.api_tokens (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null unique,
    user_id uuid not null,
    name text not null,
    -- The first characters, by which its owner recognises it.
    prefix text not null,
    token_hash bytea not null unique,
    scopes text[] not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    last_used_at timestamptz,
    primary key (tenant_id, id)
);
create index api_tokens_user on identity.api_tokens (tenant_id, user_id);
select mpanel.protect('identity.api_tokens');
create policy spine on identity.api_tokens to mpanel_spine using (true);
grant select, update (last_used_at) on identity.api_tokens to mpanel_spine;
