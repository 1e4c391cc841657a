use std::net::IpAddr;

use jiff::Timestamp;
use mpanel_authz::{Allowed, actions};
use mpanel_crypto::TokenHash;
use mpanel_kernel::ids::{ApiTokenId, ServiceAccountId, TenantId, UserId};
use mpanel_kernel::paging::PageRequest;
use mpanel_pg::{Look, PlatformTx, SpineTx, TenantTx, Ts, Tx};

use crate::authz;
use crate::domain::{ApiToken, Networks, TokenFacts};
use crate::error::Error;

/// Whose a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Person(UserId),
    Service(ServiceAccountId),
}

/// Whose token it is, for which tenant and what.
pub struct Found {
    pub id: ApiTokenId,
    pub holder: Holder,
    pub tenant: TenantId,
    pub scopes: Vec<String>,
    /// Lists of networks; the caller has to be in each.
    pub networks: [Networks; 2],
    pub totp_enabled: bool,
    /// It was not used for a while.
    pub due: bool,
}

/// Looks a token up: the one query of each request of a program. Those of a service account that
/// is disabled are none.
pub async fn find(
    look: &mut Look,
    token: &TokenHash,
    now: Timestamp,
    used_before: Timestamp,
) -> Result<Option<Found>, Error> {
    let row = sqlx::query!(
        r#"select t.id, t.user_id, t.service_id, t.tenant_id, t.scopes, t.allowed_networks,
                  s.allowed_networks as "service_networks?", coalesce(u.totp_secret is not null, false) as "totp!",
                  t.last_used_at is null or t.last_used_at <= $3 as "due!"
           from identity.api_tokens t
           left join identity.users u on u.id = t.user_id
           left join identity.service_accounts s
               on s.tenant_id = t.tenant_id and s.id = t.service_id and s.disabled_at is null
           where t.token_hash = $1 and t.expires_at > $2 and (u.id is not null or s.id is not null)"#,
        token.as_bytes(),
        Ts(now) as _,
        Ts(used_before) as _,
    )
    .fetch_optional(look.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let holder = match (row.user_id, row.service_id) {
        (Some(user), _) => Holder::Person(UserId::from_uuid(user)),
        (None, Some(account)) => Holder::Service(ServiceAccountId::from_uuid(account)),
        // A constraint keeps such rows out.
        (None, None) => return Ok(None),
    };
    Ok(Some(Found {
        id: ApiTokenId::from_uuid(row.id),
        holder,
        tenant: TenantId::from_uuid(row.tenant_id),
        scopes: row.scopes,
        networks: [
            Networks::stored(&row.allowed_networks),
            Networks::stored(&row.service_networks.unwrap_or_default()),
        ],
        totp_enabled: row.totp,
        due: row.due,
    }))
}

/// Marks a token as used now and from there, unless somebody else just has.
pub async fn see(
    look: &mut Look,
    (tenant, id): (TenantId, ApiTokenId),
    address: Option<IpAddr>,
    now: Timestamp,
    used_before: Timestamp,
) -> Result<(), Error> {
    sqlx::query_scalar!(
        "select identity.see_token($1, $2, $3, $4, $5)",
        tenant.uuid(),
        id.uuid(),
        Ts(used_before) as _,
        Ts(now) as _,
        address.map(|address| address.to_string()),
    )
    .fetch_one(look.conn())
    .await?;
    Ok(())
}

/// Adds a token of a person.
pub async fn create(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::ApiToken, actions::Create>,
    token: &ApiToken,
    hash: &TokenHash,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    insert(tx, Holder::Person(token.user), &token.facts, hash).await
}

/// Adds a token of a service account of the transaction's tenant.
pub async fn create_for_service(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::ServiceAccount, actions::ManageAccess>,
    account: ServiceAccountId,
    token: &TokenFacts,
    hash: &TokenHash,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    insert(tx, Holder::Service(account), token, hash).await
}

async fn insert(tx: &mut TenantTx, holder: Holder, token: &TokenFacts, hash: &TokenHash) -> Result<(), Error> {
    let (user, service) = match holder {
        Holder::Person(user) => (Some(user.uuid()), None),
        Holder::Service(account) => (None, Some(account.uuid())),
    };
    sqlx::query!(
        "insert into identity.api_tokens
             (tenant_id, id, user_id, service_id, name, prefix, token_hash, scopes, allowed_networks, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tx.tenant().uuid(),
        token.id.uuid(),
        user,
        service,
        token.name,
        token.prefix,
        hash.as_bytes(),
        &token.scopes,
        &token.networks.texts(),
        Ts(token.created_at) as _,
        Ts(token.expires_at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tokens of people for the transaction's tenant; only those of `user`, if given.
pub async fn list(tx: &mut TenantTx, user: Option<UserId>, page: PageRequest) -> Result<Vec<ApiToken>, Error> {
    let rows = select(
        tx,
        Wanted {
            user,
            ..Wanted::default()
        },
        page,
    )
    .await?;
    Ok(rows.into_iter().filter_map(of_person).collect())
}

/// A token of a person for the transaction's tenant, whoever that is.
pub async fn get(tx: &mut TenantTx, id: ApiTokenId) -> Result<Option<ApiToken>, Error> {
    let wanted = Wanted {
        id: Some(id),
        ..Wanted::default()
    };
    Ok(select(tx, wanted, PageRequest::default())
        .await?
        .pop()
        .and_then(of_person))
}

/// Tokens of a service account.
pub async fn list_of_service(
    tx: &mut TenantTx,
    account: ServiceAccountId,
    page: PageRequest,
) -> Result<Vec<TokenFacts>, Error> {
    let wanted = Wanted {
        service: Some(account),
        ..Wanted::default()
    };
    let rows = select(tx, wanted, page).await?;
    Ok(rows.into_iter().map(|(_, facts)| facts).collect())
}

/// A token of a service account.
pub async fn get_of_service(
    tx: &mut TenantTx,
    account: ServiceAccountId,
    id: ApiTokenId,
) -> Result<Option<TokenFacts>, Error> {
    let wanted = Wanted {
        service: Some(account),
        id: Some(id),
        ..Wanted::default()
    };
    let mut rows = select(tx, wanted, PageRequest::default()).await?;
    Ok(rows.pop().map(|(_, facts)| facts))
}

/// Which tokens; without `service` it is people's.
#[derive(Default)]
struct Wanted {
    user: Option<UserId>,
    service: Option<ServiceAccountId>,
    id: Option<ApiTokenId>,
}

fn of_person((user, facts): (Option<UserId>, TokenFacts)) -> Option<ApiToken> {
    Some(ApiToken { user: user?, facts })
}

async fn select(
    tx: &mut TenantTx,
    wanted: Wanted,
    page: PageRequest,
) -> Result<Vec<(Option<UserId>, TokenFacts)>, Error> {
    let rows = sqlx::query!(
        r#"select id, user_id, name, prefix, scopes, allowed_networks, created_at as "created_at: Ts",
                  expires_at as "expires_at: Ts", last_used_at as "last_used_at: Ts", last_used_address
           from identity.api_tokens
           where tenant_id = $1 and ($2::uuid is null or user_id = $2) and service_id is not distinct from $3
             and ($4::uuid is null or id = $4) and ($5::uuid is null or id > $5)
           order by id limit $6"#,
        tx.tenant().uuid(),
        wanted.user.map(UserId::uuid) as _,
        wanted.service.map(ServiceAccountId::uuid) as _,
        wanted.id.map(ApiTokenId::uuid) as _,
        page.after,
        page.fetch(),
    )
    .fetch_all(tx.conn())
    .await?;
    let tokens = rows.into_iter().map(|row| {
        let facts = TokenFacts {
            id: ApiTokenId::from_uuid(row.id),
            name: row.name,
            prefix: row.prefix,
            scopes: row.scopes,
            networks: Networks::stored(&row.allowed_networks),
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
            last_used_at: row.last_used_at.map(|at| at.0),
            last_used_address: row.last_used_address.and_then(|address| address.parse().ok()),
        };
        (row.user_id.map(UserId::from_uuid), facts)
    });
    Ok(tokens.collect())
}

/// How many of the holder's tokens for the transaction's tenant are valid now.
pub async fn valid(tx: &mut TenantTx, holder: Holder, now: Timestamp) -> Result<i64, Error> {
    let (user, service) = match holder {
        Holder::Person(user) => (Some(user.uuid()), None),
        Holder::Service(account) => (None, Some(account.uuid())),
    };
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from identity.api_tokens
           where tenant_id = $1 and user_id is not distinct from $2 and service_id is not distinct from $3
             and expires_at > $4"#,
        tx.tenant().uuid(),
        user,
        service,
        Ts(now) as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// Removes up to `most` tokens that ended before a moment; says how many there were.
pub async fn forget(tx: &mut PlatformTx, before: Timestamp, most: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "delete from identity.api_tokens t using (
             select tenant_id, id from identity.api_tokens where expires_at < $1 limit $2
         ) old where t.tenant_id = old.tenant_id and t.id = old.id",
        Ts(before) as _,
        most,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Removes a token; `false` when there is none such.
pub async fn delete(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::ApiToken, actions::Delete>,
    id: ApiTokenId,
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let done = sqlx::query!(
        "delete from identity.api_tokens where tenant_id = $1 and id = $2 and service_id is null",
        tx.tenant().uuid(),
        id.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes a token of a service account; `false` when there is none such.
pub async fn delete_of_service(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::ServiceAccount, actions::ManageAccess>,
    (account, id): (ServiceAccountId, ApiTokenId),
) -> Result<bool, Error> {
    allowed.holds_in(tx.tenant())?;
    let done = sqlx::query!(
        "delete from identity.api_tokens where tenant_id = $1 and id = $2 and service_id = $3",
        tx.tenant().uuid(),
        id.uuid(),
        account.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Lets a token of a service account end sooner.
pub async fn shorten(
    tx: &mut TenantTx,
    allowed: &Allowed<authz::ServiceAccount, actions::ManageAccess>,
    (account, id): (ServiceAccountId, ApiTokenId),
    at: Timestamp,
) -> Result<(), Error> {
    allowed.holds_in(tx.tenant())?;
    sqlx::query!(
        "update identity.api_tokens set expires_at = least(expires_at, $4)
         where tenant_id = $1 and id = $2 and service_id = $3",
        tx.tenant().uuid(),
        id.uuid(),
        account.uuid(),
        Ts(at) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How far a token, of whatever tenant, goes: when it ends, and the lists of networks in each of which its user has to be.
pub async fn limits(tx: &mut SpineTx, id: ApiTokenId) -> Result<Option<(Timestamp, [Networks; 2])>, Error> {
    let row = sqlx::query!(
        r#"select t.expires_at as "expires_at: Ts", t.allowed_networks, s.allowed_networks as "service_networks?"
           from identity.api_tokens t
           left join identity.service_accounts s on s.tenant_id = t.tenant_id and s.id = t.service_id
           where t.id = $1"#,
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| {
        let own = Networks::stored(&row.allowed_networks);
        let account = Networks::stored(&row.service_networks.unwrap_or_default());
        (row.expires_at.0, [own, account])
    }))
}
