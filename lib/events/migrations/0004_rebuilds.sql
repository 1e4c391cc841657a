-- How far a consumer has come that is built anew, a part at a time: where the feed stood when that began, and what the
-- consumer said of the next part.
create table spine.rebuilds (
    consumer text primary key,
    epoch uuid not null,
    seq bigint not null,
    marker jsonb not null
);
grant select, insert, update, delete on spine.rebuilds to mpanel_platform;
