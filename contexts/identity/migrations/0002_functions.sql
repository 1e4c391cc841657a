-- Functions for what a tenant's transaction may do beyond its own rows.

-- Takes the installation's claim, once: of two that come together, one finds the row changed.
create function identity.take_claim(presented bytea, at timestamptz) returns boolean
    language plpgsql set search_path = pg_catalog
as $$
begin
    update identity.realms set claimed_at = at, claim_hash = null, claim_expires_at = null
    where claim_hash = presented and claim_expires_at > at and claimed_at is null;
    return found;
end
$$;
grant execute on function identity.take_claim to mpanel_app;
select mpanel.definer('identity.take_claim');

-- Finds the account that an address has, or makes one that waits for its activation, whose home is
-- the acting tenant or one below it. Where nobody has activated it, `token` becomes its only key.
create function identity.invite(
    new_id uuid, realm uuid, home uuid, email text, normalised text, name text,
    token bytea, token_expires_at timestamptz, at timestamptz,
    out user_id uuid, out active boolean
)
    language plpgsql set search_path = pg_catalog
as $$
begin
    if not tenancy.is_within(home) then
        raise exception 'tenant % is not below the acting one', home using errcode = 'insufficient_privilege';
    end if;
    -- One invitation of an address at a time.
    perform pg_advisory_xact_lock(hashtextextended('invite:' || normalised, 5));
    active := true;
    select u.id into user_id from identity.users u
    where u.realm_id = realm and u.email_normalised = normalised and u.password_hash is not null;
    if found then
        return;
    end if;
    active := false;
    select u.id into user_id from identity.users u
    where u.tenant_id = home and u.realm_id = realm and u.email_normalised = normalised;
    if not found then
        user_id := new_id;
        insert into identity.users (tenant_id, id, realm_id, email, email_normalised, name, created_at)
        values (home, new_id, realm, invite.email, normalised, invite.name, at);
    end if;
    insert into identity.activations (tenant_id, user_id, token_hash, expires_at)
    values (home, invite.user_id, token, token_expires_at)
    on conflict on constraint activations_pkey
    do update set token_hash = excluded.token_hash, expires_at = excluded.expires_at;
end
$$;
grant execute on function identity.invite to mpanel_app;
select mpanel.definer('identity.invite');
