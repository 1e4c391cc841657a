use jiff::Timestamp;
use mpanel_crypto::TokenHash;
use mpanel_kernel::ids::{TenantId, UserId};
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::{SpineTx, TenantTx, Ts, Tx};

use crate::domain::RealmId;
use crate::error::Error;

/// Finds or makes an account; returns it and whether its owner has activated it.
pub async fn invite(
    tx: &mut TenantTx,
    realm: RealmId,
    home: TenantId,
    (email, name): (&EmailAddress, &str),
    (token, mailed, expires_at): (&TokenHash, &TokenHash, Timestamp),
    now: Timestamp,
) -> Result<(UserId, bool), mpanel_pg::Error> {
    let row = sqlx::query!(
        r#"select user_id as "user_id!", active as "active!"
           from identity.invite($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#,
        UserId::generate().uuid(),
        realm.uuid(),
        home.uuid(),
        email.as_str(),
        email.normalised(),
        name,
        token.as_bytes(),
        mailed.as_bytes(),
        Ts(expires_at) as _,
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((UserId::from_uuid(row.user_id), row.active))
}

/// Whom a token would activate.
pub struct Found {
    pub user: UserId,
    /// The home of the account: the tenant that invites.
    pub home: TenantId,
    /// In which the account that was made signs in, and any that may join in its place.
    pub realm: RealmId,
    /// Whether the token went by mail, and so shows that the address is its holder's.
    pub by_mail: bool,
}

pub async fn find(tx: &mut SpineTx, token: &TokenHash, now: Timestamp) -> Result<Option<Found>, Error> {
    let row = sqlx::query!(
        r#"select a.user_id, a.tenant_id, u.realm_id, a.token_hash <> $1 as "by_mail!"
           from identity.activations a
           join identity.users u on u.id = a.user_id
           where (a.token_hash = $1 or a.mail_token_hash = $1) and a.expires_at > $2"#,
        token.as_bytes(),
        Ts(now) as _,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Found {
        user: UserId::from_uuid(row.user_id),
        home: TenantId::from_uuid(row.tenant_id),
        realm: RealmId::from_uuid(row.realm_id),
        by_mail: row.by_mail,
    }))
}

/// Uses a token up, and the other one with it; of two that come together one gets `false`.
pub async fn take(tx: &mut TenantTx, token: &TokenHash, now: Timestamp) -> Result<bool, Error> {
    let done = sqlx::query!(
        "delete from identity.activations
         where tenant_id = $1 and (token_hash = $2 or mail_token_hash = $2) and expires_at > $3",
        tx.tenant().uuid(),
        token.as_bytes(),
        Ts(now) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
