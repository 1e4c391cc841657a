use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, PgConnection};

use crate::{Error, Look, PlatformTx, Reason, SpineTx, TenantTx};
use mpanel_kernel::ids::TenantId;

/// A connection returned no longer ago than this is taken to be alive.
const FRESH: Duration = Duration::from_secs(1);
/// For as many connections for transactions there may be one more for look-ups, which are over in a fraction of the time.
const TO_A_LOOK: u32 = 2;
/// What a look-up writes, that a credential was seen, may be lost with the machine: nobody who signs in waits for a disk. Nor for
/// somebody else's lock.
const OF_A_LOOK: [(&str, &str); 3] = [
    ("role", "mpanel_spine"),
    ("synchronous_commit", "off"),
    ("lock_timeout", "1s"),
];

/// The pools. They hand out transactions and look-ups, never bare connections.
#[derive(Debug, Clone)]
pub struct Db {
    pool: PgPool,
    looks: PgPool,
}

impl Db {
    /// Opens a pool of at most `max` connections for transactions, of which the first is made at once, and of half as
    /// many for look-ups.
    ///
    /// # Errors
    /// When no connection can be made within five seconds.
    pub async fn connect(options: PgConnectOptions, max: u32) -> Result<Self, Error> {
        // A statement that hangs must not hold a connection for ever; long work is cut in steps.
        let options = options.options([
            ("statement_timeout", "30s"),
            ("idle_in_transaction_session_timeout", "30s"),
        ]);
        let looks = pool(max.div_ceil(TO_A_LOOK)).connect_lazy_with(options.clone().options(OF_A_LOOK));
        let pool = pool(max).connect_with(options).await?;
        Ok(Self { pool, looks })
    }

    /// A transaction that sees and changes one tenant's rows.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn tenant(&self, tenant: TenantId) -> Result<TenantTx, Error> {
        TenantTx::begin(&self.pool, tenant).await
    }

    /// A transaction over all tenants; `reason` is counted.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn platform(&self, reason: Reason) -> Result<PlatformTx, Error> {
        PlatformTx::begin(&self.pool, reason).await
    }

    /// A transaction on the queue, the outbox and identity look-ups.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn spine(&self) -> Result<SpineTx, Error> {
        SpineTx::begin(&self.pool).await
    }

    /// As [`Db::spine`], for the one query that takes the next piece of work: it walks an index in its order to the first
    /// row that fits. Of a queue that has just filled the planner knows nothing, and would fetch and sort all of it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn queue(&self) -> Result<SpineTx, Error> {
        SpineTx::begin_in_order(&self.pool).await
    }

    /// For what every request asks first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn look(&self) -> Result<Look, Error> {
        Look::take(&self.looks).await
    }

    /// The pool itself, for listeners and advisory locks of `lib/events` and `lib/jobs`.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Whether a query is answered now.
    pub async fn is_up(&self) -> bool {
        matches!(
            tokio_timeout(sqlx::query("select 1").execute(&self.pool)).await,
            Some(Ok(_))
        )
    }

    pub async fn close(&self) {
        self.looks.close().await;
        self.pool.close().await;
    }
}

fn pool(max: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(max)
        // Who asks after a quiet hour does not wait for a backend, nor is refused because others have taken them all.
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(5))
        .idle_timeout(Duration::from_secs(60))
        // Each connection is tested when it is returned: only what lay for a while needs it again, and
        // otherwise each transaction would cost a round trip more.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

async fn tokio_timeout<F: Future>(future: F) -> Option<F::Output> {
    tokio::time::timeout(Duration::from_secs(2), future).await.ok()
}

/// Creates the group roles and grants them to the login role; see `bootstrap.sql`.
///
/// # Errors
/// When `admin` may not create roles and they do not exist yet.
pub async fn bootstrap(admin: &PgConnectOptions) -> Result<(), Error> {
    let mut connection = PgConnection::connect_with(admin).await?;
    sqlx::raw_sql(include_str!("../bootstrap.sql"))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}
