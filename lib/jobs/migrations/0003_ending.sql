-- Why the end of an operation, at which its subject is told, was not brought about at the last attempt. One that fails there
-- too often is stuck as well: `stuck_since` says since when, whether or not anything it did can be taken back.
alter table jobs.operations add column finish_error text;
