//! Beginning a transaction so that it is whole or not there, also when the caller goes away meanwhile.

use std::future::poll_fn;
use std::pin::Pin;

use sqlx::{PgPool, Postgres, SqlSafeStr, Transaction};

use crate::one::Held;

type Beginning = Pin<Box<dyn Future<Output = Result<Transaction<'static, Postgres>, sqlx::Error>> + Send>>;

/// Takes a connection and sends `statement`, which begins a transaction and takes on its role.
pub async fn begin(
    pool: &PgPool,
    what: &'static str,
    statement: impl SqlSafeStr,
) -> Result<(Transaction<'static, Postgres>, Held), sqlx::Error> {
    let held = Held::take(what);
    let connection = pool.acquire().await?;
    let beginning = Transaction::begin(connection, Some(statement.into_sql_str()));
    let mut beginning = ToItsEnd(Some(beginning));
    let tx = poll_fn(|cx| {
        let Some(future) = beginning.0.as_mut() else {
            unreachable!("polled after its end")
        };
        let outcome = future.as_mut().poll(cx);
        if outcome.is_ready() {
            beginning.0 = None;
        }
        outcome
    })
    .await?;
    Ok((tx, held))
}

/// sqlx rolls a transaction back once it knows that it has begun. Dropped between the question and the answer, it would
/// return a connection that is still in it, with the role and the tenant of whoever has left.
struct ToItsEnd(Option<Beginning>);

impl Drop for ToItsEnd {
    fn drop(&mut self) {
        let Some(beginning) = self.0.take() else { return };
        // Without a runtime there is no pool to return to either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(async move { drop(beginning.await) }));
        }
    }
}
