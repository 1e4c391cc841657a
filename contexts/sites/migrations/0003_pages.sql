-- What visitors read in place of the sites of a tenant that is suspended, when a seller above it has written something.
alter table sites.paused add column page jsonb check (page is null or suspended);
