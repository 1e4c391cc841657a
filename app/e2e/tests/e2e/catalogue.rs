//! The walls between tenants as PostgreSQL sees them: what the catalogue says of every table and function, that breaking any
//! one wall is noticed, and that the walls hold against the role that serves requests.

mod behaviour;
mod check;
mod lists;
mod mutations;
mod read;
mod sql;

use mpanel_server::MIGRATIONS;
use mpanel_testkit::database;
use mpanel_testkit::postgres::TestDatabase;
use sqlx::{Connection, PgConnection};

/// A database of the test's own with the product's schema, and the administrator's connection to it.
async fn database() -> (TestDatabase, PgConnection) {
    let database = database::migrated(&MIGRATIONS).await;
    let admin = PgConnection::connect_with(&database.admin).await.unwrap();
    (database, admin)
}

fn schemas() -> Vec<String> {
    MIGRATIONS.iter().map(|module| module.schema.to_owned()).collect()
}

#[tokio::test]
async fn every_table_and_function_stands_behind_the_wall_or_on_a_list() {
    let (_database, mut admin) = database().await;
    let catalogue = read::read(&mut admin, &schemas()).await;
    assert!(catalogue.tables.len() > 20, "the catalogue was not read");
    let problems = check::problems(&catalogue);
    assert!(problems.is_empty(), "{}", check::report(&problems));
    for list in [&catalogue.platform_tables, &catalogue.definer_functions] {
        for (name, reason) in list {
            assert!(reason.len() >= 10, "say why {name} is an exception");
        }
    }
}
