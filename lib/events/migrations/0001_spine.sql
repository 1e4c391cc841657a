-- Changes are written here in the transaction that makes them. One leader moves them to the feed
-- in the order in which it sees them committed; ids of the outbox say nothing about that order.
create table spine.outbox (
    id bigint generated always as identity primary key,
    tenant_id uuid,
    kind text not null check (kind in ('event', 'state')),
    topic text not null,
    key text not null,
    generation bigint not null default 0,
    value jsonb,
    at timestamptz not null,
    -- Of the value as text: batches are cut by it.
    bytes integer not null generated always as (coalesce(octet_length(value::text), 0)) stored
);
alter table spine.outbox enable row level security;
alter table spine.outbox force row level security;
create policy tenant on spine.outbox for insert to mpanel_app with check (tenant_id = mpanel.tenant());
create policy platform on spine.outbox for insert to mpanel_platform with check (true);
create policy spine on spine.outbox to mpanel_spine using (true);
grant insert on spine.outbox to mpanel_app, mpanel_platform;
grant select, insert, delete on spine.outbox to mpanel_spine;

create function spine.wake() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    perform pg_notify(tg_argv[0], '');
    return null;
end
$$;
create trigger wake after insert on spine.outbox for each statement execute function spine.wake('mpanel_outbox');

-- What happened, in order. A state only says here that it changed: its value stands once, in
-- spine.feed_state, so that what is written a thousand times does not stand here a thousand times.
create table spine.feed (
    seq bigint primary key,
    tenant_id uuid,
    kind text not null,
    topic text not null,
    key text not null,
    generation bigint not null,
    value jsonb check (kind = 'event' or value is null),
    at timestamptz not null,
    bytes integer not null generated always as (coalesce(octet_length(value::text), 0)) stored
);
create index feed_tenant on spine.feed (tenant_id, seq) where kind = 'event';
create trigger wake after insert on spine.feed for each statement execute function spine.wake('mpanel_feed');

-- The newest state of every object. A data plane is sent those that are newer than what it has.
create table spine.feed_state (
    topic text not null,
    key text not null,
    seq bigint not null,
    generation bigint not null,
    -- Null when it is gone; the row stays for as long as the feed reaches back, so that one can wait for the removal.
    value jsonb,
    bytes integer not null generated always as (coalesce(octet_length(value::text), 0)) stored,
    primary key (topic, key)
);
create unique index feed_state_seq on spine.feed_state (seq);
create index feed_state_gone on spine.feed_state (seq) where value is null;

create table spine.feed_meta (
    singleton boolean primary key default true check (singleton),
    -- A new one after a restore: numbers of another history are then never mistaken for this one's.
    epoch uuid not null default gen_random_uuid(),
    -- Which files this table is in, of which cluster: a copy that was restored finds itself in others.
    origin text,
    last_seq bigint not null default 0,
    -- Rows up to here are gone from spine.feed.
    pruned_seq bigint not null default 0
);
insert into spine.feed_meta default values;

-- Where each durable consumer stands.
create table spine.consumers (
    name text primary key,
    epoch uuid not null,
    seq bigint not null
);

-- Events that a consumer could not take on, and those of the same tenant behind them: whatever one event does to it, the
-- others' go on. After some attempts an event is dead, and those behind it have their turn.
create table spine.set_aside (
    consumer text not null,
    seq bigint not null,
    tenant_id uuid,
    topic text not null,
    key text not null,
    value jsonb,
    attempts integer not null default 0,
    error text,
    due_at timestamptz not null default now(),
    dead boolean not null default false,
    primary key (consumer, seq)
);
grant select, insert, update, delete on spine.set_aside to mpanel_platform, mpanel_spine;
grant select, insert, update, delete on spine.feed, spine.feed_state, spine.consumers to mpanel_spine;
grant select, update on spine.feed_meta to mpanel_spine;
grant select, insert, update on spine.consumers to mpanel_platform;
grant select on spine.feed_meta, spine.feed_state to mpanel_platform;

-- The audit log: rows are added and read, never changed. `entry` holds the canonical bytes that a
-- later chain of hashes can cover; the columns repeat what searches need.
create table spine.audit (
    tenant_id uuid not null,
    id uuid not null,
    at timestamptz not null,
    actor text not null,
    assumed_from uuid,
    action text not null,
    subject text not null,
    request_id uuid not null,
    entry bytea not null,
    primary key (tenant_id, id)
);
create index audit_subject on spine.audit (tenant_id, subject, id);
create index audit_actor on spine.audit (tenant_id, actor, id);
select mpanel.protect('spine.audit');
revoke update, delete on spine.audit from mpanel_app, mpanel_platform;

create table spine.idempotency (
    tenant_id uuid not null,
    actor text not null,
    key text not null,
    operation text not null,
    request_hash bytea not null,
    -- Sealed; `null` until the transaction that did the work commits, and then never.
    response bytea not null,
    expires_at timestamptz not null,
    primary key (tenant_id, actor, key)
);
create index idempotency_expiry on spine.idempotency (expires_at);
select mpanel.protect('spine.idempotency');
create policy spine on spine.idempotency to mpanel_spine using (true);
grant select, delete on spine.idempotency to mpanel_spine;

-- Data keys, wrapped by the master key. The platform's own stand under the nil tenant.
create table spine.data_keys (
    tenant_id uuid not null,
    id bigint generated always as identity,
    wrapped bytea not null,
    primary key (tenant_id, id)
);
select mpanel.protect('spine.data_keys');
revoke update, delete on spine.data_keys from mpanel_app;

grant usage on schema spine to mpanel_app, mpanel_platform, mpanel_spine;
