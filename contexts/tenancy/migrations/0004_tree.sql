-- What changes the tree itself.

-- Moves a tenant, with everybody below it, below another seller; both stand below the acting tenant, or it is the seller. Returns 'ok', or why not, with the key that does not fit:
-- 'gone', 'cycle', 'there', 'not_a_seller', 'suspended', 'ending', 'needs_plan', 'oversold', 'over_plan', 'over_path'.
create function tenancy.move_tenant(
    wanted uuid, target uuid, plan uuid, plan_version int, overrides jsonb, limits jsonb, at timestamptz,
    out outcome text, out over text, out left_parent uuid
)
    language plpgsql set search_path = pg_catalog
as $$
declare
    acting uuid := mpanel.tenant();
begin
    -- Everybody who counts along the tree has finished, and waits until this has.
    perform pg_advisory_xact_lock(3, 2);
    select t.parent_id into left_parent
    from tenancy.subtree s join tenancy.tenants t on t.tenant_id = s.descendant
    where s.tenant_id = acting and s.descendant = wanted and s.depth > 0 for no key update of t;
    outcome := case
        when not found
            or not exists (select from tenancy.subtree s where s.tenant_id = acting and s.descendant = target) then 'gone'
        when exists (select from tenancy.subtree s where s.tenant_id = wanted and s.descendant = target) then 'cycle'
        when left_parent = target then 'there'
        when (select t.kind from tenancy.tenants t where t.tenant_id = target) = 'customer' then 'not_a_seller'
        when exists (select from tenancy.subtree s join tenancy.tenants t on t.tenant_id = s.tenant_id
                     where s.descendant = target and t.state <> 'active') then 'suspended'
        when (select t.state from tenancy.tenants t where t.tenant_id = wanted) = 'terminating' then 'ending'
        when plan is null and exists (select from tenancy.subscriptions u where u.tenant_id = wanted) then 'needs_plan'
        else 'ok'
    end;
    if outcome <> 'ok' then
        return;
    end if;
    if plan is not null then
        over := tenancy.oversold(target, limits);
        if over is not null then
            outcome := 'oversold';
            return;
        end if;
        select c.key into over from tenancy.counters c join jsonb_each(limits) l on l.key = c.key
        where c.tenant_id = wanted and jsonb_typeof(l.value) <> 'null' and c.used > (l.value #>> '{}')::bigint
        order by c.key limit 1;
        if over is not null then
            outcome := 'over_plan';
            return;
        end if;
    end if;
    -- Who stands above it before and after has its use already. What no plan gives a seller it has none of.
    select moved.key into over
    from tenancy.counters moved
    join tenancy.subtree up on up.descendant = target
    join tenancy.tenants a on a.tenant_id = up.tenant_id and a.kind <> 'platform'
    left join tenancy.counters c on c.tenant_id = a.tenant_id and c.key = moved.key
    where moved.tenant_id = wanted and moved.used > 0
      and not exists (select from tenancy.subtree s where s.tenant_id = a.tenant_id and s.descendant = wanted)
      and (c.tenant_id is null or moved.used > c.max_allowed - c.used)
    order by moved.key limit 1;
    if over is not null then
        outcome := 'over_path';
        return;
    end if;

    update tenancy.counters c set used = c.used - moved.used
    from tenancy.counters moved, tenancy.subtree up, tenancy.tenants a
    where moved.tenant_id = wanted and up.descendant = wanted and up.depth > 0
      and a.tenant_id = up.tenant_id and a.kind <> 'platform'
      and c.tenant_id = a.tenant_id and c.key = moved.key
      and not exists (select from tenancy.subtree s where s.tenant_id = a.tenant_id and s.descendant = target);
    update tenancy.counters c set used = c.used + moved.used
    from tenancy.counters moved, tenancy.subtree up, tenancy.tenants a
    where moved.tenant_id = wanted and up.descendant = target
      and a.tenant_id = up.tenant_id and a.kind <> 'platform'
      and c.tenant_id = a.tenant_id and c.key = moved.key
      and not exists (select from tenancy.subtree s where s.tenant_id = a.tenant_id and s.descendant = wanted);

    delete from tenancy.subtree_resources r using tenancy.subtree up, tenancy.subtree_resources own
    where own.tenant_id = wanted and up.descendant = wanted and up.depth > 0
      and r.tenant_id = up.tenant_id and r.id = own.id;
    delete from tenancy.subtree s using tenancy.subtree below, tenancy.subtree up
    where below.tenant_id = wanted and up.descendant = wanted and up.depth > 0
      and s.tenant_id = up.tenant_id and s.descendant = below.descendant;
    insert into tenancy.subtree (tenant_id, descendant, depth)
    select up.tenant_id, below.descendant, up.depth + 1 + below.depth
    from tenancy.subtree up cross join tenancy.subtree below
    where up.descendant = target and below.tenant_id = wanted;
    insert into tenancy.subtree_resources (tenant_id, id, kind, owner, subject, name, stem, turned, status)
    select up.tenant_id, own.id, own.kind, own.owner, own.subject, own.name, own.stem, own.turned, own.status
    from tenancy.subtree up cross join tenancy.subtree_resources own
    where up.descendant = target and own.tenant_id = wanted;

    update tenancy.tenants t set parent_id = target, version = version + 1 where t.tenant_id = wanted;
    if plan is not null then
        perform tenancy.put_on_plan(wanted, target, plan, plan_version, overrides, limits, at);
    end if;
end
$$;
grant execute on function tenancy.move_tenant to mpanel_app;
select mpanel.definer('tenancy.move_tenant');

-- Lets a tenant below the acting one end at a time, or later than it was to; or no longer. Null when its state is another.
create function tenancy.end_tenant(wanted uuid, seen bigint, ends timestamptz, most bigint) returns bigint
    language sql set search_path = pg_catalog
as $$
    update tenancy.tenants
    set state_before = case when state = 'terminating' then state_before else state end,
        state = 'terminating', ends_at = ends, agreed = most, version = version + 1
    where tenant_id = wanted and version = seen and not erasing and state <> 'terminated' and kind <> 'platform'
      and wanted <> mpanel.tenant() and tenancy.is_within(wanted)
    returning version
$$;
grant execute on function tenancy.end_tenant to mpanel_app;
select mpanel.definer('tenancy.end_tenant');

create function tenancy.restore_tenant(wanted uuid) returns bigint
    language sql set search_path = pg_catalog
as $$
    update tenancy.tenants
    set state = state_before, state_before = null, ends_at = null, agreed = 0, version = version + 1
    where tenant_id = wanted and state = 'terminating' and not erasing
      and wanted <> mpanel.tenant() and tenancy.is_within(wanted)
    returning version
$$;
grant execute on function tenancy.restore_tenant to mpanel_app;
select mpanel.definer('tenancy.restore_tenant');

-- How many tenants stand below the acting one or one below it, itself included.
create function tenancy.size(wanted uuid) returns bigint
    language sql stable set search_path = pg_catalog
as $$
    select count(*) from tenancy.subtree s where s.tenant_id = wanted and tenancy.is_within(wanted)
$$;
grant execute on function tenancy.size to mpanel_app;
select mpanel.definer('tenancy.size');

-- Begins the removal of the acting tenant, whose time is over, with everybody below it: from here on there is no way
-- back. False when its end was called off meanwhile, or more than `most` stand there by now.
create function tenancy.begin_erasing(most bigint, at timestamptz) returns boolean
    language plpgsql set search_path = pg_catalog
as $$
declare
    wanted uuid := mpanel.tenant();
begin
    perform pg_advisory_xact_lock(3, 2);
    if not exists (select from tenancy.tenants t
                   where t.tenant_id = wanted and t.state = 'terminating' and not t.erasing and t.ends_at <= at)
        or (select count(*) from tenancy.subtree s where s.tenant_id = wanted) > most then
        return false;
    end if;
    update tenancy.tenants t
    set state = 'terminating', ends_at = coalesce(t.ends_at, begin_erasing.at), erasing = true, version = version + 1,
        state_before = case when t.state = 'terminating' then t.state_before else t.state end
    from tenancy.subtree s
    where s.tenant_id = wanted and t.tenant_id = s.descendant;
    return true;
end
$$;
grant execute on function tenancy.begin_erasing to mpanel_app;
select mpanel.definer('tenancy.begin_erasing');

-- Leaves the tombstone of the acting tenant, which has nothing any more and nobody below it. False when it is one already.
create function tenancy.bury(at timestamptz) returns boolean
    language plpgsql set search_path = pg_catalog
as $$
declare
    wanted uuid := mpanel.tenant();
begin
    perform tenancy.hold_path(wanted);
    perform from tenancy.tenants t
    where t.tenant_id = wanted and t.erasing and t.state = 'terminating'
      and not exists (select from tenancy.tenants c where c.parent_id = wanted and c.state <> 'terminated')
    for no key update of t;
    if not found then
        return false;
    end if;
    -- Nothing, unless something was counted that is not there.
    update tenancy.counters c set used = greatest(c.used - own.used, 0)
    from tenancy.counters own, tenancy.subtree up, tenancy.tenants a
    where own.tenant_id = wanted and own.used > 0 and up.descendant = wanted and up.depth > 0
      and a.tenant_id = up.tenant_id and a.kind <> 'platform'
      and c.tenant_id = a.tenant_id and c.key = own.key;
    delete from tenancy.counters c where c.tenant_id = wanted;
    delete from tenancy.subscriptions u where u.tenant_id = wanted;
    delete from tenancy.members m where m.tenant_id = wanted;
    delete from tenancy.roles r where r.tenant_id = wanted;
    delete from tenancy.assumptions a where a.tenant_id = wanted;
    delete from tenancy.support_settings c where c.tenant_id = wanted;
    delete from tenancy.claims c where c.tenant_id = wanted;
    delete from tenancy.subtree_resources r using tenancy.subtree up
    where up.descendant = wanted and r.tenant_id = up.tenant_id and r.owner = wanted;
    delete from tenancy.subtree s where s.descendant = wanted;
    -- What it has sold stays with the versions of its plans, which never change.
    update tenancy.plans p set archived = true where p.tenant_id = wanted;
    update tenancy.tenants t
    set state = 'terminated', ends_at = null, ended_at = bury.at, version = version + 1
    where t.tenant_id = wanted;
    return true;
end
$$;
grant execute on function tenancy.bury to mpanel_app;
select mpanel.definer('tenancy.bury');

-- What everybody below a tenant has, kept by a consumer of the feed (`tenancy.subtree`): each thing once for its owner
-- and once for each of those above, so that a search is one range of one index, whoever searches.
create table tenancy.subtree_resources (
    -- Whoever may find it.
    tenant_id uuid not null,
    id uuid not null,
    kind text not null check (kind in ('site', 'domain', 'zone')),
    -- Whose it is.
    owner uuid not null,
    -- The site or zone that it is, or the site that it belongs to.
    subject uuid not null,
    name text not null,
    -- As it is searched for: lower-case, without `www.`; and of a host name its labels from the last to the first.
    stem text collate "C" not null,
    turned text collate "C",
    status text not null,
    primary key (tenant_id, id)
);
create index subtree_resources_stem on tenancy.subtree_resources (tenant_id, stem, id);
create index subtree_resources_turned on tenancy.subtree_resources (tenant_id, turned, id) where turned is not null;
create index subtree_resources_subject on tenancy.subtree_resources (subject, tenant_id);
select mpanel.protect('tenancy.subtree_resources');
-- Only the consumer and what changes the tree write it.
revoke insert, update, delete on tenancy.subtree_resources from mpanel_app;

create function tenancy.resource_id(subject uuid, kind text, name text) returns uuid
    language sql immutable parallel safe set search_path = pg_catalog
as $$ select case when kind = 'domain' then md5(name)::uuid else subject end $$;
revoke all on function tenancy.resource_id from public;
grant execute on function tenancy.resource_id to mpanel_platform;

-- Writes what tenants have of some subjects, each for its owner and all above; what is no longer among it goes. What is
-- a host name is one thing, wherever it belongs: it has an id by its name.
create function tenancy.describe(
    described uuid[], subjects uuid[], owners uuid[], kinds text[], names text[], stems text[], statuses text[]
) returns void
    language plpgsql set search_path = pg_catalog
as $$
begin
    perform tenancy.hold_tree();
    delete from tenancy.subtree_resources r
    where r.subject = any(described)
      and not exists (
          select from unnest(subjects, owners, kinds, names) as w (subject, owner, kind, name)
          join tenancy.subtree up on up.descendant = w.owner
          where r.id = tenancy.resource_id(w.subject, w.kind, w.name) and r.tenant_id = up.tenant_id);
    insert into tenancy.subtree_resources (tenant_id, id, kind, owner, subject, name, stem, turned, status)
    select up.tenant_id, tenancy.resource_id(w.subject, w.kind, w.name), w.kind, w.owner, w.subject, w.name, w.stem,
           case when w.kind <> 'site' then tenancy.reversed(w.name) end, w.status
    from unnest(subjects, owners, kinds, names, stems, statuses) as w (subject, owner, kind, name, stem, status)
    join tenancy.subtree up on up.descendant = w.owner
    on conflict (tenant_id, id) do update
    set owner = excluded.owner, subject = excluded.subject, name = excluded.name, stem = excluded.stem,
        turned = excluded.turned, status = excluded.status;
end
$$;
revoke all on function tenancy.describe from public;
grant execute on function tenancy.describe to mpanel_platform;

-- What the acting tenant and everybody below it have whose name begins with a text, or is a name below it (`turned_text`
-- ends with a dot); with whose it is. In plpgsql, which keeps its plans. Ranges and not `like`, so that they keep to the
-- indexes whatever is asked for.
create function tenancy.find(text_wanted text, turned_text text, only_kind text, after uuid, most bigint)
    returns table (
        id uuid, kind text, subject uuid, name text, status text,
        owner uuid, owner_name text, owner_kind text, owner_state text
    )
    language plpgsql stable set search_path = pg_catalog
as $$
#variable_conflict use_column
declare
    acting uuid := mpanel.tenant();
begin
    if text_wanted is null then
        return query
        select r.id, r.kind, r.subject, r.name, r.status, r.owner, t.name, t.kind, t.state
        from tenancy.subtree_resources r
        cross join lateral (select o.name, o.kind, o.state from tenancy.tenants o where o.tenant_id = r.owner limit 1) t
        where r.tenant_id = acting and r.id > coalesce(after, '00000000-0000-0000-0000-000000000000')
          and (only_kind is null or r.kind = only_kind)
        order by r.id limit most;
        return;
    end if;
    -- The limits within keep each half to what is shown, and the laterals to one row of a key each: no plan, however
    -- general, reads a whole table for the sake of a page.
    return query
    select r.id, r.kind, r.subject, r.name, r.status, r.owner, t.name, t.kind, t.state
    from (
        (select f.id, f.kind, f.subject, f.name, f.status, f.owner, f.stem from tenancy.subtree_resources f
         where f.tenant_id = acting and f.stem >= text_wanted and f.stem < text_wanted || chr(1114111)
           and (only_kind is null or f.kind = only_kind)
         order by f.stem, f.id limit most)
        union
        (select f.id, f.kind, f.subject, f.name, f.status, f.owner, f.stem from tenancy.subtree_resources f
         where f.tenant_id = acting and f.turned >= turned_text and f.turned < turned_text || chr(1114111)
           and (only_kind is null or f.kind = only_kind)
         order by f.turned, f.id limit most)
    ) r
    cross join lateral (select o.name, o.kind, o.state from tenancy.tenants o where o.tenant_id = r.owner limit 1) t
    order by length(r.stem), r.stem, r.kind, r.id limit most;
end
$$;
grant execute on function tenancy.find to mpanel_app;
select mpanel.definer('tenancy.find');
