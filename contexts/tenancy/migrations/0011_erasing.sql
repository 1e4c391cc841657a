-- One that cannot go waits longer each time, and keeps nobody else: whose turn it is goes by when they were looked at last.
alter table tenancy.tenants
    add column erase_at timestamptz,
    add column erase_failures int not null default 0,
    add column erase_failing_since timestamptz,
    add column erase_problem text not null default '';
create index tenants_erasing on tenancy.tenants (erase_at nulls first, tenant_id) where erasing and state = 'terminating';
