//! Roles and databases: what only a superuser does.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::Error;

/// Makes the panel's role and its database. The role owns its database and nothing else; what it may do with rows is decided per
/// transaction (see [`crate::bootstrap`]).
pub(super) async fn provision(connection: &mut PgConnection) -> Result<(), Error> {
    let (role, database): (bool, bool) = sqlx::query_as(
        "select exists (select from pg_roles where rolname = 'mpanel'), exists (select from pg_database where datname = 'mpanel')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !role {
        sqlx::raw_sql("create role mpanel login noinherit")
            .execute(&mut *connection)
            .await?;
    }
    if !database {
        sqlx::raw_sql("create database mpanel owner mpanel")
            .execute(&mut *connection)
            .await?;
        sqlx::raw_sql("revoke connect, temporary on database mpanel from public")
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Creates an empty database owned by `owner`.
///
/// # Errors
/// When it exists, or the role may not create databases.
pub async fn create_database(admin: &PgConnectOptions, name: &str, owner: &str) -> Result<(), sqlx::Error> {
    run(admin, format!("create database {} owner {}", ident(name), ident(owner))).await
}

/// Copies a database that nobody is connected to, file by file: much faster than migrating a new one.
///
/// # Errors
/// When `template` is in use or missing, or `name` exists.
pub async fn clone_database(
    admin: &PgConnectOptions,
    template: &str,
    name: &str,
    owner: &str,
) -> Result<(), sqlx::Error> {
    let (name, template, owner) = (ident(name), ident(template), ident(owner));
    run(
        admin,
        format!("create database {name} template {template} strategy file_copy owner {owner}"),
    )
    .await
}

/// Drops a database, cutting its sessions. A missing one is no error.
///
/// # Errors
/// When the role may not drop it.
pub async fn drop_database(admin: &PgConnectOptions, name: &str) -> Result<(), sqlx::Error> {
    run(admin, format!("drop database if exists {} with (force)", ident(name))).await
}

/// DDL takes no parameters: the names are quoted here.
fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

async fn run(admin: &PgConnectOptions, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(admin).await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}
