with recursive waiting as (
    (select tenant_id from jobs.jobs where state <> 'dead' and tenant_id >= $1 order by tenant_id, kind limit 1)
    union all
    select (select j.tenant_id from jobs.jobs j where j.state <> 'dead' and j.tenant_id > w.tenant_id
            order by j.tenant_id, j.kind limit 1)
    from waiting w where w.tenant_id is not null
), candidate as (
    select first.tenant_id, first.id
    from waiting w cross join lateral (
        select of_kind.tenant_id, of_kind.id
        from unnest($2::text[]) wanted (kind) cross join lateral (
            select j.tenant_id, j.id, j.due_at from jobs.jobs j
            where j.tenant_id = w.tenant_id and j.kind = wanted.kind and j.state <> 'dead' and j.due_at <= now()
              and (j.lease_until is null or j.lease_until <= now())
            order by j.due_at, j.id limit 1
        ) of_kind
        where not exists (
            select from unnest($7::uuid[], $8::text[]) sated (tenant_id, kind)
            where sated.tenant_id = w.tenant_id and sated.kind = wanted.kind
        )
        order by of_kind.due_at, of_kind.id limit 1
    ) first
    where w.tenant_id <> all($3) limit 1
), taken as (
    update jobs.jobs j
    set state = 'running', attempts = attempts + 1, worker = $4, lease = $5,
        lease_until = now() + make_interval(secs => $6)
    from candidate c
    where j.tenant_id = c.tenant_id and j.id = c.id and j.state <> 'dead' and j.due_at <= now()
      and (j.lease_until is null or j.lease_until <= now())
    returning j.kind, j.payload, j.attempts
)
select c.tenant_id as "tenant_id!", c.id as "id!", t.kind as "kind?", t.payload as "payload?",
       t.attempts as "attempts?"
from candidate c left join taken t on true
