-- By which class of status (RFC 9110 section 15) requests were answered. Of what was counted before this only the sum
-- is known: these are nought then.
alter table sites.traffic
    add column answers_1xx bigint not null default 0 check (answers_1xx >= 0),
    add column answers_2xx bigint not null default 0 check (answers_2xx >= 0),
    add column answers_3xx bigint not null default 0 check (answers_3xx >= 0),
    add column answers_4xx bigint not null default 0 check (answers_4xx >= 0),
    add column answers_5xx bigint not null default 0 check (answers_5xx >= 0);
