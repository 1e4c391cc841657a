-- Events that nothing more is tried with are looked at and decided on by people.
alter table spine.set_aside
    add column id uuid not null default gen_random_uuid(),
    add column died_at timestamptz,
    -- Of the same resource as one that is dead, and after it: it waits for what becomes of that one, so that a resource's events
    -- are taken on in their order whatever happens. One after it that comes anew has the dead one tried once more.
    add column behind boolean not null default false;
update spine.set_aside set died_at = due_at where dead;
create index set_aside_id on spine.set_aside (id);
create index set_aside_dead on spine.set_aside (consumer, tenant_id, key) where dead;

-- Gives what is dead of the acting tenant's all its attempts again, one or all of a consumer; what stands behind it follows in
-- order. Nil is what is no tenant's. Says how many there were.
create function spine.retry_dead_events(of_consumer text, one uuid) returns bigint
    language plpgsql set search_path = pg_catalog
as $$
declare
    revived bigint;
begin
    with chosen as (
        update spine.set_aside s set dead = false, died_at = null, attempts = 0, due_at = now()
        where s.dead and coalesce(s.tenant_id, '00000000-0000-0000-0000-000000000000') = mpanel.tenant()
          and (of_consumer is null or s.consumer = of_consumer) and (one is null or s.id = one)
        returning s.consumer, s.tenant_id, s.key
    ), followers as (
        update spine.set_aside s set behind = false, due_at = now() from chosen c
        where s.behind and s.consumer = c.consumer and s.tenant_id is not distinct from c.tenant_id and s.key = c.key
    )
    select count(*) from chosen into revived;
    return revived;
end
$$;
grant execute on function spine.retry_dead_events to mpanel_app;
select mpanel.definer('spine.retry_dead_events');

-- Removes a dead event of the acting tenant's; what stands behind it has its turn. False when there is none.
create function spine.discard_dead_event(one uuid) returns boolean
    language plpgsql set search_path = pg_catalog
as $$
declare
    gone spine.set_aside;
begin
    delete from spine.set_aside s
    where s.dead and s.id = one and coalesce(s.tenant_id, '00000000-0000-0000-0000-000000000000') = mpanel.tenant()
    returning s.* into gone;
    if gone.id is null then
        return false;
    end if;
    update spine.set_aside s set behind = false, due_at = now()
    where s.behind and s.consumer = gone.consumer and s.tenant_id is not distinct from gone.tenant_id and s.key = gone.key;
    return true;
end
$$;
grant execute on function spine.discard_dead_event to mpanel_app;
select mpanel.definer('spine.discard_dead_event');

-- A consumer that somebody wants built anew: there is a row from then until that is done, without a marker until it begins.
alter table spine.rebuilds alter column marker drop not null;
grant select on spine.rebuilds to mpanel_spine;

-- Has a consumer build itself anew, from the beginning also when it is about to. It takes nothing from anybody: what is known
-- stays until it is known better.
create function spine.rebuild_consumer(named text) returns void
    language sql set search_path = pg_catalog
as $$
    insert into spine.rebuilds (consumer, epoch, seq)
    select named, epoch, last_seq from spine.feed_meta
    on conflict (consumer) do update set epoch = excluded.epoch, seq = excluded.seq, marker = null
$$;
grant execute on function spine.rebuild_consumer to mpanel_app;
select mpanel.definer('spine.rebuild_consumer');
