with recursive waiting as (
    (select tenant_id from jobs.operations where finished_at is null and tenant_id >= $1
     order by tenant_id, id limit 1)
    union all
    select (select o.tenant_id from jobs.operations o where o.finished_at is null and o.tenant_id > w.tenant_id
            order by o.tenant_id, o.id limit 1)
    from waiting w where w.tenant_id is not null
), candidate as (
    select w.tenant_id, first.id
    from waiting w cross join lateral (
        select coalesce((
            select a.id from jobs.operations a
            where a.tenant_id = w.tenant_id and a.finished_at is null and a.state in ('running', 'undoing')
              and a.kind = any($2) and a.due_at <= now() and (a.lease_until is null or a.lease_until <= now())
            order by a.id limit 1
        ), (
            select a.id from jobs.operations a
            where a.tenant_id = w.tenant_id and a.finished_at is null and a.state = 'pending'
              and a.kind = any($2) and a.due_at <= now() and (a.lease_until is null or a.lease_until <= now())
              and not exists (
                  select from jobs.operations b
                  where b.tenant_id = a.tenant_id and b.subject = a.subject and b.state in ('running', 'undoing')
              ) and not exists (
                  select from jobs.operations b
                  where b.tenant_id = a.tenant_id and b.subject = a.subject and b.state = 'pending' and b.id < a.id
              )
            order by a.id limit 1
        )) as id
    ) first
    where w.tenant_id <> all($3) and first.id is not null limit 1
), taken as (
    update jobs.operations o
    set state = case o.state when 'pending' then 'running' else o.state end,
        worker = $4, lease = $5, lease_until = now() + make_interval(secs => $6),
        started_at = coalesce(o.started_at, $7)
    from candidate c
    where o.tenant_id = c.tenant_id and o.id = c.id and o.finished_at is null and o.due_at <= now()
      and (o.lease_until is null or o.lease_until <= now())
    returning o.kind, o.subject, o.state, o.input, o.actor, o.assumed_from, o.assumption, o.assumption_reason,
              o.request_id, o.error, o.cancel_requested, o.irrevocable, o.finish_attempts
)
select c.tenant_id as "tenant_id!", c.id as "id!", t.kind as "kind?", t.subject as "subject?",
       t.state as "state?", t.input as "input?", t.actor as "actor?", t.assumed_from as "assumed_from?",
       t.assumption as "assumption?", t.assumption_reason as "assumption_reason?",
       t.request_id as "request_id?", t.error as "error?", t.cancel_requested as "cancel_requested?",
       t.irrevocable as "irrevocable?", t.finish_attempts as "finish_attempts?"
from candidate c left join taken t on true
