use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use mpanel_kernel::ids::UserId;
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{PlatformTx, TenantTx, Ts, Tx};

use crate::domain::{Device, Origin, Proof, Refused, SecondFactor, SignInEntry, SignInId, SinceLast};
use crate::error::Error;

/// Lines kept of an account, of each kind: successes cannot be pushed out by somebody who fails.
const KEPT: i64 = 100;
/// Refused attempts from one place within this are one line.
const TOGETHER: SignedDuration = SignedDuration::from_hours(1);
/// A password without a code, followed by one with it, was the first half of signing in.
const FIRST_HALF: SignedDuration = SignedDuration::from_mins(15);

/// Adds that a user of the transaction's tenant has shown who they are.
pub async fn succeeded(
    tx: &mut TenantTx,
    user: UserId,
    proof: Proof,
    factor: Option<SecondFactor>,
    from: &Origin,
    now: Timestamp,
) -> Result<(), Error> {
    let tenant = tx.tenant().uuid();
    let address = from.address.map(|address| address.to_string());
    sqlx::query!(
        "delete from identity.sign_ins
         where tenant_id = $1 and user_id = $2 and result = 'code_missing' and at > $3 and address is not distinct from $4",
        tenant,
        user.uuid(),
        Ts(ago(now, FIRST_HALF)) as _,
        address,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into identity.sign_ins
             (tenant_id, id, user_id, kind, result, factor, first_at, at, address, host, user_agent)
         values ($1, $2, $3, $4, 'ok', $5, $6, $6, $7, $8, $9)",
        tenant,
        SignInId::generate().uuid(),
        user.uuid(),
        proof.as_str(),
        factor.map(SecondFactor::as_str),
        Ts(now) as _,
        address,
        from.host,
        from.user_agent,
    )
    .execute(tx.conn())
    .await?;
    trim(tx, user, true).await
}

/// Adds an attempt that was refused for a user of the transaction's tenant.
pub async fn refused(tx: &mut TenantTx, user: UserId, attempt: &Refused) -> Result<(), Error> {
    let tenant = tx.tenant().uuid();
    let from = &attempt.from;
    let address = from.address.map(|address| address.to_string());
    let again = sqlx::query!(
        "update identity.sign_ins set at = $7, attempts = attempts + 1
         where tenant_id = $1 and id = (
             select id from identity.sign_ins
             where tenant_id = $1 and user_id = $2 and kind = $3 and result = $4 and address is not distinct from $5
               and user_agent = $6 and first_at > $8
             order by at desc limit 1)",
        tenant,
        user.uuid(),
        attempt.proof.as_str(),
        attempt.why.as_str(),
        address,
        from.user_agent,
        Ts(attempt.at) as _,
        Ts(ago(attempt.at, TOGETHER)) as _,
    )
    .execute(tx.conn())
    .await?;
    if again.rows_affected() > 0 {
        return Ok(());
    }
    sqlx::query!(
        "insert into identity.sign_ins
             (tenant_id, id, user_id, kind, result, first_at, at, address, host, user_agent)
         values ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9)",
        tenant,
        SignInId::generate().uuid(),
        user.uuid(),
        attempt.proof.as_str(),
        attempt.why.as_str(),
        Ts(attempt.at) as _,
        address,
        from.host,
        from.user_agent,
    )
    .execute(tx.conn())
    .await?;
    trim(tx, user, false).await
}

async fn trim(tx: &mut TenantTx, user: UserId, succeeded: bool) -> Result<(), Error> {
    sqlx::query!(
        "delete from identity.sign_ins where tenant_id = $1 and id in (
             select id from identity.sign_ins where tenant_id = $1 and user_id = $2 and (result = 'ok') = $3
             order by at desc, id desc offset $4)",
        tx.tenant().uuid(),
        user.uuid(),
        succeeded,
        KEPT,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What was refused between the user's last sign-in and the one before it.
pub async fn since_last(tx: &mut TenantTx, user: UserId) -> Result<SinceLast, Error> {
    let row = sqlx::query!(
        r#"with last as (
               select at from identity.sign_ins
               where tenant_id = $1 and user_id = $2 and kind = 'sign_in' and result = 'ok'
               order by at desc offset 1 limit 1
           )
           select (select at from last) as "at: Ts", coalesce(sum(attempts), 0)::bigint as "refused!"
           from identity.sign_ins
           where tenant_id = $1 and user_id = $2 and result <> 'ok' and at > coalesce((select at from last), 'epoch')"#,
        tx.tenant().uuid(),
        user.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(SinceLast {
        at: row.at.map(|at| at.0),
        refused: row.refused.unsigned_abs(),
    })
}

/// The history of a user of the transaction's tenant, newest first.
pub async fn list(tx: &mut TenantTx, user: UserId, page: PageRequest) -> Result<Vec<SignInEntry>, Error> {
    let rows = sqlx::query!(
        r#"select id, kind, result, factor, first_at as "first_at: Ts", at as "at: Ts", attempts, address, host, user_agent
           from identity.sign_ins
           where tenant_id = $1 and user_id = $2 and ($3::uuid is null or id < $3)
           order by id desc limit $4"#,
        tx.tenant().uuid(),
        user.uuid(),
        page.after,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let entries = rows.into_iter().map(|row| SignInEntry {
        id: SignInId::from_uuid(row.id),
        kind: row.kind,
        result: row.result,
        factor: row.factor,
        first_at: row.first_at.0,
        at: row.at.0,
        attempts: u32::try_from(row.attempts).unwrap_or_default(),
        address: row.address.and_then(|address| address.parse::<IpAddr>().ok()),
        host: row.host,
        device: Device::of(&row.user_agent),
    });
    Ok(entries.collect())
}

/// Forgets lines, of whomever, from before; at most so many, and returns how many.
pub async fn forget(tx: &mut PlatformTx, before: Timestamp, most: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "delete from identity.sign_ins s using (
             select tenant_id, id from identity.sign_ins where at < $1 limit $2
         ) old where s.tenant_id = old.tenant_id and s.id = old.id",
        Ts(before) as _,
        most,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

fn ago(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.saturating_sub(span).unwrap_or(Timestamp::MIN)
}
