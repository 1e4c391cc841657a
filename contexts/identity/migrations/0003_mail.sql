-- What the owner of an address does by links that are mailed to it.

-- A link to a new password: one for an account, for half an hour, once.
create table identity.password_resets (
    tenant_id uuid not null,
    user_id uuid not null,
    token_hash bytea not null unique,
    expires_at timestamptz not null,
    primary key (tenant_id, user_id),
    foreign key (tenant_id, user_id) references identity.users (tenant_id, id) on delete cascade
);
select mpanel.protect('identity.password_resets');
create policy spine on identity.password_resets to mpanel_spine using (true);
grant select on identity.password_resets to mpanel_spine;

-- Another address that an account is to have once its owner has opened what was mailed to it.
create table identity.email_changes (
    tenant_id uuid not null,
    user_id uuid not null,
    email text not null,
    email_normalised text not null,
    token_hash bytea not null unique,
    expires_at timestamptz not null,
    primary key (tenant_id, user_id),
    foreign key (tenant_id, user_id) references identity.users (tenant_id, id) on delete cascade
);
select mpanel.protect('identity.email_changes');
