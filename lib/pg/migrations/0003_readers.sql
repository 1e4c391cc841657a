-- Which versions may work on a schema although they do not know its newest migrations: those that know the one named here.
-- The version that migrates says so, because only it knows which were proven compatible with the one before it.
create table mpanel.readers (
    -- The SQL schema.
    home text primary key,
    -- Number of the last migration that a version has to know.
    oldest bigint not null,
    -- Which version said so.
    said_by text not null
);
