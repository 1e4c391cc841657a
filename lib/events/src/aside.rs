//! Events that a consumer could not take on: kept beside the feed, which goes on without them, and tried again.

use std::collections::HashSet;

use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Db, PlatformTx, Reason, Tx};

use crate::tail::FeedRow;
use crate::{Consumer, Error, metrics};

/// Attempts after which an event is dead: about a quarter of an hour.
pub const ATTEMPTS: u32 = 12;
/// Seconds before the second attempt, then twice as long each time, up to this.
const LONGEST_PAUSE: f64 = 120.0;

/// Whether events wait for another attempt.
pub(crate) async fn is_waiting(db: &Db, consumer: &str) -> Result<bool, Error> {
    let mut tx = db.spine().await?;
    let waiting = sqlx::query_scalar!(
        r#"select exists(select from spine.set_aside where consumer = $1 and not dead) as "waiting!""#,
        consumer,
    )
    .fetch_one(tx.conn())
    .await?;
    tx.end_read();
    Ok(waiting)
}

/// Tenants of which events wait; those behind them wait as well, so that each tenant's come in their order.
pub(crate) async fn held(tx: &mut PlatformTx, consumer: &str) -> Result<HashSet<Option<TenantId>>, Error> {
    let tenants = sqlx::query_scalar!(
        "select distinct tenant_id from spine.set_aside where consumer = $1 and not dead",
        consumer,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(tenants
        .into_iter()
        .map(|tenant| tenant.map(TenantId::from_uuid))
        .collect())
}

/// Sets an event aside, which was tried in vain or only stands behind one that was.
pub(crate) async fn put(
    tx: &mut PlatformTx,
    consumer: &str,
    row: &FeedRow,
    error: Option<&Error>,
) -> Result<(), Error> {
    let attempts = i32::from(error.is_some());
    sqlx::query!(
        "insert into spine.set_aside (consumer, seq, tenant_id, topic, key, value, attempts, error, due_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $7::int))
         on conflict (consumer, seq) do nothing",
        consumer,
        row.seq,
        row.tenant.map(TenantId::uuid),
        row.topic,
        row.key,
        row.value,
        attempts,
        error.map(ToString::to_string),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets all of them: everything was built anew.
pub(crate) async fn forget(tx: &mut PlatformTx, consumer: &str) -> Result<(), Error> {
    sqlx::query!("delete from spine.set_aside where consumer = $1", consumer)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Has the consumer take one event on; what it did in vain is undone and nothing else.
///
/// # Errors
/// When the database is away, which says nothing of the event.
pub(crate) async fn attempt(
    tx: &mut PlatformTx,
    consumer: &impl Consumer,
    row: &FeedRow,
) -> Result<Result<(), Error>, Error> {
    sqlx::query!("savepoint event").execute(tx.conn()).await?;
    match consumer.handle(tx, row).await {
        Ok(()) => {
            sqlx::query!("release savepoint event").execute(tx.conn()).await?;
            Ok(Ok(()))
        }
        Err(Error::Db(error)) if error.is_unavailable() => Err(Error::Db(error)),
        Err(error) => {
            sqlx::query!("rollback to savepoint event").execute(tx.conn()).await?;
            Ok(Err(error))
        }
    }
}

/// Tries again what is due, the first of each tenant, until nothing is.
pub(crate) async fn retry(db: &Db, consumer: &impl Consumer) -> Result<(), Error> {
    while retry_one(db, consumer).await? {}
    Ok(())
}

/// `false` when nothing is due.
async fn retry_one(db: &Db, consumer: &impl Consumer) -> Result<bool, Error> {
    if !is_waiting(db, consumer.name()).await? {
        return Ok(false);
    }
    let mut tx = db.platform(Reason::Project(consumer.name())).await?;
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended($1, 13))",
        consumer.name()
    )
    .execute(tx.conn())
    .await?;
    let first = sqlx::query!(
        "select seq, tenant_id, topic, key, value, attempts from (
             select distinct on (tenant_id) * from spine.set_aside where consumer = $1 and not dead order by tenant_id, seq
         ) first where due_at <= now() order by seq limit 1",
        consumer.name(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(first) = first else { return Ok(false) };
    let row = FeedRow {
        seq: first.seq,
        tenant: first.tenant_id.map(TenantId::from_uuid),
        is_state: false,
        topic: first.topic,
        key: first.key,
        generation: 0,
        value: first.value,
    };
    match attempt(&mut tx, consumer, &row).await? {
        Ok(()) => {
            sqlx::query!(
                "delete from spine.set_aside where consumer = $1 and seq = $2",
                consumer.name(),
                row.seq
            )
            .execute(tx.conn())
            .await?;
        }
        Err(error) => {
            let attempts = first.attempts.saturating_add(1);
            let dead = attempts.unsigned_abs() >= ATTEMPTS;
            let pause = 2f64.powi(attempts.saturating_sub(1)).min(LONGEST_PAUSE);
            sqlx::query!(
                "update spine.set_aside
                 set attempts = $3, error = $4, dead = $5, due_at = now() + make_interval(secs => $6)
                 where consumer = $1 and seq = $2",
                consumer.name(),
                row.seq,
                attempts,
                error.to_string(),
                dead,
                pause,
            )
            .execute(tx.conn())
            .await?;
            if dead {
                tracing::error!(consumer = consumer.name(), seq = row.seq, topic = row.topic, key = row.key, %error, "event is dead");
                metrics::dead_event(consumer.name());
            }
        }
    }
    tx.commit().await?;
    Ok(true)
}
