//! Events that a consumer could not take on: kept beside the feed, which goes on without them, and tried again.

use std::collections::HashSet;

use mpanel_kernel::ids::{DeadEventId, TenantId};
use mpanel_pg::{Db, PlatformTx, Reason, Tx};

use crate::tail::FeedRow;
use crate::{Consumer, Error};

/// Attempts after which an event is dead: about a quarter of an hour.
pub const ATTEMPTS: u32 = 12;
/// Seconds before the second attempt, then twice as long each time, up to this.
const LONGEST_PAUSE: f64 = 120.0;

/// Events of a consumer that are set aside.
pub(crate) struct Aside {
    /// Are tried again, or have their turn after one that is.
    pub(crate) waiting: i64,
    pub(crate) dead: i64,
}

pub(crate) async fn count(db: &Db, consumer: &str) -> Result<Aside, Error> {
    let mut tx = db.spine().await?;
    let aside = sqlx::query_as!(
        Aside,
        r#"select count(*) filter (where not dead and not behind) as "waiting!", count(*) filter (where dead) as "dead!"
           from spine.set_aside where consumer = $1"#,
        consumer,
    )
    .fetch_one(tx.conn())
    .await?;
    tx.end_read();
    Ok(aside)
}

/// Tenants of which events wait; those behind them wait as well, so that each tenant's come in their order.
pub(crate) async fn held(tx: &mut PlatformTx, consumer: &str) -> Result<HashSet<Option<TenantId>>, Error> {
    let tenants = sqlx::query_scalar!(
        "select distinct tenant_id from spine.set_aside where consumer = $1 and not dead and not behind",
        consumer,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(tenants
        .into_iter()
        .map(|tenant| tenant.map(TenantId::from_uuid))
        .collect())
}

/// Resources among those of `keys` that have an event that is dead; with whose they are.
pub(crate) async fn stopped(
    tx: &mut PlatformTx,
    consumer: &str,
    keys: &[String],
) -> Result<HashSet<(Option<TenantId>, String)>, Error> {
    let rows = sqlx::query!(
        "select distinct tenant_id, key from spine.set_aside where consumer = $1 and dead and key = any($2)",
        consumer,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    let stopped = rows.into_iter();
    Ok(stopped
        .map(|row| (row.tenant_id.map(TenantId::from_uuid), row.key))
        .collect())
}

/// Has a resource's dead event tried once more, for there is another after it: by now it may work, and what stands behind it
/// follows in order.
pub(crate) async fn revive(tx: &mut PlatformTx, consumer: &str, row: &FeedRow) -> Result<(), Error> {
    sqlx::query!(
        "update spine.set_aside
         set attempts = case when dead then $4 else attempts end, dead = false, died_at = null, behind = false, due_at = now()
         where consumer = $1 and tenant_id is not distinct from $2 and key = $3 and (dead or behind)",
        consumer,
        row.tenant.map(TenantId::uuid),
        row.key,
        ATTEMPTS.saturating_sub(1).cast_signed(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
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
        "insert into spine.set_aside (consumer, seq, tenant_id, topic, key, value, attempts, error, due_at, id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $7::int), $9)
         on conflict (consumer, seq) do nothing",
        consumer,
        row.seq,
        row.tenant.map(TenantId::uuid),
        row.topic,
        row.key,
        row.value,
        attempts,
        error.map(ToString::to_string),
        DeadEventId::generate().uuid(),
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
    if count(db, consumer.name()).await?.waiting == 0 {
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
             select distinct on (tenant_id) * from spine.set_aside where consumer = $1 and not dead and not behind
             order by tenant_id, seq
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
                 set attempts = $3, error = $4, dead = $5, died_at = case when $5 then now() end,
                     due_at = now() + make_interval(secs => $6)
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
                stop(&mut tx, consumer.name(), &row).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(true)
}

/// What is set aside of the same resource after an event that is dead stays behind it.
async fn stop(tx: &mut PlatformTx, consumer: &str, dead: &FeedRow) -> Result<(), Error> {
    sqlx::query!(
        "update spine.set_aside set behind = true
         where consumer = $1 and tenant_id is not distinct from $2 and key = $3 and seq > $4",
        consumer,
        dead.tenant.map(TenantId::uuid),
        dead.key,
        dead.seq,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
