grant usage on schema sites to mpanel_app, mpanel_platform;

-- The uids of sites and the gids of tenants. One sequence for both, so that a number stands for one
-- thing and, since it never goes back, for ever.
create sequence sites.identities as int minvalue 200000;
grant usage on sequence sites.identities to mpanel_app, mpanel_platform;

-- The group that a tenant's processes run with.
create table sites.groups (
    tenant_id uuid primary key references tenancy.tenants (tenant_id),
    gid int not null unique default nextval('sites.identities')
);
select mpanel.protect('sites.groups');

create table sites.sites (
    tenant_id uuid not null references tenancy.tenants (tenant_id),
    id uuid not null,
    name text not null,
    -- The label below the previews' domain; `preview_host` is the whole name as it was claimed.
    slug text not null,
    preview_host text not null,
    -- `deleting` is the tombstone: an operation removes the rest.
    state text not null default 'active' check (state in ('active', 'deleting')),
    -- Its removal has begun to take things away for good: whatever becomes of an operation, the tombstone stays.
    losing boolean not null default false check (not losing or state = 'deleting'),
    uid int not null unique default nextval('sites.identities'),
    node_id uuid not null,
    spa_fallback boolean not null default false,
    not_found_page text,
    https_redirect boolean not null default true,
    keep_releases int not null check (keep_releases between 1 and 100),
    active_release_id uuid,
    last_release int not null default 0,
    -- Of what is published. Milliseconds since 1970 or one more than before: a host that moves from one
    -- site to another gets a higher one, and so does everything after a restore from an older backup.
    generation bigint not null default 0,
    -- What the reconciler has seen and found; the texts are what lists show, as JSON.
    observed_generation bigint not null default 0,
    ready boolean not null default false,
    summary text not null default '',
    conditions json not null default '[]',
    -- The types of those that are false: it waits for somebody, not for time.
    blocked_by jsonb not null
        generated always as (jsonb_path_query_array(conditions::jsonb, '$[*] ? (@.status == "false").type')) stored,
    -- SHA-256 of what is published under `generation`.
    published text not null default '',
    -- When the reconciler looks again, how often in a row it could not, and when it last looked at the files.
    due_at timestamptz not null,
    failures int not null default 0,
    -- Since when it could not, and why at last: for whoever may see the site.
    failing_since timestamptz,
    problem text not null default '',
    files_seen_at timestamptz,
    -- Of all releases that are not failed: the sum of their `bytes`.
    disk_bytes bigint not null default 0,
    -- As lists show them: kept by a trigger, so that a page of sites is one scan of one table.
    domain_list json not null default '[]',
    primary_host text,
    -- Grows with each change of name and settings.
    version bigint not null default 1,
    created_at timestamptz not null,
    primary key (tenant_id, id)
);
create unique index sites_preview on sites.sites (tenant_id, preview_host);
create index sites_due on sites.sites (due_at);
create index sites_failing on sites.sites (failing_since) where failing_since is not null;
select mpanel.protect('sites.sites');

create table sites.domains (
    tenant_id uuid not null,
    site_id uuid not null,
    name text not null,
    kind text not null check (kind in ('primary', 'alias', 'redirect')),
    -- Of a redirect: `https://host`, or null for the site's own address, with its status.
    target text,
    status int,
    created_at timestamptz not null,
    primary key (tenant_id, site_id, name),
    foreign key (tenant_id, site_id) references sites.sites (tenant_id, id) on delete cascade,
    check ((kind = 'redirect') = (status is not null)),
    check (target is null or kind = 'redirect')
);
create unique index domains_name on sites.domains (tenant_id, name);
create unique index domains_one_primary on sites.domains (tenant_id, site_id) where kind = 'primary';
select mpanel.protect('sites.domains');

create function sites.list_domains() returns trigger language plpgsql set search_path = pg_catalog as $$
declare
    changed sites.domains := case when tg_op = 'DELETE' then old else new end;
begin
    update sites.sites s
    set primary_host = (
            select d.name from sites.domains d
            where d.tenant_id = changed.tenant_id and d.site_id = changed.site_id and d.kind = 'primary'),
        domain_list = (
            select coalesce(json_agg(json_build_object(
                'name', d.name, 'kind', d.kind, 'target', d.target, 'status', d.status,
                'created_at', to_char(d.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            ) order by d.kind <> 'primary', d.name), '[]')
            from sites.domains d where d.tenant_id = changed.tenant_id and d.site_id = changed.site_id)
    where s.tenant_id = changed.tenant_id and s.id = changed.site_id;
    return null;
end
$$;
create trigger list after insert or update or delete on sites.domains
    for each row execute function sites.list_domains();

create table sites.releases (
    tenant_id uuid not null,
    site_id uuid not null,
    id uuid not null,
    -- Counts up within the site.
    number int not null,
    -- `deleting` is the tombstone: files go, then the row.
    state text not null default 'unpacking' check (state in ('unpacking', 'ready', 'active', 'failed', 'deleting')),
    -- Of the unpacked files; null until they are. `bytes` is what they are charged: each file its size in whole blocks of
    -- 4096 bytes and one at least, and a block for each folder, the release's own included.
    files bigint,
    bytes bigint,
    has_404 boolean not null default false,
    -- Bytes of disk space that are counted for it.
    reserved bigint not null default 0 check (reserved >= 0),
    -- The release that was active before this one was.
    replaced uuid,
    filename text not null,
    sha256 text,
    size bigint not null,
    note text,
    problem text,
    -- `usr_…` or `tok_…`.
    created_by text not null,
    created_at timestamptz not null,
    activated_at timestamptz,
    primary key (tenant_id, site_id, id),
    foreign key (tenant_id, site_id) references sites.sites (tenant_id, id) on delete cascade
);
create unique index releases_number on sites.releases (tenant_id, site_id, number);
create unique index releases_one_active on sites.releases (tenant_id, site_id) where state = 'active';
create index releases_deleting on sites.releases (tenant_id, site_id) where state = 'deleting';
select mpanel.protect('sites.releases');
alter table sites.sites add foreign key (tenant_id, id, active_release_id)
    references sites.releases (tenant_id, site_id, id);

-- Files on their way in. The bytes are in a file named by the id; `received` counts those that are
-- certainly on disk. `size` bytes of disk space are counted for as long as the row exists.
create table sites.uploads (
    tenant_id uuid not null,
    site_id uuid not null,
    id uuid not null,
    filename text not null,
    size bigint not null check (size > 0),
    received bigint not null default 0 check (received between 0 and size),
    -- SHA-256 of what is received, on its way: the state that goes on with the next byte; and the hash of all.
    hashing bytea,
    sha256 text,
    -- `deleting` is the tombstone: the file goes, then the row.
    state text not null default 'open' check (state in ('open', 'finished', 'used', 'deleting')),
    created_at timestamptz not null,
    -- When the reconciler sees to it: a tombstone at once, another one when nobody has worked on it for long.
    expires_at timestamptz not null,
    primary key (tenant_id, site_id, id),
    foreign key (tenant_id, site_id) references sites.sites (tenant_id, id) on delete cascade,
    check (state <> 'open' or received = 0 or hashing is not null)
);
create index uploads_expiry on sites.uploads (expires_at);
select mpanel.protect('sites.uploads');

-- Bytes that were promised to the open uploads of all tenants and are not on disk yet. Held to the end of the
-- transaction, so that two that begin at once do not both take the same room.
create function sites.unwritten() returns bigint
    language sql set search_path = pg_catalog
as $$
    select pg_advisory_xact_lock(hashtextextended('sites.unwritten', 7));
    select coalesce(sum(size - received), 0)::bigint from sites.uploads where state = 'open';
$$;
grant execute on function sites.unwritten to mpanel_app;
select mpanel.definer('sites.unwritten');
