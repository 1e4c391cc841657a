-- Whoever keeps everybody else out of the tree waits for those who count along it, and meanwhile everybody who comes later
-- waits behind it. So it waits for a moment only and gives up: a person is asked to come again, and the removal of tenants
-- comes again by itself.
set local role mpanel_platform;
alter function tenancy.move_tenant(uuid, uuid, uuid, int, jsonb, jsonb, timestamptz) set lock_timeout = '2s';
alter function tenancy.begin_erasing(bigint, timestamptz) set lock_timeout = '2s';
reset role;
