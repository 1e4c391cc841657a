-- A tenant that demands to be asked is asked: suspending it for a moment is no way around that.

-- Whether the tenant was asked and agreed. Who agreed may be nobody by name, a program of the tenant's.
alter table tenancy.assumptions add column agreed boolean not null default false;
update tenancy.assumptions set agreed = true where agreed_by is not null;

-- By what right a user acts for a tenant: a membership of its own, or one above it whose role reaches down; and whether
-- the tenant of that membership is suspended, ending, or stands below one that is; and the leave to act below that is
-- open. What nobody agreed to is no leave where somebody has to be asked by now.
--
-- Of several memberships that of `via` counts, for which a token was made; else the one from which leave was taken; else
-- the nearest. So nobody below takes away what somebody has above, by making them a member of less.
drop function tenancy.acting(uuid, uuid, text[], timestamptz);
create function tenancy.acting(user_id uuid, wanted uuid, via uuid, reaching text[], at timestamptz)
    returns table (
        kind text, role text, role_id uuid, permissions text[], reaches boolean, holder uuid, suspended boolean,
        consent boolean, assumption uuid, reason text
    )
    language plpgsql stable set search_path = pg_catalog
as $$
#variable_conflict use_column
begin
    return query
    select t.kind, m.role, m.role_id, r.permissions, r.reaches, s.tenant_id,
           exists (
               select from tenancy.subtree up join tenancy.tenants above on above.tenant_id = up.tenant_id
               where up.descendant = s.tenant_id and above.state <> 'active'),
           s.depth > 0 and tenancy.demands_consent(wanted),
           a.id, a.reason
    from tenancy.subtree s
    join tenancy.members m on m.tenant_id = s.tenant_id and m.user_id = acting.user_id
    join tenancy.tenants t on t.tenant_id = wanted
    left join tenancy.roles r on r.tenant_id = m.tenant_id and r.id = m.role_id
    left join lateral (
        select o.id, o.reason from tenancy.assumptions o
        where s.depth > 0 and o.tenant_id = wanted and o.user_id = acting.user_id and o.from_tenant = s.tenant_id
          and o.opened_at is not null and o.ended_at is null and o.expires_at > acting.at
          and (o.agreed or not tenancy.demands_consent(wanted))
        order by o.expires_at desc limit 1) a on true
    where s.descendant = wanted and (s.depth = 0 or m.role = any(reaching) or r.reaches)
    order by s.tenant_id = acting.via desc nulls last, a.id is null, s.depth limit 1;
end
$$;
grant execute on function tenancy.acting to mpanel_spine;
select mpanel.definer('tenancy.acting');

-- Ends leave that was opened unasked in `resumed`, the acting tenant or one below it, and below that, where somebody can
-- and has to be asked again.
create function tenancy.end_unasked(resumed uuid, now timestamptz)
    returns table (tenant uuid, kind text, id uuid, person uuid)
    language sql set search_path = pg_catalog
as $$
    update tenancy.assumptions o set ended_at = end_unasked.now
    from tenancy.subtree s
    join tenancy.tenants t on t.tenant_id = s.descendant
    join tenancy.support_settings c on c.tenant_id = s.descendant and c.consent
    where tenancy.is_within(resumed) and s.tenant_id = resumed and o.tenant_id = s.descendant
      and o.opened_at is not null and not o.agreed and o.ended_at is null and o.expires_at > end_unasked.now
      and tenancy.demands_consent(s.descendant)
    returning o.tenant_id, t.kind, o.id, o.user_id
$$;
grant execute on function tenancy.end_unasked to mpanel_app;
select mpanel.definer('tenancy.end_unasked');
