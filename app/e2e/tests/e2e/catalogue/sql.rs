//! Statements about tables whose names only the catalogue knows. Nothing in them comes from outside the tests.

use sqlx::postgres::PgQueryResult;
use sqlx::{AssertSqlSafe, PgConnection};

pub async fn run(connection: &mut PgConnection, statement: &str) -> Result<PgQueryResult, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
}

pub async fn number(connection: &mut PgConnection, statement: &str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(AssertSqlSafe(statement.to_owned()))
        .fetch_one(connection)
        .await
}

pub async fn text(connection: &mut PgConnection, statement: &str) -> Result<String, sqlx::Error> {
    sqlx::query_scalar(AssertSqlSafe(statement.to_owned()))
        .fetch_one(connection)
        .await
}

/// The SQLSTATE of a statement that fails, or `None`.
pub fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}
