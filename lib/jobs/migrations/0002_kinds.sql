-- The next job is looked for kind by kind: one of which no further may be taken is passed by without reading what is queued of it.
drop index jobs.jobs_due;
create index jobs_due on jobs.jobs (tenant_id, kind, due_at, id) include (lease_until) where state <> 'dead';
