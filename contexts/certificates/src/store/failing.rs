//! Hosts that could not be seen to, and when they are tried again.

use jiff::Timestamp;
use mpanel_jobs::Stuck;
use mpanel_kernel::ids::TenantId;
use mpanel_pg::{Error, PlatformTx, TenantTx, Ts, Tx};

/// Says what keeps the host from having its certificate, and has it tried again no sooner than `then`.
pub async fn failed(
    tx: &mut TenantTx,
    host: &str,
    message: &str,
    now: Timestamp,
    then: Timestamp,
) -> Result<(), Error> {
    sqlx::query!(
        "update certificates.hosts
         set message = $3, failures = failures + 1, failing_since = coalesce(failing_since, $4), due_at = $5
         where tenant_id = $1 and host = $2",
        tx.tenant().uuid(),
        host,
        message,
        Ts(now) as _,
        Ts(then) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Nothing is wrong with the host any more.
pub async fn passed(tx: &mut TenantTx, host: &str) -> Result<(), Error> {
    sqlx::query!(
        "update certificates.hosts set message = '', failures = 0, failing_since = null, due_at = null
         where tenant_id = $1 and host = $2 and failing_since is not null",
        tx.tenant().uuid(),
        host,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How often in a row the host could not be seen to.
pub async fn failures(tx: &mut TenantTx, host: &str) -> Result<i32, Error> {
    let failures = sqlx::query_scalar!(
        "select failures from certificates.hosts where tenant_id = $1 and host = $2",
        tx.tenant().uuid(),
        host,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(failures.unwrap_or_default())
}

/// When the next of them is tried again.
pub async fn next(tx: &mut PlatformTx) -> Result<Option<Timestamp>, Error> {
    let due = sqlx::query_scalar!(
        r#"select min(due_at) as "due: Ts" from certificates.hosts where failing_since is not null"#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(due.map(Timestamp::from))
}

/// Hosts that could not be seen to several times in a row, the longest first.
pub async fn stuck(tx: &mut PlatformTx, of: Option<TenantId>, most: u32) -> Result<Vec<Stuck>, Error> {
    let rows = sqlx::query!(
        r#"select tenant_id, host, message, failures, failing_since as "since!: Ts", due_at as "due_at!: Ts"
           from certificates.hosts
           where failures > 1 and ($1::uuid is null or tenant_id = $1)
           order by failing_since limit $2"#,
        of.map(TenantId::uuid) as _,
        i64::from(most),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| Stuck {
        tenant: TenantId::from_uuid(row.tenant_id),
        name: row.host.clone(),
        subject: row.host,
        problem: row.message,
        failures: row.failures.unsigned_abs(),
        since: row.since.0,
        next_at: row.due_at.0,
    });
    Ok(rows.collect())
}

/// Makes a stuck host due; says whether it is one.
pub async fn try_now(tx: &mut TenantTx, host: &str, now: Timestamp) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update certificates.hosts set due_at = least(due_at, $3)
         where tenant_id = $1 and host = $2 and failing_since is not null",
        tx.tenant().uuid(),
        host,
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}
