//! Two tenants with a row in every table, and what the role that serves requests can do to the other's.

use sqlx::{Connection, FromRow, PgConnection};
use uuid::Uuid;

use super::{database, lists, read, schemas, sql};

/// SQLSTATE of a refused privilege, and of a row that a policy refuses.
const REFUSED: &str = "42501";

/// Two tenants with one row each in every table of tenants.
pub struct World {
    pub tables: Vec<Filled>,
    own: Uuid,
    other: Uuid,
}

/// A table, and how a row is put into it.
pub struct Filled {
    pub name: String,
    columns: String,
    values: String,
}

#[derive(FromRow)]
struct Column {
    name: String,
    kind: String,
}

/// Columns that an insert has to fill, `tenant_id` apart.
const COLUMNS: &str = "
select attname::text as name, format_type(atttypid, null) as kind from pg_attribute
where attrelid = $1::regclass and attnum > 0 and not attisdropped and attnotnull and not atthasdef and attidentity = '' and attname <> 'tenant_id'
order by attnum";

impl World {
    /// Rows are made of nothing but their types: rules about their content are taken away first, so that no table is left out
    /// because nobody wrote a row for it.
    pub async fn make(admin: &mut PgConnection) -> Self {
        let catalogue = read::read(admin, &schemas()).await;
        let (own, other) = (Uuid::from_u128(0xa), Uuid::from_u128(0xb));
        let platform = lists::platform_tables();
        let mut tables = Vec::new();
        for table in catalogue
            .tables
            .iter()
            .filter(|table| !platform.contains_key(&table.name))
        {
            let name = &table.name;
            let columns: Vec<Column> = sqlx::query_as(COLUMNS).bind(name).fetch_all(&mut *admin).await.unwrap();
            let filled = Filled {
                name: name.clone(),
                columns: columns.iter().map(|column| format!(", {}", column.name)).collect(),
                values: columns
                    .iter()
                    .map(|column| format!(", {}", value(&column.kind)))
                    .collect(),
            };
            sql::run(admin, &format!("alter table {name} disable trigger all"))
                .await
                .unwrap();
            for statement in rules_of(admin, name).await {
                sql::run(admin, &statement).await.unwrap();
            }
            for tenant in [own, other] {
                sql::run(admin, &filled.insert(tenant))
                    .await
                    .unwrap_or_else(|error| panic!("filling {name}: {error}"));
            }
            tables.push(filled);
        }
        Self { tables, own, other }
    }
}

impl Filled {
    fn insert(&self, tenant: Uuid) -> String {
        let Self { name, columns, values } = self;
        format!("insert into {name} (tenant_id{columns}) values ('{tenant}'{values})")
    }
}

/// Statements that drop the checks, unique indexes and foreign keys of a table.
async fn rules_of(admin: &mut PgConnection, table: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select format('alter table %s drop constraint %I cascade', conrelid::regclass, conname) from pg_constraint
         where conrelid = $1::regclass and contype in ('c', 'f', 'u')
         union all
         select format('drop index %s', indexrelid::regclass) from pg_index
         where indrelid = $1::regclass and indisunique and not indisprimary
               and not exists (select from pg_constraint where conindid = indexrelid)",
    )
    .bind(table)
    .fetch_all(admin)
    .await
    .unwrap()
}

/// Any value of a type.
fn value(kind: &str) -> &'static str {
    match kind {
        "uuid" => "gen_random_uuid()",
        "text" => "'x'",
        "smallint" | "integer" | "bigint" => "1",
        "boolean" => "true",
        "json" | "jsonb" => "'{}'",
        "bytea" => "'\\x00'",
        "inet" => "'127.0.0.1'",
        "timestamp with time zone" => "now()",
        "date" => "current_date",
        "text[]" => "'{}'",
        other => panic!("say how a value of the type {other} is made"),
    }
}

/// What a tenant's transaction should not have been able to do. Runs inside `tx` and leaves it as it was.
pub async fn problems(tx: &mut PgConnection, world: &World, table: &Filled) -> Vec<String> {
    let World { own, other, .. } = world;
    let name = &table.name;
    let all = format!(
        "select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {name} t where tenant_id = '{other}'"
    );
    let before = sql::text(tx, &all).await.unwrap();
    let mut problems = Vec::new();

    let mut seen = tx.begin().await.unwrap();
    act_for(&mut seen, Some(*own)).await;
    match sql::number(
        &mut seen,
        &format!("select count(*) from {name} where tenant_id <> '{own}'"),
    )
    .await
    {
        Ok(0) => {}
        Ok(rows) => problems.push(format!("sees {rows} rows of another tenant")),
        Err(error) if refused(&error) => {}
        Err(error) => problems.push(format!("select: {error}")),
    }
    seen.rollback().await.unwrap();
    let mut seen = tx.begin().await.unwrap();
    act_for(&mut seen, Some(*own)).await;
    match sql::number(
        &mut seen,
        &format!("select count(*) from {name} where tenant_id = '{own}'"),
    )
    .await
    {
        Ok(rows) if rows > 0 => {}
        Ok(_) => problems.push("does not see its own row".to_owned()),
        Err(error) if refused(&error) => {}
        Err(error) => problems.push(format!("select of its own: {error}")),
    }
    seen.rollback().await.unwrap();

    // Nothing that names the other tenant's rows touches them, and no row changes hands.
    let touching = [
        format!("update {name} set tenant_id = tenant_id where tenant_id = '{other}'"),
        format!("update {name} set tenant_id = '{own}' where tenant_id = '{other}'"),
        format!("delete from {name} where tenant_id = '{other}'"),
        format!("update {name} set tenant_id = '{other}' where tenant_id = '{own}'"),
        table.insert(*other),
    ];
    for statement in touching {
        let mut change = tx.begin().await.unwrap();
        act_for(&mut change, Some(*own)).await;
        match sql::run(&mut change, &statement).await {
            Ok(done) if done.rows_affected() == 0 => {}
            Ok(done) => problems.push(format!("{} rows: {statement}", done.rows_affected())),
            Err(error) if refused(&error) => {}
            Err(error) => problems.push(format!("{statement}: {error}")),
        }
        change.rollback().await.unwrap();
    }
    // Without conditions it reaches its own rows alone.
    let mut change = tx.begin().await.unwrap();
    act_for(&mut change, Some(*own)).await;
    let swept = sql::run(&mut change, &format!("delete from {name}")).await;
    let swept = swept.is_ok();
    if swept {
        sql::run(&mut change, "set local role none").await.unwrap();
        if sql::text(&mut change, &all).await.unwrap() != before {
            problems.push("deletes rows of another tenant".to_owned());
        }
    }
    change.rollback().await.unwrap();

    let mut nobody = tx.begin().await.unwrap();
    act_for(&mut nobody, None).await;
    match sql::number(&mut nobody, &format!("select count(*) from {name}")).await {
        Ok(_) => problems.push("answers a transaction without a tenant".to_owned()),
        // The setting is unknown, or empty after another transaction of the session set it.
        Err(error)
            if refused(&error) || ["42704", "22P02"].contains(&sql::code(&error).unwrap_or_default().as_str()) => {}
        Err(error) => problems.push(format!("without a tenant: {error}")),
    }
    nobody.rollback().await.unwrap();
    if sql::text(tx, &all).await.unwrap() != before {
        problems.push("the other tenant's rows changed".to_owned());
    }
    problems
}

fn refused(error: &sqlx::Error) -> bool {
    sql::code(error).as_deref() == Some(REFUSED)
}

async fn act_for(tx: &mut PgConnection, tenant: Option<Uuid>) {
    sql::run(tx, "set local role mpanel_app").await.unwrap();
    if let Some(tenant) = tenant {
        sql::run(tx, &format!("set local mpanel.tenant = '{tenant}'"))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_tenant_reaches_no_row_of_another_in_any_table() {
    let (_database, mut admin) = database().await;
    let world = World::make(&mut admin).await;
    assert!(world.tables.len() > 15);
    for table in &world.tables {
        let mut tx = admin.begin().await.unwrap();
        let problems = problems(&mut tx, &world, table).await;
        tx.rollback().await.unwrap();
        assert!(problems.is_empty(), "{}: {}", table.name, problems.join("; "));
    }
}

#[tokio::test]
async fn without_a_tenant_a_fresh_session_raises_too() {
    let (database, mut admin) = database().await;
    let world = World::make(&mut admin).await;
    for table in &world.tables {
        let mut fresh = PgConnection::connect_with(&database.panel).await.unwrap();
        let mut tx = fresh.begin().await.unwrap();
        act_for(&mut tx, None).await;
        let error = sql::number(&mut tx, &format!("select count(*) from {}", table.name))
            .await
            .unwrap_err();
        let code = sql::code(&error).unwrap_or_default();
        assert!(["42704", REFUSED].contains(&code.as_str()), "{}: {error}", table.name);
    }
}
