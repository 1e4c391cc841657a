//! `Idempotency-Key`: the record commits in the effect's own transaction, so there is no moment at
//! which the work is done and the answer unknown, or the other way round.

use std::time::Duration;

use jiff::SignedDuration;
use mpanel_authz::{IdempotencyKey, OpCx};
use mpanel_crypto::Place;
use mpanel_kernel::clock::Clock;
use mpanel_pg::{Db, TenantTx, Ts, Tx};

use crate::{Error, Vault};

/// How long an answer can be replayed.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How often, and how far apart, the key's lock is asked for.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) enum Claim {
    New(NewClaim),
    Done(Vec<u8>),
}

pub(crate) struct NewClaim {
    key: IdempotencyKey,
    operation: &'static str,
}

pub(crate) async fn claim(
    tx: &mut TenantTx,
    cx: &OpCx,
    key: &IdempotencyKey,
    operation: &'static str,
    vault: &Vault,
) -> Result<Claim, Error> {
    let actor = cx.actor().reference();
    // Held to the end of the transaction: whoever else comes with the key meanwhile is told so.
    let lock = format!("{}:{actor}:{}", cx.tenant(), key.key);
    if !lock_soon(tx, &lock).await? {
        return Err(Error::StillRunning);
    }
    let found = sqlx::query!(
        r#"select operation, request_hash, response, expires_at as "expires_at: Ts"
           from spine.idempotency where tenant_id = $1 and actor = $2 and key = $3"#,
        tx.tenant().uuid(),
        actor,
        key.key,
    )
    .fetch_optional(tx.conn())
    .await?;
    match found {
        Some(row) if row.expires_at.0 > cx.clock().now() => {
            if row.operation != operation || row.request_hash != key.request_hash {
                return Err(Error::KeyReused);
            }
            let sealer = vault.tenant(tx).await?;
            Ok(Claim::Done(
                sealer.open(&place(&actor, &key.key), &row.response)?.to_vec(),
            ))
        }
        _ => Ok(Claim::New(NewClaim {
            key: key.clone(),
            operation,
        })),
    }
}

/// Whether an answer can be replayed for the key.
pub(crate) async fn is_answered(tx: &mut TenantTx, cx: &OpCx, key: &IdempotencyKey) -> Result<bool, Error> {
    let answered = sqlx::query_scalar!(
        r#"select exists(
               select from spine.idempotency where tenant_id = $1 and actor = $2 and key = $3 and expires_at > $4
           ) as "answered!""#,
        tx.tenant().uuid(),
        cx.actor().reference(),
        key.key,
        Ts(cx.clock().now()) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(answered)
}

/// A request that failed gives its lock up a moment after its answer went out, when its transaction is rolled back; one
/// that follows at once must not be told that it is still running.
async fn lock_soon(tx: &mut TenantTx, lock: &str) -> Result<bool, Error> {
    for _ in 0..ATTEMPTS {
        let free = sqlx::query_scalar!(
            r#"select pg_try_advisory_xact_lock(hashtextextended($1, 17)) as "free!""#,
            lock
        )
        .fetch_one(tx.conn())
        .await?;
        if free {
            return Ok(true);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(false)
}

impl NewClaim {
    pub(crate) async fn complete(
        self,
        tx: &mut TenantTx,
        cx: &OpCx,
        response: &[u8],
        vault: &Vault,
    ) -> Result<(), Error> {
        let actor = cx.actor().reference();
        let sealed = vault.tenant(tx).await?.seal(&place(&actor, &self.key.key), response);
        let expires = cx.clock().now().saturating_add(KEPT).map_err(|_| Error::Unrecorded)?;
        sqlx::query!(
            "insert into spine.idempotency (tenant_id, actor, key, operation, request_hash, response, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (tenant_id, actor, key) do update
             set operation = excluded.operation, request_hash = excluded.request_hash,
                 response = excluded.response, expires_at = excluded.expires_at",
            tx.tenant().uuid(),
            actor,
            self.key.key,
            self.operation,
            &self.key.request_hash[..],
            sealed,
            Ts(expires) as _,
        )
        .execute(tx.conn())
        .await?;
        Ok(())
    }
}

fn place(actor: &str, key: &str) -> Place {
    Place::new("spine.idempotency", "response", format!("{actor}/{key}"))
}

/// Removes up to `most` records that can no longer be replayed; returns how many.
///
/// # Errors
/// When the database is away.
pub async fn purge_expired(db: &Db, clock: &dyn Clock, most: i64) -> Result<u64, Error> {
    let mut tx = db.spine().await?;
    let done = sqlx::query!(
        "delete from spine.idempotency where ctid = any (array(
             select ctid from spine.idempotency where expires_at < $1 limit $2
         ))",
        Ts(clock.now()) as _,
        most,
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}
