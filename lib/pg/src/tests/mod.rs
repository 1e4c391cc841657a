mod interleaving;
mod migrations;
mod passing;
mod transactions;

use mpanel_kernel::ids::TenantId;
use mpanel_testkit::postgres::{TestDatabase, TestPostgres};

use crate::{Db, Error, FOUNDATION, Migrations, PgConnection, Tx};

/// One table of tenants, protected as every one is.
const THINGS: Migrations = Migrations {
    schema: "things",
    files: &[(
        "0001_things",
        "create table things.things (tenant_id uuid not null, id bigint not null, primary key (tenant_id, id));
         select mpanel.protect('things.things');
         create policy spine on things.things to mpanel_spine using (true);
         grant select on things.things to mpanel_spine;
         grant usage on schema things to mpanel_app, mpanel_platform, mpanel_spine;",
    )],
};

async fn database() -> TestDatabase {
    let database = TestPostgres::shared().create_database("pg").await;
    crate::migrate(&database.panel, &[FOUNDATION, THINGS]).await.unwrap();
    database
}

async fn db(connections: u32) -> Db {
    Db::connect(database().await.panel, connections).await.unwrap()
}

async fn insert(tx: &mut impl Tx, owner: TenantId, id: i64) -> Result<(), Error> {
    insert_by(tx.conn(), owner, id).await
}

async fn insert_by(conn: &mut PgConnection, owner: TenantId, id: i64) -> Result<(), Error> {
    sqlx::query("insert into things.things (tenant_id, id) values ($1, $2)")
        .bind(owner.uuid())
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whatever the transaction sees, without a condition.
async fn seen(tx: &mut impl Tx) -> Vec<i64> {
    sqlx::query_scalar("select id from things.things order by id")
        .fetch_all(tx.conn())
        .await
        .unwrap()
}
