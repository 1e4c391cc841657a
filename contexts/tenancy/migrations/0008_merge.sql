-- One tenant takes over another: everybody below the one stands below the other from then on, and what is left of it ends.

-- Keeps everybody else out of the tree, as `tenancy.move_tenant` does, and keeps the first of two tenants at or below the acting
-- one from getting anything: rows that name it wait for the end of the transaction. What is read of both after that is what there
-- is. False when one of them is not there.
create function tenancy.hold_for_merge(source uuid, target uuid) returns boolean
    language plpgsql set search_path = pg_catalog set lock_timeout = '2s'
as $$
begin
    -- Nobody waits for the sake of tenants of others.
    if not (tenancy.is_within(source) and tenancy.is_within(target)) then
        return false;
    end if;
    perform pg_advisory_xact_lock(3, 2);
    perform from tenancy.tenants t where t.tenant_id = source for update;
    perform from tenancy.tenants t where t.tenant_id = target for no key update;
    return tenancy.is_within(source) and tenancy.is_within(target);
end
$$;
grant execute on function tenancy.hold_for_merge to mpanel_app;
select mpanel.definer('tenancy.hold_for_merge');

-- How two tenants at or below the acting one stand to each other: whether the first is above the second, whether the second is
-- active with all above it, and how many stand directly below the first.
create function tenancy.merge_standing(source uuid, target uuid, out above boolean, out active boolean, out children bigint)
    language sql stable set search_path = pg_catalog
as $$
    select exists (select from tenancy.subtree s where s.tenant_id = source and s.descendant = target),
           not exists (select from tenancy.subtree s join tenancy.tenants t on t.tenant_id = s.tenant_id
                       where s.descendant = target and t.state <> 'active'),
           (select count(*) from tenancy.tenants t where t.parent_id = source and t.state <> 'terminated')
    where tenancy.is_within(source) and tenancy.is_within(target)
$$;
grant execute on function tenancy.merge_standing to mpanel_app;
select mpanel.definer('tenancy.merge_standing');

-- What does not fit when everybody below a tenant goes below another one, both at or below the acting one:
-- 'own', a key of which the tenant itself uses something; 'oversold', somebody below who is promised more of a key than the other
-- tenant has without leave to oversell; 'no_room', a key of which somebody on the new way up has not enough left. Who stands above
-- both has what they use counted already.
create function tenancy.merge_misfits(source uuid, target uuid) returns table (misfit text, key text, tenant uuid, name text)
    language sql stable set search_path = pg_catalog
as $$
    (select 'own', own.key, t.tenant_id, t.name
     from tenancy.counters own join tenancy.tenants t on t.tenant_id = own.tenant_id
     where tenancy.is_within(source) and tenancy.is_within(target) and own.tenant_id = source
       and own.used <> coalesce((
           select sum(c.used) from tenancy.tenants child
           join tenancy.counters c on c.tenant_id = child.tenant_id and c.key = own.key
           where child.parent_id = source and child.state <> 'terminated'), 0)
     order by own.key)
    union all
    (select 'oversold', promised.key, child.tenant_id, child.name
     from tenancy.tenants child
     join tenancy.subscriptions u on u.tenant_id = child.tenant_id
     join tenancy.counters promised on promised.tenant_id = child.tenant_id
     left join tenancy.counters c on c.tenant_id = target and c.key = promised.key
     where tenancy.is_within(source) and tenancy.is_within(target)
       and child.parent_id = source and child.state <> 'terminated'
       and (c.tenant_id is null or c.max_allowed is not null)
       and (promised.max_allowed is null or promised.max_allowed > coalesce(c.max_allowed, 0))
       and not exists (
           select from tenancy.subscriptions s
           join tenancy.plan_versions v
             on v.tenant_id = s.seller_id and v.plan_id = s.plan_id and v.number = s.plan_version
           where s.tenant_id = target and v.oversell)
     order by child.tenant_id, promised.key limit 20)
    union all
    (select 'no_room', moved.key, a.tenant_id, a.name
     from tenancy.counters moved
     join tenancy.subtree up on up.descendant = target
     join tenancy.tenants a on a.tenant_id = up.tenant_id and a.kind <> 'platform'
     left join tenancy.counters c on c.tenant_id = a.tenant_id and c.key = moved.key
     where tenancy.is_within(source) and tenancy.is_within(target) and moved.tenant_id = source and moved.used > 0
       and not exists (select from tenancy.subtree s where s.tenant_id = a.tenant_id and s.descendant = source)
       and (c.tenant_id is null or moved.used > c.max_allowed - c.used)
     order by up.depth, moved.key limit 20)
$$;
grant execute on function tenancy.merge_misfits to mpanel_app;
select mpanel.definer('tenancy.merge_misfits');

-- Does it, after `tenancy.hold_for_merge` and once all has been looked at: `sold` are the plans of the first tenant that somebody
-- below is on, `copies` and `names` what they become at the second, with all their versions. Returns who stands below the second
-- now, with the plan before and after. The first, with nobody below, is to end at `ends`.
create function tenancy.merge_tenants(
    source uuid, target uuid, sold uuid[], copies uuid[], names text[], at timestamptz, ends timestamptz
) returns table (tenant uuid, kind text, plan_before uuid, plan_after uuid)
    language plpgsql set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    acting uuid := mpanel.tenant();
    own_path uuid[];
    new_path uuid[];
    child uuid[];
begin
    perform pg_advisory_xact_lock(3, 2);
    if source = acting or not (tenancy.is_within(source) and tenancy.is_within(target))
        or exists (select from tenancy.subtree s where s.tenant_id = source and s.descendant = target)
        or exists (select from tenancy.merge_misfits(source, target)) then
        raise exception 'tenant % cannot be merged into %', source, target using errcode = 'insufficient_privilege';
    end if;
    child := array(select t.tenant_id from tenancy.tenants t where t.parent_id = source and t.state <> 'terminated');
    -- Whose figures and findings change: those on one of the two ways up and not on the other.
    own_path := array(
        select s.tenant_id from tenancy.subtree s where s.descendant = source
        except select s.tenant_id from tenancy.subtree s where s.descendant = target);
    new_path := array(
        select s.tenant_id from tenancy.subtree s where s.descendant = target
        except select s.tenant_id from tenancy.subtree s where s.descendant = source);

    insert into tenancy.plans (tenant_id, id, name, archived, latest, created_at)
    select target, w.copy, w.name, p.archived, p.latest, merge_tenants.at
    from unnest(sold, copies, names) as w (plan, copy, name)
    join tenancy.plans p on p.tenant_id = source and p.id = w.plan;
    insert into tenancy.plan_versions (tenant_id, plan_id, number, entitlements, oversell, created_at)
    select target, w.copy, v.number, v.entitlements, v.oversell, v.created_at
    from unnest(sold, copies) as w (plan, copy)
    join tenancy.plan_versions v on v.tenant_id = source and v.plan_id = w.plan;
    -- The limits stay as they are: they stand with those who have them.
    update tenancy.subscriptions u set seller_id = target, plan_id = w.copy
    from unnest(sold, copies) as w (plan, copy)
    where u.tenant_id = any(child) and u.seller_id = source and u.plan_id = w.plan;
    if exists (select from tenancy.subscriptions u where u.tenant_id = any(child) and u.seller_id = source) then
        raise exception 'somebody below % is on a plan that does not go along', source;
    end if;

    update tenancy.counters c set used = c.used + moved.used
    from tenancy.counters moved, tenancy.tenants a
    where moved.tenant_id = source and a.tenant_id = any(new_path) and a.kind <> 'platform'
      and c.tenant_id = a.tenant_id and c.key = moved.key;
    -- The source's own among them, which are nothing after that.
    update tenancy.counters c set used = c.used - moved.used
    from (select m.key, m.used from tenancy.counters m where m.tenant_id = source) moved, tenancy.tenants a
    where a.tenant_id = any(own_path) and a.kind <> 'platform'
      and c.tenant_id = a.tenant_id and c.key = moved.key;

    insert into tenancy.subtree_resources as r (tenant_id, id, kind, owner, subject, name, stem, turned, status)
    select up, own.id, own.kind, own.owner, own.subject, own.name, own.stem, own.turned, own.status
    from unnest(new_path) as up cross join tenancy.subtree_resources own
    where own.tenant_id = source and own.owner <> source
    on conflict (tenant_id, id) do update
    set owner = excluded.owner, subject = excluded.subject, name = excluded.name, stem = excluded.stem,
        turned = excluded.turned, status = excluded.status;
    delete from tenancy.subtree_resources r using tenancy.subtree below
    where below.tenant_id = source and below.depth > 0 and r.owner = below.descendant and r.tenant_id = any(own_path);

    -- The source's own rows say how deep everybody stands, and go last.
    delete from tenancy.subtree s using tenancy.subtree below, tenancy.subtree up
    where below.tenant_id = source and below.depth > 0 and up.descendant = source and up.depth > 0
      and s.tenant_id = up.tenant_id and s.descendant = below.descendant;
    insert into tenancy.subtree (tenant_id, descendant, depth)
    select up.tenant_id, below.descendant, up.depth + below.depth
    from tenancy.subtree up cross join tenancy.subtree below
    where up.descendant = target and below.tenant_id = source and below.depth > 0;
    delete from tenancy.subtree s where s.tenant_id = source and s.depth > 0;

    update tenancy.tenants t set parent_id = target, version = version + 1 where t.tenant_id = any(child);
    update tenancy.tenants t
    set state_before = t.state, state = 'terminating', ends_at = ends, agreed = 1, version = version + 1
    where t.tenant_id = source and t.state in ('active', 'suspended');
    return query
    select t.tenant_id, t.kind, w.plan, u.plan_id
    from tenancy.tenants t
    left join tenancy.subscriptions u on u.tenant_id = t.tenant_id
    left join unnest(sold, copies) as w (plan, copy) on w.copy = u.plan_id
    where t.tenant_id = any(child) order by t.tenant_id;
end
$$;
grant execute on function tenancy.merge_tenants to mpanel_app;
select mpanel.definer('tenancy.merge_tenants');
