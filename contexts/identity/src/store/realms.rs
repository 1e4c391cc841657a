use jiff::Timestamp;
use mpanel_crypto::TokenHash;
use mpanel_pg::{SpineTx, TenantTx, Ts, Tx};

use crate::domain::RealmId;
use crate::error::Error;

/// Finds the realm without a brand, or makes it at the very first start.
pub async fn plant(tx: &mut SpineTx, now: Timestamp) -> Result<RealmId, Error> {
    // Two servers that start at once must not make two.
    sqlx::query!("select pg_advisory_xact_lock(5, 1)")
        .execute(tx.conn())
        .await?;
    let found = sqlx::query_scalar!("select id from identity.realms where brand is null order by created_at limit 1")
        .fetch_optional(tx.conn())
        .await?;
    if let Some(id) = found {
        return Ok(RealmId::from_uuid(id));
    }
    let id = RealmId::generate();
    sqlx::query!(
        "insert into identity.realms (id, name, created_at) values ($1, 'default', $2)",
        id.uuid(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}

pub async fn is_claimed(tx: &mut SpineTx, realm: RealmId) -> Result<bool, Error> {
    let claimed = sqlx::query_scalar!(
        r#"select claimed_at is not null as "claimed!" from identity.realms where id = $1"#,
        realm.uuid()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(claimed.unwrap_or(false))
}

/// Sets the only claim token that works; `false` when the installation is claimed.
pub async fn offer_claim(
    tx: &mut SpineTx,
    realm: RealmId,
    token: &TokenHash,
    expires_at: Timestamp,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update identity.realms set claim_hash = $2, claim_expires_at = $3 where id = $1 and claimed_at is null",
        realm.uuid(),
        token.as_bytes(),
        Ts(expires_at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether the token would claim the installation now; taking it is another matter.
pub async fn is_claimable(tx: &mut SpineTx, token: &TokenHash, now: Timestamp) -> Result<bool, Error> {
    let found = sqlx::query_scalar!(
        r#"select exists (
               select from identity.realms where claim_hash = $1 and claim_expires_at > $2 and claimed_at is null
           ) as "found!""#,
        token.as_bytes(),
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// Takes the claim; of two that come together one gets `false`.
pub async fn take_claim(tx: &mut TenantTx, token: &TokenHash, now: Timestamp) -> Result<bool, Error> {
    let taken = sqlx::query_scalar!(
        r#"select identity.take_claim($1, $2) as "taken!""#,
        token.as_bytes(),
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(taken)
}
