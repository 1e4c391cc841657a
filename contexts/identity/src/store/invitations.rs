use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_crypto::TokenHash;
use mpanel_kernel::ids::UserId;
use mpanel_kernel::names::EmailAddress;
use mpanel_pg::{TenantTx, Ts, Tx};

use crate::authz;
use crate::error::Error;

/// An account that waits, and its link.
pub struct Waiting {
    pub user: UserId,
    pub email: EmailAddress,
    pub name: String,
    pub mailed: bool,
    pub expires_at: Timestamp,
}

/// Accounts of the transaction's tenant that nobody has activated, those that were invited last first; only `user`'s, if
/// given. Nobody invites more than `most`.
pub async fn waiting(tx: &mut TenantTx, user: Option<UserId>, most: i64) -> Result<Vec<Waiting>, Error> {
    let rows = sqlx::query!(
        r#"select u.id, u.email, u.name, a.mail_token_hash is not null as "mailed!", a.expires_at as "expires_at: Ts"
           from identity.activations a
           join identity.users u on u.tenant_id = a.tenant_id and u.id = a.user_id
           where a.tenant_id = $1 and u.password_hash is null and ($2::uuid is null or u.id = $2)
           order by a.expires_at desc, u.id limit $3"#,
        tx.tenant().uuid(),
        user.map(UserId::uuid) as _,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let waiting = rows.into_iter().filter_map(|row| {
        Some(Waiting {
            user: UserId::from_uuid(row.id),
            // Checked when it was stored.
            email: EmailAddress::parse(&row.email).ok()?,
            name: row.name,
            mailed: row.mailed,
            expires_at: row.expires_at.0,
        })
    });
    Ok(waiting.collect())
}

/// Makes these the only links of an account that waits; `false` when it waits no more.
pub async fn renew(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Invitation, actions::ManageAccess>,
    user: UserId,
    (token, mailed): (&TokenHash, Option<&TokenHash>),
    expires_at: Timestamp,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let done = sqlx::query!(
        "update identity.activations a set token_hash = $3, mail_token_hash = $4, expires_at = $5
         from identity.users u
         where a.tenant_id = $1 and a.user_id = $2 and u.tenant_id = $1 and u.id = $2 and u.password_hash is null",
        tx.tenant().uuid(),
        user.uuid(),
        token.as_bytes(),
        mailed.map(TokenHash::as_bytes) as _,
        Ts(expires_at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes the link of an account that waits, and with it the account; `false` when it waits no more.
pub async fn revoke(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::Invitation, actions::Delete>,
    user: UserId,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "delete from identity.activations a using identity.users u
         where a.tenant_id = $1 and a.user_id = $2 and u.tenant_id = $1 and u.id = $2 and u.password_hash is null",
        tx.tenant().uuid(),
        user.uuid(),
    )
    .execute(tx.conn())
    .await?;
    let done = sqlx::query!(
        "delete from identity.users where tenant_id = $1 and id = $2 and password_hash is null",
        tx.tenant().uuid(),
        user.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
