-- Who had invitations mailed within the last day, and to which address, by its SHA-256: whoever makes tenants and invites must not
-- fill strangers' mailboxes through us. Rows of longer ago go.
create table identity.invitation_mails (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null,
    recipient bytea not null,
    at timestamptz not null,
    primary key (tenant_id, id)
);
create index invitation_mails_recipient on identity.invitation_mails (recipient, at);
create index invitation_mails_at on identity.invitation_mails (at);
select mpanel.protect('identity.invitation_mails');

-- Counts an invitation to `home`, the acting tenant or one below it, that is about to be mailed. 'full' when the acting tenant or
-- one above it has had as many mailed with all below it as it may in a day, or the address has got as many, and when one is
-- forgotten; the platform may have as many as it likes, whose mail server it is. 'open' when more wait for an answer than may.
create function identity.count_invitation(
    new_id uuid, home uuid, address text, now timestamptz, of_tenant bigint, to_one bigint, may_wait bigint,
    out outcome text, out free_at timestamptz
)
    language plpgsql set search_path = pg_catalog
as $$
declare
    since timestamptz := now - interval '1 day';
    wanted bytea := sha256(convert_to(address, 'UTF8'));
begin
    if not tenancy.is_within(home) then
        raise exception 'tenant % is not below the acting one', home using errcode = 'insufficient_privilege';
    end if;
    if may_wait < (
        select count(*) from identity.activations a
        join identity.users u on u.tenant_id = a.tenant_id and u.id = a.user_id
        where a.tenant_id = home and a.expires_at > now and u.password_hash is null) then
        outcome := 'open';
        return;
    end if;
    select max(f.free) into free_at from (
        select min(m.at) + interval '1 day' as free from identity.invitation_mails m
        where m.recipient = wanted and m.at > since
        having count(*) >= to_one
        union all
        select min(m.at) + interval '1 day'
        from tenancy.subtree up
        join tenancy.tenants t on t.tenant_id = up.tenant_id and t.kind <> 'platform'
        join tenancy.subtree below on below.tenant_id = up.tenant_id
        join identity.invitation_mails m on m.tenant_id = below.descendant and m.at > since
        where up.descendant = mpanel.tenant()
        group by up.tenant_id having count(*) >= of_tenant) f;
    if free_at is not null then
        outcome := 'full';
        return;
    end if;
    insert into identity.invitation_mails (tenant_id, id, recipient, at) values (mpanel.tenant(), new_id, wanted, now);
    outcome := 'ok';
end
$$;
grant execute on function identity.count_invitation to mpanel_app;
select mpanel.definer('identity.count_invitation');

-- At which name people at home in a tenant at or below the acting one sign in: the first one of their brand's realm, null without a
-- brand. Asked in the transaction that invites: who waits for another connection while holding the tree keeps everybody waiting.
create function identity.brand_host(home uuid) returns text
    language plpgsql stable set search_path = pg_catalog
as $$
begin
    return (
        select h.host from identity.realms r join identity.realm_hosts h on h.realm_id = r.id
        where r.id = identity.realm_of(home) and r.brand is not null order by h.host limit 1);
end
$$;
grant execute on function identity.brand_host to mpanel_app;
select mpanel.definer('identity.brand_host');
