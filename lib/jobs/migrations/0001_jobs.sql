-- Work that outlives a request. A lease says who works on a row and until when it may be believed;
-- leases are judged by the database's clock, the one clock that all servers share. No transaction
-- stays open while work is done.

create function jobs.wake() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    perform pg_notify('mpanel_jobs', '');
    return null;
end
$$;

create table jobs.operations (
    tenant_id uuid not null,
    id uuid not null,
    kind text not null,
    -- What it changes, by wire id; operations on one subject run one after the other.
    subject text not null,
    state text not null default 'pending'
        check (state in ('pending', 'running', 'undoing', 'succeeded', 'failed', 'cancelled')),
    input jsonb not null,
    progress_done bigint,
    progress_total bigint,
    progress_unit text,
    -- {code, message}; why it is being undone or has failed.
    error jsonb,
    cancel_requested boolean not null default false,
    -- What it has begun cannot be taken back: it takes no cancellation any more.
    irrevocable boolean not null default false,
    -- Since when a step fails that would be undone if it could be: it is tried again for ever, and somebody is to look.
    stuck_since timestamptz,
    -- Who started it, by which request, and from where the tenant was assumed and why, for the audit entries of its steps.
    actor text not null,
    assumed_from uuid,
    assumption uuid,
    assumption_reason text,
    request_id uuid not null,
    -- Of the process at work, and of this one taking: a worker whose lease was taken over is told by it.
    worker text,
    lease uuid,
    lease_until timestamptz,
    -- Not to be taken before: a step wants to be tried again later.
    due_at timestamptz not null default now(),
    finish_attempts integer not null default 0,
    created_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz,
    primary key (tenant_id, id)
);
-- What a scheduler looks at is all in it.
create index operations_unfinished on jobs.operations (tenant_id, id)
    include (state, subject, kind, due_at, lease_until) where finished_at is null;
create index operations_waiting on jobs.operations (tenant_id, subject, id) where state = 'pending';
create index operations_subject on jobs.operations (tenant_id, subject, id);
-- Whatever a scheduler does, one subject has one operation at work.
create unique index operations_one_at_a_time on jobs.operations (tenant_id, subject)
    where state in ('running', 'undoing');
create index operations_stuck on jobs.operations (stuck_since) where stuck_since is not null;
create index operations_finished on jobs.operations (finished_at) where finished_at is not null;
select mpanel.protect('jobs.operations');
create policy spine on jobs.operations to mpanel_spine using (true);
create trigger wake after insert or update of cancel_requested on jobs.operations
    for each statement execute function jobs.wake();

create table jobs.operation_steps (
    tenant_id uuid not null,
    operation_id uuid not null,
    position smallint not null,
    key text not null,
    title text not null,
    state text not null default 'pending'
        check (state in ('pending', 'running', 'done', 'failed', 'undone', 'skipped')),
    -- Times it was begun, so that one which takes the process with it is not begun for ever.
    attempts integer not null default 0,
    undo_attempts integer not null default 0,
    output jsonb,
    error text,
    started_at timestamptz,
    finished_at timestamptz,
    undone_at timestamptz,
    primary key (tenant_id, operation_id, position),
    unique (tenant_id, operation_id, key),
    foreign key (tenant_id, operation_id) references jobs.operations (tenant_id, id) on delete cascade
);
select mpanel.protect('jobs.operation_steps');
create policy spine on jobs.operation_steps to mpanel_spine using (true);

-- Jobs that are done leave; dead ones stay to be looked at. The platform's own stand under the nil tenant.
create table jobs.jobs (
    tenant_id uuid not null,
    id uuid not null,
    kind text not null,
    payload jsonb not null,
    state text not null default 'pending' check (state in ('pending', 'running', 'dead')),
    attempts integer not null default 0,
    error text,
    worker text,
    lease uuid,
    lease_until timestamptz,
    due_at timestamptz not null default now(),
    created_at timestamptz not null,
    died_at timestamptz,
    primary key (tenant_id, id)
);
-- What a scheduler looks at is all in it.
create index jobs_due on jobs.jobs (tenant_id, due_at, id) include (kind, lease_until) where state <> 'dead';
create index jobs_dead on jobs.jobs (tenant_id, id) include (kind) where state = 'dead';
create index jobs_died on jobs.jobs (died_at) where state = 'dead';
-- A queue is mostly rows that are gone: its pages are cleared long before a fifth of a large table has changed.
alter table jobs.jobs set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.05);
select mpanel.protect('jobs.jobs');
create policy spine on jobs.jobs to mpanel_spine using (true);
create trigger wake after insert or update of due_at on jobs.jobs for each statement execute function jobs.wake();

create table jobs.reconcilers (
    name text primary key,
    worker text,
    lease uuid,
    lease_until timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    -- Of the last pass; null when it went well.
    error text,
    failures integer not null default 0,
    -- Of the first of the failures in a row.
    failing_since timestamptz,
    -- When the next pass begins at the latest.
    next_at timestamptz,
    passes bigint not null default 0
);

grant select, insert, update, delete
    on jobs.operations, jobs.operation_steps, jobs.jobs, jobs.reconcilers to mpanel_spine;
grant select on jobs.reconcilers to mpanel_platform;
grant usage on schema jobs to mpanel_app, mpanel_platform, mpanel_spine;
