-- Functions that cross tenants. Each binds the acting tenant inside, so that what the application
-- role can reach through them is no more than its transaction's tenant may.

create function tenancy.is_within(wanted uuid) returns boolean
    language sql stable set search_path = pg_catalog
as $$
    select exists (select from tenancy.subtree where tenant_id = mpanel.tenant() and descendant = wanted)
$$;
grant execute on function tenancy.is_within to mpanel_app, mpanel_platform;
select mpanel.definer('tenancy.is_within');

-- Who counts along the tree, or hangs something into it, holds it as it is until the transaction ends. Whoever moves a
-- part of it (`tenancy.move_tenant`) waits for all of them and keeps them out: the path that was read stays the path.
create function tenancy.hold_tree() returns void
    language sql set search_path = pg_catalog
as $$ select pg_advisory_xact_lock_shared(3, 2) $$;
revoke all on function tenancy.hold_tree from public;
grant execute on function tenancy.hold_tree to mpanel_platform;

-- Whether the acting tenant or one above it is suspended or ending, and so may not grow.
create function tenancy.is_suspended() returns boolean
    language sql stable set search_path = pg_catalog
as $$
    select exists (
        select from tenancy.subtree s join tenancy.tenants t on t.tenant_id = s.tenant_id
        where s.descendant = mpanel.tenant() and t.state <> 'active')
$$;
revoke all on function tenancy.is_suspended from public;
grant execute on function tenancy.is_suspended to mpanel_platform;

-- Hangs a new tenant below the acting one; false when that is suspended.
create function tenancy.create_child(id uuid, kind text, name text, slug text, at timestamptz) returns boolean
    language plpgsql set search_path = pg_catalog
as $$
declare
    parent uuid := mpanel.tenant();
begin
    perform tenancy.hold_tree();
    if tenancy.is_suspended() then
        return false;
    end if;
    insert into tenancy.tenants (tenant_id, parent_id, kind, name, slug, created_at)
    values (create_child.id, parent, create_child.kind, create_child.name, create_child.slug, create_child.at);
    insert into tenancy.subtree (tenant_id, descendant, depth)
    select s.tenant_id, create_child.id, s.depth + 1 from tenancy.subtree s where s.descendant = parent
    union all select create_child.id, create_child.id, 0;
    return true;
end
$$;
grant execute on function tenancy.create_child to mpanel_app;
select mpanel.definer('tenancy.create_child');

-- The acting tenant and everybody below it, or one of them.
create function tenancy.tree(only_id uuid, below uuid, after uuid, most bigint)
    returns table (
        id uuid, parent_id uuid, kind text, name text, slug text, state text, version bigint, created_at timestamptz,
        ends_at timestamptz, plan_id uuid, plan_name text, plan_version int, depth int
    )
    language sql stable set search_path = pg_catalog
as $$
    select t.tenant_id, t.parent_id, t.kind, t.name, t.slug, t.state, t.version, t.created_at,
           t.ends_at, p.id, p.name, u.plan_version, s.depth
    from tenancy.subtree s
    join tenancy.tenants t on t.tenant_id = s.descendant
    left join tenancy.subscriptions u on u.tenant_id = t.tenant_id
    left join tenancy.plans p on p.tenant_id = u.seller_id and p.id = u.plan_id
    where s.tenant_id = mpanel.tenant()
      and (only_id is null or t.tenant_id = only_id)
      and (below is null or t.parent_id = below)
      and (only_id is not null or s.depth > 0)
      and (after is null or t.tenant_id > after)
    order by t.tenant_id limit most
$$;
grant execute on function tenancy.tree to mpanel_app;
select mpanel.definer('tenancy.tree');

-- Changes a tenant of the acting tenant's subtree; its own state is for those above it to change, and what is ending
-- is neither suspended nor resumed.
create function tenancy.update_tenant(wanted uuid, seen bigint, new_name text, new_state text) returns bigint
    language sql set search_path = pg_catalog
as $$
    update tenancy.tenants
    set name = coalesce(new_name, name), version = version + 1,
        state = case when wanted = mpanel.tenant() or ends_at is not null then state else coalesce(new_state, state) end
    where tenant_id = wanted and version = seen and tenancy.is_within(wanted)
    returning version
$$;
grant execute on function tenancy.update_tenant to mpanel_app;
select mpanel.definer('tenancy.update_tenant');

-- Whoever changes counters or limits holds the tenants on the way to the one concerned first, from
-- the root to the leaf, whatever keys are reserved and in whatever order, and before them the tree. The platform is left out:
-- nothing limits it, its figures are summed when somebody asks, and branches below it do not wait
-- for each other. Names are claimed and everything else is locked after that, never before: of two
-- transactions in one order none waits for the other in a circle.
create function tenancy.hold_path(wanted uuid) returns void
    language plpgsql set search_path = pg_catalog
as $$
begin
    perform tenancy.hold_tree();
    perform from tenancy.subtree s join tenancy.tenants t on t.tenant_id = s.tenant_id
    where s.descendant = wanted and (t.kind <> 'platform' or s.depth = 0)
    order by s.depth desc for no key update of t;
end
$$;
revoke all on function tenancy.hold_path from public;
grant execute on function tenancy.hold_path to mpanel_platform;

-- The first key of which a seller would give more than it has without leave to oversell. A key that no plan gives the
-- seller it has none of.
create function tenancy.oversold(seller uuid, limits jsonb) returns text
    language sql stable set search_path = pg_catalog
as $$
    select l.key
    from jsonb_each(limits) l
    left join tenancy.counters c on c.tenant_id = seller and c.key = l.key
    where (c.tenant_id is null or c.max_allowed is not null)
      and (jsonb_typeof(l.value) = 'null' or (l.value #>> '{}')::bigint > coalesce(c.max_allowed, 0))
      and not exists (
          select from tenancy.subscriptions u
          join tenancy.plan_versions v
            on v.tenant_id = u.seller_id and v.plan_id = u.plan_id and v.number = u.plan_version
          where u.tenant_id = seller and v.oversell)
    order by l.key limit 1
$$;
revoke all on function tenancy.oversold from public;
grant execute on function tenancy.oversold to mpanel_platform;

-- Writes down that a tenant is on a plan, and its limits.
create function tenancy.put_on_plan(
    wanted uuid, seller uuid, plan uuid, plan_version int, overrides jsonb, limits jsonb, at timestamptz
) returns void
    language sql set search_path = pg_catalog
as $$
    insert into tenancy.subscriptions (tenant_id, seller_id, plan_id, plan_version, overrides, created_at)
    values (wanted, seller, plan, plan_version, overrides, at)
    on conflict (tenant_id) do update
    set seller_id = excluded.seller_id, plan_id = excluded.plan_id, plan_version = excluded.plan_version,
        overrides = excluded.overrides, created_at = excluded.created_at;
    insert into tenancy.counters (tenant_id, key, max_allowed)
    select wanted, l.key, (l.value #>> '{}')::bigint from jsonb_each(limits) l
    on conflict (tenant_id, key) do update set max_allowed = excluded.max_allowed
$$;
revoke all on function tenancy.put_on_plan from public;
grant execute on function tenancy.put_on_plan to mpanel_platform;

-- Puts a child of the acting tenant on a plan that the acting tenant sells, and sets its limits.
-- Returns the first key whose limit would pass the seller's without leave to oversell.
create function tenancy.subscribe(
    wanted uuid, plan uuid, plan_version int, overrides jsonb, limits jsonb, at timestamptz
) returns text
    language plpgsql set search_path = pg_catalog
as $$
declare
    seller uuid := mpanel.tenant();
    over text;
begin
    perform tenancy.hold_path(wanted);
    -- Looked at only now: before, it may still be on its way to another seller.
    if not exists (select from tenancy.tenants t where t.tenant_id = wanted and t.parent_id = seller) then
        raise exception 'tenant % is not one that % sells to', wanted, seller using errcode = 'insufficient_privilege';
    end if;
    over := tenancy.oversold(seller, limits);
    if over is null then
        perform tenancy.put_on_plan(wanted, seller, plan, plan_version, overrides, limits, at);
    end if;
    return over;
end
$$;
grant execute on function tenancy.subscribe to mpanel_app;
select mpanel.definer('tenancy.subscribe');

-- Adds to the use of the acting tenant and its ancestors; see the port `Entitlements`.
-- Returns 'ok', 'suspended', 'self' or 'above', with the acting tenant's figures.
create function tenancy.reserve(wanted text, delta bigint, out outcome text, out own_used bigint, out own_limit bigint)
    language plpgsql set search_path = pg_catalog
as $$
declare
    acting uuid := mpanel.tenant();
    step record;
begin
    outcome := 'ok';
    perform tenancy.hold_path(acting);
    if delta > 0 and tenancy.is_suspended() then
        outcome := 'suspended';
        return;
    end if;
    -- A tenant that no plan gives this key has none of it.
    insert into tenancy.counters (tenant_id, key, max_allowed)
    select t.tenant_id, wanted, case when t.kind <> 'platform' then 0 end
    from tenancy.subtree s join tenancy.tenants t on t.tenant_id = s.tenant_id
    where s.descendant = acting and (t.kind <> 'platform' or s.depth = 0)
    order by s.depth desc
    on conflict do nothing;
    -- From the root to the leaf, so that the tenant's own limit, looked at last, is the one that is named.
    for step in
        select s.depth, c.used, c.max_allowed
        from tenancy.subtree s
        join tenancy.tenants t on t.tenant_id = s.tenant_id
        join tenancy.counters c on c.tenant_id = s.tenant_id and c.key = wanted
        where s.descendant = acting and (t.kind <> 'platform' or s.depth = 0)
        order by s.depth desc
    loop
        -- Without a limit, what a bigint holds is one.
        if delta > coalesce(step.max_allowed, 9223372036854775807) - step.used and delta > 0 then
            outcome := case when step.depth = 0 then 'self' else 'above' end;
        end if;
        if step.depth = 0 then
            own_used := step.used;
            own_limit := step.max_allowed;
        end if;
    end loop;
    if outcome = 'ok' then
        update tenancy.counters c set used = c.used + delta
        from tenancy.subtree s join tenancy.tenants t on t.tenant_id = s.tenant_id
        where s.descendant = acting and (t.kind <> 'platform' or s.depth = 0)
          and c.tenant_id = s.tenant_id and c.key = wanted;
        own_used := own_used + delta;
    end if;
end
$$;
grant execute on function tenancy.reserve to mpanel_app;
select mpanel.definer('tenancy.reserve');

-- What may still be added, the least over the acting tenant and its ancestors; null without limit.
create function tenancy.headroom(wanted text) returns bigint
    language sql stable set search_path = pg_catalog
as $$
    select min(case when c.tenant_id is null then 0
                    when c.max_allowed is null then null
                    else greatest(c.max_allowed - c.used, 0) end)
    from tenancy.subtree s
    join tenancy.tenants t on t.tenant_id = s.tenant_id
    left join tenancy.counters c on c.tenant_id = s.tenant_id and c.key = wanted
    where s.descendant = mpanel.tenant() and t.kind <> 'platform'
$$;
grant execute on function tenancy.headroom to mpanel_app;
select mpanel.definer('tenancy.headroom');

-- The platform's own counters hold what it uses itself; what is used below it stands with its children.
create function tenancy.usage(wanted uuid) returns table (key text, used bigint, max_allowed bigint)
    language sql stable set search_path = pg_catalog
as $$
    select c.key,
           c.used + coalesce((
               select sum(below.used) from tenancy.tenants child
               join tenancy.counters below on below.tenant_id = child.tenant_id and below.key = c.key
               where t.kind = 'platform' and child.parent_id = t.tenant_id), 0)::bigint,
           c.max_allowed
    from tenancy.tenants t join tenancy.counters c on c.tenant_id = t.tenant_id
    where t.tenant_id = wanted and tenancy.is_within(wanted)
$$;
grant execute on function tenancy.usage to mpanel_app;
select mpanel.definer('tenancy.usage');

-- Claims exactly one name for the acting tenant. What stands below another's name needs its holder's
-- consent; what stands above one does not, or else whoever holds some name below a domain would keep
-- its owner out. Only zones never stand in each other, since our servers answer them both.
-- Returns 'ok', 'taken', 'reserved' or 'below'.
create function tenancy.claim(wanted text, wanted_kind text, above text[]) returns text
    language plpgsql set search_path = pg_catalog
as $$
declare
    acting uuid := mpanel.tenant();
begin
    if wanted_kind = 'preview' then
        -- Nothing else is claimed below the previews' domain, and above and below do not matter: of
        -- two who want the same name at once, the second waits for the first one's row.
        if exists (select from tenancy.claims c where c.name = wanted and c.kind <> 'preview') then
            return 'taken';
        end if;
        insert into tenancy.claims (name, kind, tenant_id) values (wanted, wanted_kind, acting) on conflict do nothing;
        if found or exists (select from tenancy.claims c
                            where c.name = wanted and c.kind = wanted_kind and c.tenant_id = acting) then
            return 'ok';
        end if;
        return 'taken';
    end if;
    if exists (select from tenancy.claims c where c.name = wanted and c.kind = wanted_kind and c.tenant_id = acting) then
        return 'ok';
    end if;
    -- One claimant of a name or of anything above or below it at a time: the last of `above` is the
    -- shortest, two labels that all of those have in common.
    perform pg_advisory_xact_lock(hashtextextended('claim:' || above[array_length(above, 1)], 3));
    if exists (select from tenancy.reserved_names r where r.name = any(above)) then
        return 'reserved';
    end if;
    -- Whoever holds a name above a reserved one could answer for that too; only the platform may.
    if exists (select from tenancy.reserved_names r
               where tenancy.reversed(r.name) like tenancy.reversed(wanted) || '%')
        and not exists (select from tenancy.tenants t where t.tenant_id = acting and t.kind = 'platform') then
        return 'reserved';
    end if;
    if exists (select from tenancy.claims c where c.name = wanted and c.tenant_id <> acting) then
        return 'taken';
    end if;
    if exists (select from tenancy.claims c where c.name = any(above) and c.tenant_id <> acting) then
        return 'below';
    end if;
    if wanted_kind = 'zone' and exists (
        select from tenancy.claims c
        where tenancy.reversed(c.name) like tenancy.reversed(wanted) || '%'
          and c.kind = 'zone' and c.tenant_id <> acting) then
        return 'taken';
    end if;
    insert into tenancy.claims (name, kind, tenant_id) values (wanted, wanted_kind, acting) on conflict do nothing;
    return 'ok';
end
$$;
grant execute on function tenancy.claim to mpanel_app;
select mpanel.definer('tenancy.claim');

create function tenancy.release(wanted text, wanted_kind text) returns void
    language sql set search_path = pg_catalog
as $$
    delete from tenancy.claims where name = wanted and kind = wanted_kind and tenant_id = mpanel.tenant()
$$;
grant execute on function tenancy.release to mpanel_app;
select mpanel.definer('tenancy.release');

-- By what right a user acts for a tenant: its own membership, else the nearest ancestor's whose role reaches down; and
-- whether the tenant of that membership is suspended, ending, or stands below one that is.
-- In plpgsql, which keeps its plans: one in SQL is planned anew with each request.
create function tenancy.acting(user_id uuid, wanted uuid, reaching text[])
    returns table (kind text, role text, holder uuid, suspended boolean)
    language plpgsql stable set search_path = pg_catalog
as $$
#variable_conflict use_column
begin
    return query
    select t.kind, m.role, s.tenant_id, exists (
        select from tenancy.subtree up join tenancy.tenants a on a.tenant_id = up.tenant_id
        where up.descendant = s.tenant_id and a.state <> 'active')
    from tenancy.subtree s
    join tenancy.members m on m.tenant_id = s.tenant_id and m.user_id = acting.user_id
    join tenancy.tenants t on t.tenant_id = wanted
    where s.descendant = wanted and (s.depth = 0 or m.role = any(reaching))
    order by s.depth limit 1;
end
$$;
grant execute on function tenancy.acting to mpanel_spine;
select mpanel.definer('tenancy.acting');

create function tenancy.memberships(wanted uuid)
    returns table (id uuid, kind text, name text, slug text, role text)
    language sql stable set search_path = pg_catalog
as $$
    select t.tenant_id, t.kind, t.name, t.slug, m.role
    from tenancy.members m join tenancy.tenants t on t.tenant_id = m.tenant_id
    where m.user_id = wanted order by t.name, t.tenant_id
$$;
grant execute on function tenancy.memberships to mpanel_spine;
select mpanel.definer('tenancy.memberships');

-- How many tenants are on a plan of the acting tenant.
create function tenancy.subscribers(plan uuid) returns bigint
    language sql stable set search_path = pg_catalog
as $$
    select count(*) from tenancy.subscriptions s where s.seller_id = mpanel.tenant() and s.plan_id = plan
$$;
grant execute on function tenancy.subscribers to mpanel_app;
select mpanel.definer('tenancy.subscribers');

-- Gives the membership in the acting tenant that an invitation made to the person who accepts it with
-- an account that they have already; who is a member already keeps the own role.
create function tenancy.hand_over_membership(from_user uuid, to_user uuid) returns void
    language plpgsql set search_path = pg_catalog
as $$
begin
    insert into tenancy.members (tenant_id, user_id, role, created_at)
    select m.tenant_id, to_user, m.role, m.created_at from tenancy.members m
    where m.tenant_id = mpanel.tenant() and m.user_id = from_user
    on conflict do nothing;
    delete from tenancy.members m where m.tenant_id = mpanel.tenant() and m.user_id = from_user;
end
$$;
revoke all on function tenancy.hand_over_membership from public;
grant execute on function tenancy.hand_over_membership to mpanel_app;

-- Makes a user a member of the acting tenant or of one below it; false when it is one already.
create function tenancy.add_member(wanted uuid, new_user uuid, new_role text, at timestamptz) returns boolean
    language plpgsql set search_path = pg_catalog
as $$
begin
    if not tenancy.is_within(wanted) then
        raise exception 'tenant % is not below the acting one', wanted using errcode = 'insufficient_privilege';
    end if;
    insert into tenancy.members (tenant_id, user_id, role, created_at) values (wanted, new_user, new_role, at)
    on conflict do nothing;
    return found;
end
$$;
grant execute on function tenancy.add_member to mpanel_app;
select mpanel.definer('tenancy.add_member');
