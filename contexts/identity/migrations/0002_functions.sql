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

-- Finds the account that is meant by an address in `home`, the acting tenant or one below it, or makes
-- one there that waits for its activation; `token` and `mail_token` become the only keys of one that waits.
--
-- Meant is the account of who belongs to the home already, else the home's own for that address, else
-- that of a member of a tenant above, nearest first, who may act for the home anyway. An account that
-- some other tenant gave for the address may be anybody's.
create function identity.invite(
    new_id uuid, realm uuid, home uuid, email text, normalised text, name text,
    token bytea, mail_token bytea, token_expires_at timestamptz, at timestamptz,
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
    select u.id, u.password_hash is not null into user_id, active
    from identity.users u
    left join tenancy.members m on m.tenant_id = home and m.user_id = u.id
    left join tenancy.subtree s on s.tenant_id = u.tenant_id and s.descendant = home
    where u.realm_id = realm and u.email_normalised = normalised
      and (m.user_id is not null or s.depth = 0 or (s.depth > 0 and u.password_hash is not null and exists (
          select from tenancy.members above where above.tenant_id = u.tenant_id and above.user_id = u.id)))
    order by m.user_id is null, s.depth nulls last limit 1
    -- One that is being activated is waited for: it must not get a link once it has a password.
    for update of u;
    if active then
        return;
    end if;
    if user_id is null then
        active := false;
        user_id := new_id;
        insert into identity.users (tenant_id, id, realm_id, email, email_normalised, name, created_at)
        values (home, new_id, realm, invite.email, normalised, invite.name, at);
    end if;
    insert into identity.activations (tenant_id, user_id, token_hash, mail_token_hash, expires_at)
    values (home, invite.user_id, token, mail_token, token_expires_at)
    on conflict on constraint activations_pkey
    do update set token_hash = excluded.token_hash, mail_token_hash = excluded.mail_token_hash,
                  expires_at = excluded.expires_at;
end
$$;
grant execute on function identity.invite to mpanel_app;
select mpanel.definer('identity.invite');
