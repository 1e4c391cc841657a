-- Finds the account that is meant by an address in `home`, the acting tenant or one below it, or makes
-- one there that waits for its activation; `token` and `mail_token` become the only keys of one that waits.
--
-- Meant is the account of who belongs to the home already, else the home's own for that address. An account that some
-- other tenant gave for the address may be anybody's; and whether somebody above has one is for nobody below to learn,
-- nor theirs to make a member of unasked. Who has an account elsewhere accepts with it.
drop function identity.invite;
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
    where u.realm_id = realm and u.email_normalised = normalised and (m.user_id is not null or u.tenant_id = home)
    order by m.user_id is null limit 1
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
