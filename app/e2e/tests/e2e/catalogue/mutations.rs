//! A check that never fails checks nothing: each wall is taken down once, in a transaction that is rolled back, and the check must
//! name exactly that table.

use std::collections::BTreeSet;

use sqlx::{Connection, PgConnection};

use super::{behaviour, check, database, read, schemas, sql};

/// Statements that open a tenant's table, `{}` being its name.
const OPENINGS: &[&str] = &[
    "drop policy tenant on {}",
    "drop policy platform on {}",
    "alter table {} no force row level security",
    "alter table {} disable row level security",
    "alter policy tenant on {} using (true)",
    "alter policy tenant on {} using (tenant_id = coalesce(nullif(current_setting('mpanel.tenant', true), '')::uuid, tenant_id))",
    "alter policy tenant on {} with check (true)",
    "alter policy tenant on {} to public",
    "create policy more on {} for select to mpanel_app using (true)",
    "create policy narrow on {} as restrictive to mpanel_platform using (false)",
    "grant select on {} to public",
];

/// Statements about something else, and what must be named.
const OTHERS: &[(&str, &str)] = &[
    ("create table dns.extra (id bigint primary key)", "dns.extra"),
    (
        "create table dns.extra (tenant_id uuid not null, id uuid not null, primary key (id, tenant_id)); select mpanel.protect('dns.extra')",
        "dns.extra",
    ),
    (
        "create table dns.extra (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id))",
        "dns.extra",
    ),
    (
        "alter table dns.zones add constraint zones_id unique (id)",
        "dns.zones",
    ),
    (
        "create table dns.extra (tenant_id uuid not null, id uuid not null, author uuid not null, primary key (tenant_id, id),
             foreign key (tenant_id, author) references tenancy.members (tenant_id, user_id));
         select mpanel.protect('dns.extra')",
        "dns.extra",
    ),
    (
        "create table jobs.extra (tenant_id uuid not null, operation_id uuid not null, owner uuid not null, primary key (tenant_id, operation_id),
             foreign key (owner, operation_id) references jobs.operations (tenant_id, id));
         select mpanel.protect('jobs.extra')",
        "jobs.extra",
    ),
    (
        "create policy spine on dns.zones to mpanel_spine using (true)",
        "dns.zones",
    ),
    ("grant select on spine.feed to mpanel_app", "spine.feed"),
    ("grant select on tenancy.claims to public", "tenancy.claims"),
    ("create view dns.open as select * from dns.zones", "dns.open"),
    (
        "grant execute on function tenancy.tree to public",
        "tenancy.tree",
    ),
    ("alter function tenancy.tree reset search_path", "tenancy.tree"),
    ("alter function tenancy.tree set search_path = public", "tenancy.tree"),
    ("alter function tenancy.tree owner to mpanel", "tenancy.tree"),
    ("alter function tenancy.tree security invoker", "tenancy.tree"),
    (
        "create function dns.extra() returns int language sql security definer set search_path = pg_catalog as 'select 1';
         alter function dns.extra owner to mpanel_platform; revoke all on function dns.extra from public",
        "dns.extra",
    ),
    ("drop table spine.consumers", "spine.consumers"),
];

/// What the check names after `statement`, which is then undone.
async fn named_after(admin: &mut PgConnection, statement: &str) -> BTreeSet<String> {
    let mut tx = admin.begin().await.unwrap();
    sql::run(&mut tx, statement)
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
    let catalogue = read::read(&mut tx, &schemas()).await;
    tx.rollback().await.unwrap();
    check::problems(&catalogue)
        .into_iter()
        .map(|problem| problem.about)
        .collect()
}

#[tokio::test]
async fn every_opened_wall_is_named() {
    let (_database, mut admin) = database().await;
    let catalogue = read::read(&mut admin, &schemas()).await;
    let protected = catalogue
        .tables
        .iter()
        .filter(|table| !catalogue.platform_tables.contains_key(&table.name));
    for table in protected {
        for opening in OPENINGS {
            let statement = opening.replace("{}", &table.name);
            let named = named_after(&mut admin, &statement).await;
            assert_eq!(named, BTreeSet::from([table.name.clone()]), "after: {statement}");
        }
    }
    for (statement, about) in OTHERS {
        let named = named_after(&mut admin, statement).await;
        assert!(named.contains(*about), "after: {statement}: only {named:?} is named");
    }
    let untouched = check::problems(&read::read(&mut admin, &schemas()).await);
    assert!(untouched.is_empty(), "{}", check::report(&untouched));
}

#[tokio::test]
async fn an_opened_wall_shows_in_what_tenants_can_do() {
    let (_database, mut admin) = database().await;
    let world = behaviour::World::make(&mut admin).await;
    for table in &world.tables {
        for opening in [
            "alter table {} disable row level security",
            "alter policy tenant on {} using (true)",
            "drop policy tenant on {}",
        ] {
            let statement = opening.replace("{}", &table.name);
            let mut tx = admin.begin().await.unwrap();
            sql::run(&mut tx, &statement).await.unwrap();
            let problems = behaviour::problems(&mut tx, &world, table).await;
            tx.rollback().await.unwrap();
            assert!(!problems.is_empty(), "nothing is seen after: {statement}");
        }
    }
}
