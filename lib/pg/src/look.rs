//! What every request asks before anything else: who sends it, and for whom they may act.

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};

use crate::Error;
use crate::one::Held;

/// A connection for look-ups. Its session has the spine's role from its first moment to its last, and each statement is a
/// transaction of its own: a look-up is one round trip, where a [`SpineTx`](crate::SpineTx) has two more. There is no tenant, and
/// nothing that one statement leaves to the next.
#[derive(Debug)]
pub struct Look {
    connection: PoolConnection<Postgres>,
    _held: Held,
}

impl Look {
    pub(crate) async fn take(pool: &PgPool) -> Result<Self, Error> {
        let held = Held::take("a look-up");
        let connection = pool.acquire().await?;
        Ok(Self {
            connection,
            _held: held,
        })
    }

    /// For the queries of a store module.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
