use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_crypto::TokenHash;
use mpanel_kernel::ids::{ApiTokenId, TenantId, UserId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{SpineTx, TenantTx, Ts, Tx};

use crate::authz;
use crate::domain::ApiToken;
use crate::error::Error;

/// Whose token it is, for which tenant and what.
pub struct Found {
    pub id: ApiTokenId,
    pub user: UserId,
    pub tenant: TenantId,
    pub scopes: Vec<String>,
    pub totp_enabled: bool,
    /// It was not used for a while, and now is.
    pub marked: bool,
}

/// Looks a token up and marks it as used: the one query of each request of a program.
pub async fn find(
    tx: &mut SpineTx,
    token: &TokenHash,
    now: Timestamp,
    used_before: Timestamp,
) -> Result<Option<Found>, Error> {
    let row = sqlx::query!(
        r#"with used as (
               update identity.api_tokens set last_used_at = $2
               where token_hash = $1 and expires_at > $2 and (last_used_at is null or last_used_at <= $3)
               returning 1
           )
           select t.id, t.user_id, t.tenant_id, t.scopes, u.totp_secret is not null as "totp!",
                  exists(select from used) as "marked!"
           from identity.api_tokens t join identity.users u on u.id = t.user_id
           where t.token_hash = $1 and t.expires_at > $2"#,
        token.as_bytes(),
        Ts(now) as _,
        Ts(used_before) as _,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Found {
        id: ApiTokenId::from_uuid(row.id),
        user: UserId::from_uuid(row.user_id),
        tenant: TenantId::from_uuid(row.tenant_id),
        scopes: row.scopes,
        totp_enabled: row.totp,
        marked: row.marked,
    }))
}

pub async fn create(
    tx: &mut TenantTx,
    _allowed: &Allowed<authz::ApiToken, actions::Create>,
    token: &ApiToken,
    hash: &TokenHash,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into identity.api_tokens
             (tenant_id, id, user_id, name, prefix, token_hash, scopes, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tx.tenant().uuid(),
        token.id.uuid(),
        token.user.uuid(),
        token.name,
        token.prefix,
        hash.as_bytes(),
        &token.scopes,
        Ts(token.created_at) as _,
        Ts(token.expires_at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tokens for the transaction's tenant; only those of `user`, if given.
pub async fn list(tx: &mut TenantTx, user: Option<UserId>, page: PageRequest) -> Result<Vec<ApiToken>, Error> {
    select(tx, user, None, page).await
}

/// A token for the transaction's tenant, whosever it is.
pub async fn get(tx: &mut TenantTx, id: ApiTokenId) -> Result<Option<ApiToken>, Error> {
    Ok(select(tx, None, Some(id), PageRequest::default()).await?.pop())
}

async fn select(
    tx: &mut TenantTx,
    user: Option<UserId>,
    only: Option<ApiTokenId>,
    page: PageRequest,
) -> Result<Vec<ApiToken>, Error> {
    let rows = sqlx::query!(
        r#"select id, user_id, name, prefix, scopes, created_at as "created_at: Ts", expires_at as "expires_at: Ts",
                  last_used_at as "last_used_at: Ts"
           from identity.api_tokens
           where tenant_id = $1 and ($2::uuid is null or user_id = $2)
             and ($3::uuid is null or id = $3) and ($4::uuid is null or id > $4)
           order by id limit $5"#,
        tx.tenant().uuid(),
        user.map(UserId::uuid) as _,
        only.map(ApiTokenId::uuid) as _,
        page.after,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let tokens = rows.into_iter().map(|row| ApiToken {
        id: ApiTokenId::from_uuid(row.id),
        user: UserId::from_uuid(row.user_id),
        name: row.name,
        prefix: row.prefix,
        scopes: row.scopes,
        created_at: row.created_at.0,
        expires_at: row.expires_at.0,
        last_used_at: row.last_used_at.map(|at| at.0),
    });
    Ok(tokens.collect())
}

/// Removes a token; `false` when there is none such.
pub async fn delete(
    tx: &mut TenantTx,
    _allowed: &Allowed<authz::ApiToken, actions::Delete>,
    id: ApiTokenId,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "delete from identity.api_tokens where tenant_id = $1 and id = $2",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// When a token, of whatever tenant, ends.
pub async fn expiry(tx: &mut SpineTx, id: ApiTokenId) -> Result<Option<Timestamp>, Error> {
    let at = sqlx::query_scalar!(
        r#"select expires_at as "expires_at: Ts" from identity.api_tokens where id = $1"#,
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(at.map(|at| at.0))
}
