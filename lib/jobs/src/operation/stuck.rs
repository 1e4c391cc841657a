//! Operations that can neither go on nor back, or cannot end, for whoever is to look at them.

use jiff::Timestamp;
use mpanel_kernel::ids::{OperationId, TenantId};
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};

use crate::{Error, Stuck};

/// What an operation is at when all its steps are over.
const END: &str = "Bring it to its end";

/// Operations with a step that fails after what cannot be taken back, and those whose end fails, each with its kind, the
/// longest first; at most `most`. Of one tenant, or of all. The subject is the operation's id, the name what it is at.
///
/// # Errors
/// When the database is away.
pub async fn stuck_operations(
    tx: &mut PlatformTx,
    of: Option<TenantId>,
    most: u32,
) -> Result<Vec<(String, Stuck)>, Error> {
    let rows = sqlx::query!(
        r#"select o.tenant_id, o.id, o.kind, o.stuck_since as "since!: Ts", o.due_at as "due_at: Ts",
                  s.title as "title?", coalesce(s.attempts, o.finish_attempts) as "attempts!",
                  coalesce(s.error, o.finish_error, '') as "problem!"
           from jobs.operations o
           left join lateral (
               select title, attempts, error from jobs.operation_steps s
               where s.tenant_id = o.tenant_id and s.operation_id = o.id and s.state <> 'done' order by position limit 1
           ) s on o.finish_attempts = 0
           where o.stuck_since is not null and o.finished_at is null and ($1::uuid is null or o.tenant_id = $1)
           order by o.stuck_since limit $2"#,
        of.map(TenantId::uuid) as _,
        i64::from(most),
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| {
        let stuck = Stuck {
            tenant: TenantId::from_uuid(row.tenant_id),
            subject: OperationId::from_uuid(row.id).to_string(),
            name: row.title.unwrap_or_else(|| END.to_owned()),
            problem: row.problem,
            failures: row.attempts.unsigned_abs(),
            since: row.since.0,
            next_at: Timestamp::from(row.due_at),
        };
        (row.kind, stuck)
    });
    Ok(rows.collect())
}

/// Makes a stuck operation due at once; `false` when it is not stuck.
///
/// # Errors
/// When the database is away.
pub async fn try_operation_now(tx: &mut TenantTx, id: OperationId) -> Result<bool, Error> {
    // Named as well, the cancellation's column wakes the workers.
    let done = sqlx::query!(
        "update jobs.operations set due_at = least(due_at, now()), cancel_requested = cancel_requested
         where tenant_id = $1 and id = $2 and stuck_since is not null and finished_at is null",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}
